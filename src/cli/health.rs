//! `depeche health`.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use http::header::AUTHORIZATION;
use tokio::time::timeout;
use tonic::{Code, Request};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    cli::{error::CliError, output, remote::Credentials, transport},
    config::{EngineFlags, OptionalAddress, ServeFlags, Settings},
};

/// What an unhealthy process does not answer within.
const PATIENCE: Duration = Duration::from_secs(2);

/// Ask a server how it is: exit code 0 if it is well
///
/// For the health check of a container: reads the same settings as `depeche serve` and asks its
/// admin port, so that it needs neither certificates nor another program. With --server it asks
/// grpc.health.v1 instead, wherever the server is.
#[derive(Debug, clap::Args)]
pub struct Health {
    /// What to ask
    #[arg(value_enum, default_value = "ready")]
    probe: Probe,
    /// Where the server's admin port is [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    /// Ask this server over gRPC, such as https://example.org
    #[arg(long, value_name = "URL", conflicts_with = "admin")]
    server: Option<String>,
    /// Which of its services, such as depeche.v1.TranslationService [default: the server as a whole]
    #[arg(long, value_name = "NAME", requires = "server", default_value = "")]
    #[arg(hide_default_value = true)]
    service: String,
    #[command(flatten)]
    credentials: Credentials,
    /// The server's TOML file with settings
    #[arg(long, env = "DEPECHE_CONFIG", value_name = "FILE")]
    config: Option<std::path::PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Probe {
    /// Whether it takes requests: not while it loads models or drains
    Ready,
    /// Whether it answers at all
    Live,
}

impl Health {
    pub async fn run(self) -> Result<(), CliError> {
        match self.server.clone() {
            Some(server) => match timeout(PATIENCE, self.ask_service(&server)).await {
                Ok(answer) => output::write(&answer?),
                Err(_) => Err(CliError::Failed(format!(
                    "{server}: no answer within {} s",
                    PATIENCE.as_secs()
                ))),
            },
            None => tokio::task::block_in_place(|| self.ask_admin_port()),
        }
    }

    async fn ask_service(self, server: &str) -> Result<String, CliError> {
        let endpoint = self.credentials.endpoint(server)?;
        let channel = endpoint.connect().await;
        let channel = channel.map_err(|error| transport::unreachable(server, &error))?;
        if let Probe::Live = self.probe {
            return Ok("live\n".to_owned());
        }
        let mut request = Request::new(HealthCheckRequest {
            service: self.service.clone(),
        });
        if let Some(authorization) = self.credentials.authorization()? {
            let headers = request.metadata_mut().as_mut();
            headers.insert(AUTHORIZATION, authorization);
        }
        let answer = HealthClient::new(channel).check(request).await;
        let answer = match answer {
            Ok(answer) => answer.into_inner(),
            Err(status) if status.code() == Code::NotFound => {
                let name = self.service;
                return Err(CliError::Input(format!(
                    "--service {name}: {server} has none of this name"
                )));
            }
            Err(status) => return Err(status.into()),
        };
        match answer.status() {
            ServingStatus::Serving => Ok("ready\n".to_owned()),
            _ => Err(CliError::Failed("not ready".to_owned())),
        }
    }

    fn ask_admin_port(self) -> Result<(), CliError> {
        let engine = EngineFlags {
            config: self.config,
            ..EngineFlags::default()
        };
        let serve = ServeFlags {
            admin: self.admin.map(|admin| OptionalAddress(Some(admin))),
            ..ServeFlags::default()
        };
        let settings = Settings::load(&engine, &serve)?;
        let Some(admin) = settings.admin.0.map(reachable) else {
            return Err(CliError::Input(
                "admin is none: the server has no admin port to ask".to_owned(),
            ));
        };
        let path = match self.probe {
            Probe::Ready => "readyz",
            Probe::Live => "livez",
        };
        output::write(&ask(&format!("http://{admin}/{path}"))?)
    }
}

/// The server's answer, if it is one of health.
fn ask(url: &str) -> Result<String, CliError> {
    let failed = |error: ureq::Error| CliError::Failed(format!("{url}: {error}"));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        // It is this machine that is asked.
        .proxy(None)
        .build()
        .into();
    let mut response = agent.get(url).call().map_err(failed)?;
    let answer = response.body_mut().read_to_string().map_err(failed)?;
    match response.status().is_success() {
        true => Ok(answer),
        false => Err(CliError::Failed(format!("not ready: {}", answer.trim()))),
    }
}

/// An address to listen on as one to ask: all interfaces have the loopback among them.
fn reachable(mut admin: SocketAddr) -> SocketAddr {
    if admin.ip().is_unspecified() {
        admin.set_ip(match admin.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    admin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_all_interfaces_is_asked_on_the_loopback() {
        for (listens, asked) in [
            ("0.0.0.0:9464", "127.0.0.1:9464"),
            ("[::]:1", "[::1]:1"),
            ("10.0.0.7:9464", "10.0.0.7:9464"),
        ] {
            let asked: SocketAddr = asked.parse().unwrap();
            assert_eq!(reachable(listens.parse().unwrap()), asked);
        }
    }
}
