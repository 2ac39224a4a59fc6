//! `depeche serve`.

use std::time::Instant;

use crate::{
    cli::error::CliError,
    config::{EngineFlags, ServeFlags, Settings},
    server, telemetry,
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
        telemetry::log_to_stderr(&settings.log)
            .map_err(|error| CliError::Input(format!("log = {:?}: {error}", settings.log)))?;
        Ok(server::run(settings, started).await?)
    }
}
