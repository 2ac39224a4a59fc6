//! `depeche models verify`.

use super::{Place, progress};
use crate::{
    catalog::store::{Verified, in_use},
    cli::{error::CliError, output},
};

/// Hash the files of models again, and compare
///
/// Prints a line a model, and one for each file that is not what it was; then the exit code is 1.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// A model [default: all that are here]
    id: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Verify {
    pub fn run(self) -> Result<(), CliError> {
        let store = self.place.store()?;
        let progress = progress::on_stderr();
        let ids: Vec<String> = match self.id {
            Some(id) => vec![id],
            None => store.here()?.into_iter().collect(),
        };
        let (mut lines, mut damaged) = (String::new(), Vec::new());
        for id in ids {
            match store.verify(&id, || progress.note(&in_use(&id)))? {
                Verified::Good { files } => lines += &format!("{id}: {files} files are good\n"),
                Verified::Unknown => {
                    lines += &format!("{id}: it has no SHA256SUMS to compare its files with\n");
                }
                Verified::Bad(files) => {
                    for (file, wrong) in files {
                        lines += &format!("{id}: {file} {wrong}\n");
                    }
                    damaged.push(id);
                }
            }
        }
        output::write(&lines)?;
        match damaged.is_empty() {
            true => Ok(()),
            false => {
                let ids = damaged.join(" ");
                Err(CliError::Failed(format!(
                    "damaged: {ids}; what was pulled is repaired by `depeche models pull`, what was put there by hand by the right files"
                )))
            }
        }
    }
}
