//! Connections out of the listener, as many as there are places for.

use std::time::Duration;

use futures::{Stream, stream};
use tokio::net::{TcpListener, TcpStream};

use crate::server::places::{Place, Places};

/// Between attempts to accept a connection after one that failed.
const BREATH: Duration = Duration::from_millis(50);

/// Why a connection did not come to its first request.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    /// All places are taken.
    Limit,
    /// The handshake failed.
    Tls,
    /// The handshake took too long.
    TlsTimeout,
    /// The preface of HTTP/2 did.
    PrefaceTimeout,
}

impl Refusal {
    /// Counts it.
    pub fn count(self) {
        let reason = match self {
            Refusal::Limit => "limit",
            Refusal::Tls => "tls",
            Refusal::TlsTimeout => "tls_timeout",
            Refusal::PrefaceTimeout => "preface_timeout",
        };
        metrics::counter!("depeche_connections_refused_total", "reason" => reason).increment(1);
    }
}

/// Connections with their places. One without a place is closed at once, so that its client goes
/// elsewhere instead of waiting.
pub fn accepted(
    listener: TcpListener,
    places: Places,
) -> impl Stream<Item = (TcpStream, Place)> + Send {
    stream::unfold((listener, places), async |(listener, places)| {
        loop {
            let connection = match listener.accept().await {
                Ok((connection, _)) => connection,
                Err(error) => {
                    // Out of files, perhaps: some will be closed.
                    tracing::warn!(%error, "no connection accepted");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            };
            let Some(place) = places.take() else {
                Refusal::Limit.count();
                continue;
            };
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "a connection that is gone already");
                continue;
            }
            return Some(((connection, place), (listener, places)));
        }
    })
}
