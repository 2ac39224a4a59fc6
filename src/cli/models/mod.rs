//! `depeche models`: the store of models.

mod licence;
mod list;
mod progress;
mod pull;
mod remove;
mod table;
mod verify;

use std::path::PathBuf;

use clap::Subcommand;

use crate::{
    catalog::{Catalog, SourceError, Store, store::StoreError},
    cli::error::CliError,
    config::{EngineFlags, ServeFlags, Settings},
};

/// List, fetch, verify and remove models
///
/// Models live in the store, a folder with one folder a model, each verified by SHA-256. Nothing
/// that comes with a model is ever run.
#[derive(Debug, clap::Args)]
pub struct Models {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    Pull(pull::Pull),
    Verify(verify::Verify),
    Remove(remove::Remove),
    Licence(licence::Licence),
}

impl Models {
    /// Blocks while it fetches.
    pub fn run(self) -> Result<(), CliError> {
        match self.command {
            Command::List(command) => command.run(),
            Command::Pull(command) => command.run(),
            Command::Verify(command) => command.run(),
            Command::Remove(command) => command.run(),
            Command::Licence(command) => command.run(),
        }
    }
}

/// Which store.
#[derive(Clone, Debug, clap::Args)]
struct Place {
    /// TOML file with settings, of which `models` is read here
    #[arg(long, env = "DEPECHE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The store, a folder with one folder a model [default: depeche/models among the user's data]
    #[arg(long, value_name = "FOLDER")]
    models: Option<PathBuf>,
}

impl Place {
    fn store(&self) -> Result<Store, CliError> {
        let flags = EngineFlags {
            config: self.config.clone(),
            models: self.models.clone(),
            ..EngineFlags::default()
        };
        let settings = Settings::load(&flags, &ServeFlags::default())?;
        Ok(Store::open(settings.store()?, settings.embedded())?)
    }
}

/// That there is no such model, with the ids that are most like it.
fn unknown(id: &str, catalog: &Catalog) -> CliError {
    let mut near: Vec<(f64, &str)> = catalog
        .iter()
        .map(|entry| (strsim::jaro_winkler(id, &entry.id), entry.id.as_str()))
        .filter(|(likeness, _)| *likeness > 0.8)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let near: Vec<&str> = near.iter().take(3).map(|(_, id)| *id).collect();
    CliError::Input(match near.is_empty() {
        true => format!("no model {id:?} is known (`depeche models list` lists all)"),
        false => format!(
            "no model {id:?} is known: perhaps {}? (`depeche models list` lists all)",
            near.join(", ")
        ),
    })
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotInstalled { .. }
            | StoreError::Embedded { .. }
            | StoreError::Foreign { .. }
            | StoreError::Source(SourceError::Endpoint { .. }) => {
                CliError::Input(error.to_string())
            }
            error => CliError::Failed(error.to_string()),
        }
    }
}
