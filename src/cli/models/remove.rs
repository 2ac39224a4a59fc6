//! `depeche models remove`.

use super::Place;
use crate::cli::{error::CliError, output};

/// Remove a model from the store
#[derive(Debug, clap::Args)]
pub struct Remove {
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    place: Place,
}

impl Remove {
    pub fn run(self) -> Result<(), CliError> {
        let store = self.place.store()?;
        for id in &self.ids {
            store.remove(id)?;
            output::write(&format!("{id}: removed\n"))?;
        }
        Ok(())
    }
}
