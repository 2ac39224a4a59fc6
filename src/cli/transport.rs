//! The way to a service: a running server, or the same services inside this process.

use std::time::Instant;

use http::header::AUTHORIZATION;
use tonic::{body::Body, codegen::StdError};
use tower::{ServiceBuilder, util::BoxCloneSyncService};

use crate::{
    cli::{
        error::CliError,
        output::Progress,
        remote::{Credentials, root_cause},
    },
    config::{EngineFlags, PRELOAD_NONE, ServeFlags, Settings},
    rpc,
    server::{
        self,
        layers::{bad_message, catch_panic},
    },
};

/// What the generated clients send requests through.
pub type Transport = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, StdError>;

/// Which service to ask.
#[derive(Clone, Debug, clap::Args)]
pub struct Service {
    /// Ask a running server, such as http://127.0.0.1:50051 or https://example.org, instead of loading
    /// models
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    #[command(flatten)]
    credentials: Credentials,
    #[command(flatten)]
    engine: EngineFlags,
}

impl Service {
    /// Connects, or loads the models.
    pub async fn transport(&self) -> Result<Transport, CliError> {
        match &self.server {
            Some(url) => connect(url, &self.credentials).await,
            None => in_process(&self.engine).await,
        }
    }
}

async fn connect(url: &str, credentials: &Credentials) -> Result<Transport, CliError> {
    let authorization = credentials.authorization()?;
    let channel = credentials.endpoint(url)?.connect().await;
    let channel = channel.map_err(|error| unreachable(url, &error))?;
    let services = ServiceBuilder::new()
        .map_err(StdError::from)
        .map_request(move |mut request: http::Request<Body>| {
            if let Some(authorization) = &authorization {
                let headers = request.headers_mut();
                headers.insert(AUTHORIZATION, authorization.clone());
            }
            request
        })
        .service(channel);
    Ok(BoxCloneSyncService::new(services))
}

/// Why there is no connection.
pub fn unreachable(url: &str, error: &tonic::transport::Error) -> CliError {
    let cause = root_cause(error);
    CliError::Failed(format!("cannot reach the server at {url}: {cause}"))
}

async fn in_process(flags: &EngineFlags) -> Result<Transport, CliError> {
    // A panic is told in the command's one line.
    std::panic::set_hook(Box::new(|_| {}));
    let mut settings = Settings::load(flags, &ServeFlags::default())?;
    // One request needs few of many models.
    settings.preload = PRELOAD_NONE.to_owned();
    let _progress = Progress::show("loading models");
    // Nothing ends it before it is done.
    let (api, _) = server::api(&settings, Instant::now());
    api.domain.fill(server::load(&settings).await?);
    let services = ServiceBuilder::new()
        .map_err(StdError::from)
        .layer(bad_message::layer())
        .layer(catch_panic::layer())
        .service(rpc::routes(api).prepare());
    Ok(BoxCloneSyncService::new(services))
}
