//! The gRPC listener: HTTP/2 limits, middleware, services, reflection.

use std::{convert::Infallible, time::Duration};

use futures::{Stream, StreamExt, future::try_join_all, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tonic::{
    codec::CompressionEncoding,
    transport::{Server, server::Connected},
};
use tonic_health::pb::health_server::{Health, HealthServer};

use crate::{
    rpc::{self, Api, proto},
    server::{
        ServerError,
        aging::{Aging, Times},
        auth::Identities,
        layers::{bad_message, catch_panic, identify, observe, receive, send},
        places::Place,
    },
};

/// Bytes that a client may send ahead on one stream: a thousand short documents of a batch.
const STREAM_WINDOW: u32 = 128 << 10;
/// … and on all streams of a connection. The transport ends a connection whose small messages wait
/// to be read and cost more than half of this in bookkeeping: with the window that an adaptive one
/// begins with, a batch of some two hundred short documents ended it, and all other calls with it.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Requests that break the protocol, on one connection: more end it.
const FAULTY_RESETS: usize = 64;
/// Connections of one process end at so many different ages, so that those that began together do not
/// come again together.
const AGES: usize = 8;
/// How far ages differ, as a part of them.
const AGE_SPREAD: f64 = 0.1;

/// What connections may do.
#[derive(Clone, Debug)]
pub struct Connections {
    pub max_age: Duration,
    pub grace: Duration,
    /// Requests of one connection. A mesh multiplexes all its clients over few connections.
    pub streams: u32,
    pub header_bytes: u32,
    /// How long the preface of HTTP/2 may take to arrive.
    pub handshake_timeout: Duration,
    /// After so much silence a client is asked whether it is there: the work of those that vanished would
    /// otherwise go on.
    pub keepalive_interval: Duration,
    pub keepalive_timeout: Duration,
    /// How long a message may take to arrive.
    pub receive_timeout: Duration,
    /// Bytes of all messages that are arriving.
    pub receive_bytes: usize,
    /// How long an answer may lie unread.
    pub send_timeout: Duration,
}

/// Whether clients may ask for the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reflection {
    Served,
    Hidden,
}

/// What the listener is made of beside its sockets.
pub struct Serving<H: Health> {
    pub api: Api,
    pub health: HealthServer<H>,
    pub reflection: Reflection,
    pub identities: Identities,
    pub connections: Connections,
}

/// A server at work.
pub struct Running {
    servers: JoinHandle<Result<(), tonic::transport::Error>>,
    stop: Option<watch::Sender<()>>,
}

impl Running {
    /// Begins to accept connections.
    pub fn start<Connection>(
        incoming: impl Stream<Item = (Connection, Place)> + Send + 'static,
        serving: Serving<impl Health>,
    ) -> Result<Self, ServerError>
    where
        Connection: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        let Serving {
            api,
            health,
            reflection: reflecting,
            identities,
            connections,
        } = serving;
        let contract = |error: &dyn std::fmt::Display| ServerError::Contract(error.to_string());
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        // Clients that compress do so on all services of a channel.
        macro_rules! compressed {
            ($service:expr) => {
                $service
                    .accept_compressed(CompressionEncoding::Gzip)
                    .accept_compressed(CompressionEncoding::Zstd)
            };
        }
        let health = compressed!(health);
        let methods = observe::Methods::of_contract().map_err(|error| contract(&error))?;
        let patience =
            receive::Patience::of_contract(connections.receive_timeout, connections.receive_bytes)
                .map_err(|error| contract(&error))?;
        let mut routes = rpc::routes(api).add_service(health);
        if reflecting == Reflection::Served {
            let v1 = reflection().build_v1().map_err(|error| contract(&error))?;
            let v1alpha = reflection().build_v1alpha();
            let v1alpha = v1alpha.map_err(|error| contract(&error))?;
            routes = routes
                .add_service(compressed!(v1))
                .add_service(compressed!(v1alpha));
        }
        let routes = routes.prepare();
        let (stop, stopped) = watch::channel(());
        let mut lanes = Vec::with_capacity(AGES);
        let mut servers = Vec::with_capacity(AGES);
        for lane in 0..AGES {
            let part = (lane as f64 + fastrand::f64()) / AGES as f64;
            let age = 1.0 - AGE_SPREAD + 2.0 * AGE_SPREAD * part;
            let age = connections.max_age.mul_f64(age);
            let most = age.saturating_add(connections.grace);
            let times = Times {
                preface: connections.handshake_timeout,
                life: most,
            };
            let (lead, connected) = mpsc::channel::<(Connection, Place)>(1);
            lanes.push(lead);
            let connected = stream::unfold(connected, async |mut connected| {
                Some((connected.recv().await?, connected))
            });
            let connected = connected.map(move |(connection, place)| {
                Ok::<_, Infallible>(Aging::new(connection, place, times))
            });
            let mut stopped = stopped.clone();
            let server = Server::builder()
                .max_concurrent_streams(Some(connections.streams))
                .max_connection_age(age)
                .http2_max_header_list_size(connections.header_bytes)
                // An impatient client takes back all that it has open at a time before it was looked at, and
                // behind a proxy that must not end the calls of others; what floods take back beyond it
                // ends the connection (CVE-2023-44487).
                .http2_max_pending_accept_reset_streams(Some(connections.streams as usize))
                .http2_max_local_error_reset_streams(Some(FAULTY_RESETS))
                .http2_keepalive_interval(Some(connections.keepalive_interval))
                .http2_keepalive_timeout(Some(connections.keepalive_timeout))
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .layer(send::layer(connections.send_timeout))
                .layer(observe::layer(methods.clone()))
                .layer(bad_message::layer())
                .layer(catch_panic::layer())
                .layer(identify::layer(identities.clone()))
                .layer(receive::layer(patience.clone()))
                .add_routes(routes.clone())
                .serve_with_incoming_shutdown(connected, async move {
                    // A sender that is gone stops the server, too.
                    let _ = stopped.changed().await;
                });
            servers.push(server);
        }
        tokio::spawn(lead(incoming, lanes, stopped));
        Ok(Running {
            servers: tokio::spawn(async { try_join_all(servers).await.map(drop) }),
            stop: Some(stop),
        })
    }

    /// Finishes what is under way and takes no more.
    pub fn stop_accepting(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the server has ended, which `ended` tells.
            let _ = stop.send(());
        }
    }

    /// Waits for the end.
    pub async fn ended(&mut self) -> Result<(), ServerError> {
        match (&mut self.servers).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ServerError::Grpc(error.to_string())),
            Err(error) => Err(ServerError::Grpc(error.to_string())),
        }
    }
}

/// Gives each connection to the next lane in turn, until it is told to stop, which closes the listener.
async fn lead<Connection>(
    incoming: impl Stream<Item = (Connection, Place)>,
    lanes: Vec<mpsc::Sender<(Connection, Place)>>,
    mut stopped: watch::Receiver<()>,
) {
    let mut incoming = std::pin::pin!(incoming);
    for lane in lanes.iter().cycle() {
        let connection = tokio::select! {
            // Also when the sender is gone.
            _ = stopped.changed() => return,
            connection = incoming.next() => connection,
        };
        let Some(connection) = connection else { return };
        if lane.send(connection).await.is_err() {
            return;
        }
    }
}
