//! `depeche models pull`.

use super::{Place, licence, progress, unknown};
use crate::{
    article::Language,
    catalog::{Catalog, Progress, Store, entry::Entry, store::Pulled},
    cli::{error::CliError, output},
};

/// Fetch models into the store
///
/// Each is verified and appears whole or not at all. What was interrupted goes on where it stopped
/// when it is pulled again.
#[derive(Debug, clap::Args)]
pub struct Pull {
    /// Ids (`depeche models list`), or pairs such as en-de, for which the best measured is taken
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Also choose among the models of Mozilla's live index, which is read for it
    #[arg(long)]
    remote: bool,
    #[command(flatten)]
    place: Place,
}

impl Pull {
    pub fn run(self) -> Result<(), CliError> {
        let store = self.place.store()?;
        let progress = progress::on_stderr();
        let mut catalog = store.catalog()?;
        let live =
            |id: &String| id.ends_with(crate::catalog::LIVE_ENDING) && catalog.get(id).is_none();
        if self.remote || self.ids.iter().any(live) {
            catalog = store.live(&*progress)?.merged_with(catalog);
        }
        // All of them first: a mistake is told before anything is fetched.
        let chosen: Vec<&Entry> = self
            .ids
            .iter()
            .map(|id| choose(id, &catalog, &*progress))
            .collect::<Result<_, _>>()?;
        for entry in chosen {
            pull(&store, entry, &*progress)?;
        }
        Ok(())
    }
}

fn pull(store: &Store, entry: &Entry, progress: &dyn Progress) -> Result<(), CliError> {
    let id = &entry.id;
    let how = match store.pull(entry, progress)? {
        Pulled::New => "installed",
        Pulled::Already => "already installed",
        Pulled::Foreign => "already there, put there by hand",
        Pulled::Embedded => "comes along with depeche",
    };
    if !entry.runs_here() {
        let task = entry.task.name();
        progress.note(&format!(
            "{id}: this version has no use for {task} models of its engine yet"
        ));
    }
    output::write(&format!("{id}: {how}\n{id}: {}\n", licence::line(entry)))
}

/// The entry of that id; else the best measured of that pair, those first that can be run.
fn choose<'a>(
    id: &str,
    catalog: &'a Catalog,
    progress: &dyn Progress,
) -> Result<&'a Entry, CliError> {
    if let Some(entry) = catalog.get(id) {
        return Ok(entry);
    }
    let pairs = id.match_indices('-').filter_map(|(at, _)| {
        let source = Language::parse(&id[..at]).ok()?;
        Some((source, Language::parse(&id[at + 1..]).ok()?))
    });
    for (source, target) in pairs {
        let entries = catalog.for_pair(&source, &target);
        let runs = entries.iter().find(|entry| entry.translates_here());
        if let Some(entry) = runs.or(entries.first()) {
            progress.note(&format!("{id}: the best measured model is {}", entry.id));
            return Ok(entry);
        }
    }
    Err(unknown(id, catalog))
}
