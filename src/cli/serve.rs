//! `depeche serve`.

use std::time::Instant;

use crate::{
    cli::error::CliError,
    config::{EngineFlags, LogFormat, ServeFlags, Settings},
    rpc, server,
    telemetry::{self, Content, Exporter, Format},
};

/// Serve over gRPC
///
/// Settings come from a TOML file (--config), over it the environment (DEPECHE_LISTEN and so on,
/// named as the flags), over it the flags. SIGTERM finishes what is under way; a second one ends at
/// once.
#[derive(Debug, clap::Args)]
pub struct Serve {
    #[command(flatten)]
    serve: ServeFlags,
    #[command(flatten)]
    engine: EngineFlags,
}

impl Serve {
    pub async fn run(self) -> Result<(), CliError> {
        let started = Instant::now();
        let settings = Settings::load(&self.engine, &self.serve)?;
        start_log(&settings)?;
        let exporter = Exporter::start(settings.otlp_endpoint.as_deref())
            .map_err(|error| CliError::Input(error.to_string()))?;
        let ended = server::run(settings, started).await;
        exporter.finish().await;
        Ok(ended?)
    }
}

fn start_log(settings: &Settings) -> Result<(), CliError> {
    let format = match settings.log_format {
        LogFormat::Auto => Format::of_stderr(),
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    let content = match settings.log_content {
        true => Content::Shown,
        false => Content::Hidden {
            target: rpc::CONTENT,
        },
    };
    telemetry::log_to_stderr(&settings.log, format, content)
        .map_err(|error| CliError::Input(format!("log = {:?}: {error}", settings.log)))
}
