//! The process around the services: sockets, middleware, health, draining.
//!
//! - `phase`: loading → serving → draining, and what health says of it
//! - `grpc`: the gRPC listener with [`layers`] around the services
//! - `admin`: liveness, readiness and metrics over HTTP
//! - `signals`: the first signal drains, the second ends

mod admin;
mod grpc;
pub mod layers;
mod phase;
mod signals;

use std::{io, net::SocketAddr, path::PathBuf, time::Instant};

use tokio::net::TcpListener;

use crate::{
    config::{ConfigError, Settings},
    rpc::{
        Api,
        domain::{Domain, DomainCell, OpenError},
        request::Limits,
    },
    telemetry,
};
use phase::Phases;
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
    #[error("loading the models failed: {0}")]
    Loading(tokio::task::JoinError),
    #[error("the gRPC server ended: {0}")]
    Grpc(String),
    #[error("metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    #[error("signals: {0}")]
    Signals(io::Error),
    #[error("the contract's descriptors: {0}")]
    Contract(String),
}

/// The services of these settings, without models yet.
pub fn api(settings: &Settings, started: Instant) -> Api {
    Api {
        domain: DomainCell::default(),
        limits: Limits {
            max_text_bytes: settings.max_text_bytes,
        },
        inference_threads: settings.inference_threads.get(),
        started,
    }
}

/// Loads the models; takes as long as reading their files does.
pub async fn load(settings: &Settings) -> Result<Domain, ServerError> {
    let folder: PathBuf = settings.models_folder()?;
    let (threads, queue_tokens) = (settings.inference_threads, settings.queue_tokens);
    let opening = tokio::task::spawn_blocking(move || Domain::open(&folder, threads, queue_tokens));
    Ok(opening.await.map_err(ServerError::Loading)??)
}

/// Serves until a signal says to end.
///
/// The sockets are bound first, so that a port in use is told at once and probes get an answer;
/// requests are answered with UNAVAILABLE until the models are loaded.
pub async fn run(settings: Settings, started: Instant) -> Result<(), ServerError> {
    let mut signals = Signals::new().map_err(ServerError::Signals)?;
    let metrics = telemetry::record_metrics()?;
    let api = api(&settings, started);
    let (mut phases, health) = Phases::new().await;

    let (listener, address) = bind(settings.listen, "listen").await?;
    let (admin_listener, admin_address) = bind(settings.admin, "admin").await?;
    tracing::info!(grpc = %address, admin = %admin_address, "bound");
    tokio::spawn(admin::serve(admin_listener, phases.watch(), metrics));
    let mut grpc = grpc::Running::start(listener, api.clone(), health)?;

    let domain = tokio::select! {
        domain = load(&settings) => domain?,
        () = signals.next() => return Ok(()),
        ended = grpc.ended() => return ended,
    };
    let models = domain.models.len();
    api.domain.fill(domain);
    phases.serving().await;
    tracing::info!(models, ms = started.elapsed().as_millis() as u64, "ready");

    tokio::select! {
        () = signals.next() => {}
        ended = grpc.ended() => return ended,
    }
    tracing::info!(timeout = ?settings.drain_timeout, "draining");
    phases.draining().await;
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
