//! The process around the services: sockets, middleware, health, draining.
//!
//! - `phase`: loading → serving → draining, and what health says of it
//! - `grpc`: the gRPC listener with [`layers`] around the services
//! - `admin`: liveness, readiness and metrics over HTTP; `gauges`: what metrics read when asked
//! - `places`: how many connections there may be; `accept`: no more than that; `aging`: they end
//! - `tls`: certificates, and the handshakes
//! - [`auth`]: who a client is, and what it may do
//! - `reload`: files that are read again when they change
//! - `signals`: the first signal drains, the second ends

mod accept;
mod admin;
mod aging;
pub mod auth;
mod gauges;
mod grpc;
pub mod layers;
mod phase;
mod places;
mod reload;
mod signals;
pub mod tls;

use std::{io, net::SocketAddr, sync::Arc, time::Instant};

use http::HeaderName;
use tokio::net::TcpListener;

use crate::{
    config::{Compute, ConfigError, OptionalAddress, PRELOAD_ALL, PRELOAD_NONE, Settings},
    rpc::{
        Answers, Api,
        client::Quota,
        domain::{ComputeType, Domain, DomainCell, DomainSettings, Loading, OpenError, Preload},
        draining::Drain,
        request::Limits,
    },
    telemetry,
};
use auth::{Identities, Naming, TokenStore};
use phase::Phases;
use places::Places;
use signals::Signals;

/// Why a server did not start or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("cannot listen on {address} (setting `{setting}`): {source}")]
    Bind {
        address: SocketAddr,
        setting: &'static str,
        source: io::Error,
    },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Tokens(#[from] auth::TokensError),
    #[error(
        "setting `client_id_key`: {0:?} is no metadata key: use small letters, digits and dashes"
    )]
    ClientIdKey(String),
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    #[error("the gRPC server ended: {0}")]
    Grpc(String),
    #[error("metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    #[error("signals: {0}")]
    Signals(io::Error),
    #[error("the contract's descriptors: {0}")]
    Contract(String),
}

/// The services of these settings, without models yet, and what tells their streams that the end begins.
pub fn api(settings: &Settings, started: Instant) -> (Api, Drain) {
    let (drain, draining) = Drain::new();
    let api = Api {
        domain: DomainCell::default(),
        limits: Limits {
            max_text_bytes: settings.max_text_bytes,
            max_duration: None,
        },
        inference_threads: settings.inference_threads.get(),
        started,
        draining,
        answers: match settings.compress_answers {
            true => Answers::Compressed,
            false => Answers::Plain,
        },
    };
    (api, drain)
}

/// Opens the domain; takes as long as reading the files of the models that are preloaded does.
pub async fn load(settings: &Settings) -> Result<Domain, ServerError> {
    let preload = match settings.preload.trim() {
        PRELOAD_ALL => Preload::All,
        PRELOAD_NONE => Preload::These(Vec::new()),
        ids => Preload::These(ids.split(',').map(|id| id.trim().to_owned()).collect()),
    };
    let domain = Domain::open(DomainSettings {
        models: settings.models_folders()?,
        threads: settings.inference_threads,
        loading: Loading {
            compute: match settings.compute_type {
                Compute::Int8 => ComputeType::Int8,
                Compute::F32 => ComputeType::F32,
            },
            shortlist: settings.shortlist,
        },
        pin_threads: settings.pin_threads,
        queue_tokens: settings.queue_tokens,
        queue_wait: settings.queue_wait,
        memory_budget: settings.memory_budget_bytes,
        text_memory: settings.text_memory_bytes,
        cache: settings.cache_bytes,
        preload,
        translate_by_instruction: settings.translate_by_instruction,
    });
    Ok(domain.await?)
}

/// Serves until a signal says to end.
///
/// The sockets are bound first, so that a port in use is told at once and probes get an answer;
/// requests are answered with UNAVAILABLE until the models are loaded.
pub async fn run(settings: Settings, started: Instant) -> Result<(), ServerError> {
    let mut signals = Signals::new().map_err(ServerError::Signals)?;
    let metrics = telemetry::record_metrics()?;
    metrics::gauge!("depeche_models_memory_budget_bytes").set(settings.memory_budget_bytes as f64);
    let (mut api, drain) = api(&settings, started);
    api.limits.max_duration = Some(settings.max_request_duration);
    tokio::spawn(admin::keep_up(metrics.clone()));
    let (mut phases, health) = Phases::new().await;
    let places = Places::new(settings.max_connections);

    let (listener, address) = bind(settings.listen, "listen").await?;
    let mut admin_address = OptionalAddress(None);
    if let Some(admin) = settings.admin.0 {
        let (listener, address) = bind(admin, "admin").await?;
        admin_address = OptionalAddress(Some(address));
        let told = gauges::Told {
            domain: api.domain.clone(),
            places: places.clone(),
        };
        tokio::spawn(admin::serve(listener, phases.watch(), metrics, told));
    }
    tracing::info!(grpc = %address, admin = %admin_address, "bound");
    let serving = grpc::Serving {
        api: api.clone(),
        health,
        reflection: match settings.reflection {
            true => grpc::Reflection::Served,
            false => grpc::Reflection::Hidden,
        },
        identities: identities(&settings)?,
        connections: grpc::Connections {
            max_age: settings.max_connection_age,
            grace: settings.max_connection_grace,
            streams: settings.max_concurrent_streams,
            header_bytes: settings.max_header_bytes,
            handshake_timeout: settings.handshake_timeout,
            keepalive_interval: settings.keepalive_interval,
            keepalive_timeout: settings.keepalive_timeout,
            receive_timeout: settings.receive_timeout,
            receive_bytes: settings.receive_bytes,
            send_timeout: settings.send_timeout,
        },
    };
    let mut grpc = match tls_files(&settings) {
        Some(files) => {
            let handshakes = tls::Handshakes {
                most: places.all(),
                time: settings.handshake_timeout,
            };
            let accepted = accept::accepted(listener, places);
            let incoming = tls::incoming(accepted, files, handshakes)?;
            grpc::Running::start(incoming, serving)?
        }
        None => grpc::Running::start(accept::accepted(listener, places), serving)?,
    };

    let domain = tokio::select! {
        domain = load(&settings) => domain?,
        () = signals.next() => return Ok(()),
        ended = grpc.ended() => return ended,
    };
    let models = domain.pool.ids().count();
    api.domain.fill(domain);
    phases.serving().await;
    tracing::info!(models, ms = started.elapsed().as_millis() as u64, "ready");

    tokio::select! {
        () = signals.next() => {}
        ended = grpc.ended() => return ended,
    }
    tracing::info!(timeout = ?settings.drain_timeout, "draining");
    phases.draining().await;
    drain.begin();
    grpc.stop_accepting();
    tokio::select! {
        ended = grpc.ended() => ended,
        () = tokio::time::sleep(settings.drain_timeout) => {
            tracing::warn!("requests were still under way at the end of drain_timeout");
            Ok(())
        }
        () = signals.next() => {
            tracing::warn!("ended by a second signal with requests under way");
            Ok(())
        }
    }
}

fn identities(settings: &Settings) -> Result<Identities, ServerError> {
    let key = &settings.client_id_key;
    let key: HeaderName = key
        .parse()
        .map_err(|_| ServerError::ClientIdKey(key.clone()))?;
    let tokens = settings.tokens_file.clone();
    let quotas = settings.quotas.iter().map(|(account, quota)| {
        let quota = Quota {
            tokens_in_flight: quota.tokens_in_flight,
            tokens_per_second: quota.tokens_per_second,
        };
        (account.clone(), quota)
    });
    Ok(Identities {
        tokens: tokens.map(TokenStore::open).transpose()?,
        naming: Naming {
            key,
            peers: settings.trusted_peers.clone(),
        },
        quotas: Arc::new(quotas.collect()),
    })
}

fn tls_files(settings: &Settings) -> Option<tls::Files> {
    Some(tls::Files {
        cert: settings.tls_cert.clone()?,
        key: settings.tls_key.clone()?,
        client_ca: settings.tls_client_ca.clone(),
    })
}

async fn bind(
    address: SocketAddr,
    setting: &'static str,
) -> Result<(TcpListener, SocketAddr), ServerError> {
    let error = |source| ServerError::Bind {
        address,
        setting,
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(error)?;
    let bound = listener.local_addr().map_err(error)?;
    Ok((listener, bound))
}
