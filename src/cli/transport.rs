//! The way to a service: a running server, or the same services inside this process.

use std::time::Instant;

use tonic::{body::Body, codegen::StdError, transport::Endpoint};
use tower::{ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

use crate::{
    cli::{error::CliError, output::Progress},
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
    /// Ask a running server, such as http://127.0.0.1:50051, instead of loading models
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    #[command(flatten)]
    engine: EngineFlags,
}

impl Service {
    /// Connects, or loads the models.
    pub async fn transport(&self) -> Result<Transport, CliError> {
        match &self.server {
            Some(url) => connect(url).await,
            None => in_process(&self.engine).await,
        }
    }
}

/// Where a server is. Without a scheme it is plain HTTP/2.
pub fn endpoint(url: &str) -> Result<Endpoint, CliError> {
    let address = match url.contains("://") {
        true => url.to_owned(),
        false => format!("http://{url}"),
    };
    Endpoint::from_shared(address)
        .map_err(|error| CliError::Input(format!("--server {url}: {error}")))
}

async fn connect(url: &str) -> Result<Transport, CliError> {
    let endpoint = endpoint(url)?;
    let channel = endpoint.connect().await.map_err(|error| {
        let cause = root_cause(&error);
        CliError::Failed(format!("cannot reach the server at {url}: {cause}"))
    })?;
    Ok(BoxCloneSyncService::new(channel.map_err(StdError::from)))
}

async fn in_process(flags: &EngineFlags) -> Result<Transport, CliError> {
    // A panic is told in the command's one line.
    std::panic::set_hook(Box::new(|_| {}));
    let mut settings = Settings::load(flags, &ServeFlags::default())?;
    // One request needs few of many models.
    settings.preload = PRELOAD_NONE.to_owned();
    let _progress = Progress::show("loading models");
    let api = server::api(&settings, Instant::now());
    api.domain.fill(server::load(&settings).await?);
    let services = ServiceBuilder::new()
        .map_err(StdError::from)
        .layer(bad_message::layer())
        .layer(catch_panic::layer())
        .service(rpc::routes(api).prepare());
    Ok(BoxCloneSyncService::new(services))
}

/// What an error of errors goes back to.
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
