//! The gRPC listener: HTTP/2 limits, middleware, services, reflection.

use std::{io, time::Duration};

use futures::Stream;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
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
        layers::{bad_message, catch_panic, observe},
    },
};

/// Streams of one connection. A mesh multiplexes all its clients over few connections.
const STREAMS_PER_CONNECTION: u32 = 1024;
/// Finds out clients that vanished, whose work would otherwise go on.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// A server at work.
pub struct Running {
    server: JoinHandle<Result<(), tonic::transport::Error>>,
    stop: Option<oneshot::Sender<()>>,
}

impl Running {
    /// Begins to accept connections.
    pub fn start<Connection>(
        incoming: impl Stream<Item = io::Result<Connection>> + Send + 'static,
        api: Api,
        health: HealthServer<impl Health>,
    ) -> Result<Self, ServerError>
    where
        Connection: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
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
        let v1 = compressed!(reflection().build_v1().map_err(|error| contract(&error))?);
        let v1alpha = compressed!(
            reflection()
                .build_v1alpha()
                .map_err(|error| contract(&error))?
        );
        let health = compressed!(health);
        let methods = observe::Methods::of_contract().map_err(|error| contract(&error))?;
        let routes = rpc::routes(api)
            .add_service(health)
            .add_service(v1)
            .add_service(v1alpha)
            .prepare();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = Server::builder()
            .max_concurrent_streams(Some(STREAMS_PER_CONNECTION))
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .http2_adaptive_window(Some(true))
            .layer(observe::layer(methods))
            .layer(bad_message::layer())
            .layer(catch_panic::layer())
            .add_routes(routes)
            .serve_with_incoming_shutdown(
                incoming,
                // A sender that is gone stops the server, too.
                async move { stopped.await.unwrap_or_default() },
            );
        Ok(Running {
            server: tokio::spawn(server),
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
        match (&mut self.server).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ServerError::Grpc(error.to_string())),
            Err(error) => Err(ServerError::Grpc(error.to_string())),
        }
    }
}
