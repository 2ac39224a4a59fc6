//! TLS on the gRPC port: certificates out of files, which are read again when they change, so that
//! renewed ones need no restart. Connections go on with what they began with.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::{Stream, StreamExt};
use tokio::{net::TcpStream, sync::watch, time::timeout};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
    },
    server::TlsStream,
};

use crate::server::{
    accept::Refusal,
    places::Place,
    reload::{LOOK_AGAIN, Stamps},
};

/// PEM files.
#[derive(Clone, Debug)]
pub struct Files {
    /// The server's certificate and those that lead to its authority.
    pub cert: PathBuf,
    pub key: PathBuf,
    /// Authorities that clients' certificates must come from; without, clients need none.
    pub client_ca: Option<PathBuf>,
}

/// Why there is no TLS: the file, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path}: {reason}")]
    File { path: PathBuf, reason: String },
    #[error("{cert} with {key}: {source}")]
    Pair {
        cert: PathBuf,
        key: PathBuf,
        source: rustls::Error,
    },
    #[error("TLS: {0}")]
    Versions(rustls::Error),
}

/// Handshakes under way.
#[derive(Clone, Copy, Debug)]
pub struct Handshakes {
    /// No fewer than connections: those that never end theirs must not keep others waiting.
    pub most: usize,
    pub time: Duration,
}

/// Connections with their handshake done. TLS 1.2 and 1.3, HTTP/2.
pub fn incoming(
    accepted: impl Stream<Item = (TcpStream, Place)> + Send,
    files: Files,
    handshakes: Handshakes,
) -> Result<impl Stream<Item = (TlsStream<TcpStream>, Place)> + Send, TlsError> {
    let (renew, config) = watch::channel(files.load()?);
    tokio::spawn(renewal(files, renew));
    let Handshakes { most, time } = handshakes;
    let connected = accepted.map(move |(connection, place)| {
        let acceptor = TlsAcceptor::from(config.borrow().clone());
        async move {
            // One client's failure is not the server's.
            let refusal = match timeout(time, acceptor.accept(connection)).await {
                Ok(Ok(connection)) => return Some((connection, place)),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "no connection");
                    Refusal::Tls
                }
                Err(_) => Refusal::TlsTimeout,
            };
            refusal.count();
            None
        }
    });
    Ok(connected
        .buffer_unordered(most)
        .filter_map(async |connection| connection))
}

/// Reads the files again when they change, as long as somebody accepts connections. Where they are not
/// as they should be, the certificates before them stay.
async fn renewal(files: Files, renew: watch::Sender<Arc<ServerConfig>>) {
    let mut before = files.stamps();
    loop {
        tokio::select! {
            () = renew.closed() => return,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        let now = files.stamps();
        if now == before {
            continue;
        }
        before = now;
        let result = match files.load() {
            Ok(config) => {
                tracing::info!(cert = %files.cert.display(), "certificates renewed");
                renew.send_replace(config);
                "ok"
            }
            Err(error) => {
                tracing::error!(%error, "certificates not renewed");
                "error"
            }
        };
        metrics::counter!("depeche_tls_reloads_total", "result" => result).increment(1);
    }
}

impl Files {
    fn load(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| TlsError::File {
            path: self.key.clone(),
            reason: format!("no private key: {error}"),
        })?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Versions)?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let wrong = |reason: String| TlsError::File {
                    path: path.clone(),
                    reason,
                };
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    let added = roots.add(certificate);
                    added.map_err(|error| wrong(error.to_string()))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .map_err(|error| wrong(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let config = builder.with_single_cert(certificates(&self.cert)?, key);
        let mut config = config.map_err(|source| TlsError::Pair {
            cert: self.cert.clone(),
            key: self.key.clone(),
            source,
        })?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }

    /// What changes when a file does.
    fn stamps(&self) -> Stamps {
        let files = [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()];
        Stamps::of(files.into_iter().flatten())
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |reason: String| TlsError::File {
        path: path.to_owned(),
        reason,
    };
    let read = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    let certificates: Vec<_> = read
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong("no certificate in it".to_owned()));
    }
    Ok(certificates)
}
