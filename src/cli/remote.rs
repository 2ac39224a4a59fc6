//! How to reach a running server: over TLS with which authorities and certificate, with which token.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use http::HeaderValue;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::cli::error::CliError;

/// An address that swallows everything is given up after this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TLS: &str = "https://";

/// Flags of every command that asks a running server.
#[derive(Clone, Debug, clap::Args)]
pub struct Credentials {
    /// With https: PEM file with the authority to trust instead of the system's
    #[arg(long, value_name = "FILE", env = "DEPECHE_CA")]
    ca: Option<PathBuf>,
    /// With https: PEM file with the certificate to show
    #[arg(long, value_name = "FILE", env = "DEPECHE_CERT", requires = "key")]
    cert: Option<PathBuf>,
    /// With https: PEM file with the key of --cert
    #[arg(long, value_name = "FILE", env = "DEPECHE_KEY", requires = "cert")]
    key: Option<PathBuf>,
    /// With https: the name that the server's certificate must have [default: the URL's]
    #[arg(long, value_name = "NAME", env = "DEPECHE_SERVER_NAME")]
    server_name: Option<String>,
    /// Sent as `authorization: Bearer TOKEN`
    #[arg(
        long,
        value_name = "TOKEN",
        env = "DEPECHE_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
}

impl Credentials {
    /// Where the server is. Without a scheme it is plain HTTP/2.
    pub fn endpoint(&self, server: &str) -> Result<Endpoint, CliError> {
        let wrong = |error: tonic::transport::Error| {
            let cause = root_cause(&error);
            CliError::Input(format!("--server {server}: {cause}"))
        };
        let url = match server.contains("://") {
            true => server.to_owned(),
            false => format!("http://{server}"),
        };
        let secure = url.starts_with(TLS);
        let endpoint = Endpoint::from_shared(url).map_err(wrong)?;
        let endpoint = endpoint.connect_timeout(CONNECT_TIMEOUT);
        match secure {
            true => endpoint.tls_config(self.tls()?).map_err(wrong),
            false => self.plain().map(|()| endpoint),
        }
    }

    /// The value of the header `authorization`, if there is a token.
    pub fn authorization(&self) -> Result<Option<HeaderValue>, CliError> {
        let Some(token) = &self.token else {
            return Ok(None);
        };
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| CliError::Input("--token has characters no header can".to_owned()))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// Nothing that needs TLS is left unused in silence.
    fn plain(&self) -> Result<(), CliError> {
        let given = [
            ("--ca", self.ca.is_some()),
            ("--cert", self.cert.is_some()),
            ("--server-name", self.server_name.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(CliError::Input(format!(
                "{flag} needs a --server that begins with {TLS}"
            ))),
            None => Ok(()),
        }
    }

    fn tls(&self) -> Result<ClientTlsConfig, CliError> {
        let mut tls = match &self.ca {
            Some(file) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem(file)?)),
            None => ClientTlsConfig::new().with_enabled_roots(),
        };
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            tls = tls.identity(Identity::from_pem(pem(cert)?, pem(key)?));
        }
        if let Some(name) = &self.server_name {
            tls = tls.domain_name(name);
        }
        Ok(tls)
    }
}

fn pem(file: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(file).map_err(|error| CliError::Input(format!("{}: {error}", file.display())))
}

/// What an error of errors goes back to.
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
