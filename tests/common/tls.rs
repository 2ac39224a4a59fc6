//! Certificates made for a test, and clients that use them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use depeche::rpc::proto::v1::translation_service_client::TranslationServiceClient;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, SanType};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Error, Identity};

use super::Server;

/// The name in the server's certificates.
pub const NAME: &str = "depeche.test";

/// One that signs certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub ca: String,
}

/// A certificate and its key, as PEM.
pub struct Pair {
    pub cert: String,
    pub key: String,
}

/// Until when a certificate is good.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    Good,
    Expired,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        let ca = issuer.pem();
        Authority { issuer, ca }
    }

    pub fn sign(&self, name: &str, validity: Validity) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![match name.contains("://") {
            true => SanType::URI(name.try_into().unwrap()),
            false => SanType::DnsName(name.try_into().unwrap()),
        }];
        if validity == Validity::Expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        Pair {
            cert: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    pub fn server(&self) -> Pair {
        self.sign(NAME, Validity::Good)
    }

    pub fn client(&self) -> Pair {
        self.sign("a-client.test", Validity::Good)
    }
}

/// The files of a server.
pub struct Files {
    pub cert: PathBuf,
    pub key: PathBuf,
    pub ca: PathBuf,
}

impl Files {
    /// With the authority that clients' certificates must come from.
    pub fn write(folder: &Path, server: &Pair, clients: &Authority) -> Self {
        let files = Files {
            cert: folder.join("cert.pem"),
            key: folder.join("key.pem"),
            ca: folder.join("ca.pem"),
        };
        fs::write(&files.ca, &clients.ca).unwrap();
        files.renew(server);
        files
    }

    pub fn renew(&self, server: &Pair) {
        fs::write(&self.key, &server.key).unwrap();
        fs::write(&self.cert, &server.cert).unwrap();
    }

    /// Flags of a server that asks clients for no certificate.
    pub fn tls(&self) -> [&str; 4] {
        ["--tls-cert", text(&self.cert), "--tls-key", text(&self.key)]
    }

    /// Flags of one that does.
    pub fn mutual(&self) -> [&str; 6] {
        let [a, b, c, d] = self.tls();
        [a, b, c, d, "--tls-client-ca", text(&self.ca)]
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Connects a client that trusts these authorities, with a certificate of its own or without.
pub async fn connect(
    server: &Server,
    trusted: &str,
    identity: Option<&Pair>,
) -> Result<Channel, Error> {
    let mut tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(trusted))
        .domain_name(NAME);
    if let Some(Pair { cert, key }) = identity {
        tls = tls.identity(Identity::from_pem(cert, key));
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", server.grpc))?;
    endpoint.tls_config(tls)?.connect().await
}

pub async fn client(
    server: &Server,
    trusted: &str,
    identity: Option<&Pair>,
) -> Result<TranslationServiceClient<Channel>, Error> {
    let channel = connect(server, trusted, identity).await?;
    Ok(TranslationServiceClient::new(channel))
}
