//! `depeche models remove`.

use super::{Place, progress};
use crate::{
    catalog::store::in_use,
    cli::{error::CliError, output},
};

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
        let progress = progress::on_stderr();
        for id in &self.ids {
            store.remove(id, || progress.note(&in_use(id)))?;
            output::write(&format!("{id}: removed\n"))?;
        }
        Ok(())
    }
}
