//! The store: a folder with one folder a model, each whole and verified, or not there.
//!
//! ```text
//! <store>/<id>/            the files, SHA256SUMS, and model.toml: the entry as it was installed
//! <store>/catalog.toml     entries of the user's own, which may replace built-in ones
//! <store>/pins.toml        SHA-256 of files for which none is published
//! <store>/.partial/<id>/   what is being fetched
//! <store>/.locks/<id>.lock held by who fetches, removes or verifies
//! <store>/.cache/          the live index
//! ```
//!
//! - `record`: what the store keeps beside a model's files
//! - `pull`: a model from its source into the store
//! - `pins`, `lock`: the files of those names
//! - `verify`, `remove`: what they say

mod error;
mod lock;
mod pins;
mod pull;
mod record;
mod remove;
mod verify;

pub use error::StoreError;
pub use pull::{Pulled, in_use};
pub use verify::Verified;

use super::{
    Catalog, CatalogError,
    entry::Entry,
    fetch::{Client, Patience, Progress},
    sources::{Endpoints, live},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

pub struct Store {
    folder: PathBuf,
    /// The folder of the models that come along.
    embedded: Option<PathBuf>,
    endpoints: Endpoints,
    client: Client,
}

/// Where a model is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// In the store, by `pull`; boxed, for it is large.
    Installed(Box<Entry>),
    /// In the store's folder, but not put there by `pull`.
    Foreign,
    /// It comes along.
    Embedded,
    /// Not here.
    Available,
}

/// What comes along beside the embedded models, and is none.
const PROMPTS: &str = "prompts";

impl Store {
    /// `folder` need not be there yet.
    pub fn open(folder: PathBuf, embedded: Option<PathBuf>) -> Result<Self, StoreError> {
        let endpoints = Endpoints::from_env()?;
        let client = Client::new(&endpoints.set, Patience::default());
        // The same folder twice is the store.
        let same = |other: &PathBuf| match (folder.canonicalize(), other.canonicalize()) {
            (Ok(folder), Ok(other)) => folder == other,
            _ => false,
        };
        Ok(Store {
            embedded: embedded.filter(|embedded| !same(embedded)),
            folder,
            endpoints,
            client,
        })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All entries known here: built in, then those beside the models that come along, then those of
    /// the store; the later take the place of the earlier.
    pub fn catalog(&self) -> Result<Catalog, StoreError> {
        let folders = [&self.folder].into_iter().chain(&self.embedded);
        Ok(Catalog::of_folders(folders)?)
    }

    /// The best released model of each pair of Mozilla's live index.
    pub fn live(&self, progress: &dyn Progress) -> Result<Catalog, StoreError> {
        let cache = live_cache(&self.folder);
        Ok(live::read(&self.client, &self.endpoints, &cache, progress)?)
    }

    /// The same, as they were when the index was last read.
    pub fn live_as_kept(&self) -> Catalog {
        live::kept(&self.endpoints, &live_cache(&self.folder)).unwrap_or_default()
    }

    pub fn state(&self, id: &str) -> Result<State, StoreError> {
        if let Some(folder) = model_folder(&self.folder, id) {
            return Ok(match record::read(&folder)? {
                Some(entry) => State::Installed(Box::new(entry)),
                None => State::Foreign,
            });
        }
        Ok(match self.embedded_folder(id) {
            Some(_) => State::Embedded,
            None => State::Available,
        })
    }

    /// The folder of a model that is here.
    pub fn folder_of(&self, id: &str) -> Option<PathBuf> {
        model_folder(&self.folder, id).or_else(|| self.embedded_folder(id))
    }

    /// Names of the folders here, sorted.
    pub fn here(&self) -> Result<BTreeSet<String>, StoreError> {
        let mut ids = BTreeSet::new();
        for folder in self.embedded.iter().chain([&self.folder]) {
            let entries = match fs::read_dir(folder) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                entries => entries.map_err(StoreError::at(folder))?,
            };
            for entry in entries {
                let entry = entry.map_err(StoreError::at(folder))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if entry.path().is_dir() && !name.starts_with('.') && name != PROMPTS {
                    ids.insert(name);
                }
            }
        }
        Ok(ids)
    }

    fn embedded_folder(&self, id: &str) -> Option<PathBuf> {
        model_folder(self.embedded.as_ref()?, id)
    }

    fn partial(&self) -> PathBuf {
        self.folder.join(".partial")
    }
}

/// The entry that a model's folder was installed from; `None` if the store did not fill it.
pub(super) fn record(folder: &Path) -> Result<Option<Entry>, CatalogError> {
    record::read(folder).map_err(|error| CatalogError::Record {
        path: folder.to_owned(),
        reason: error.to_string(),
    })
}

/// What the store of that folder has kept of the live index; nothing if it was never read.
pub fn live_index_kept_in(folder: &Path) -> Catalog {
    let kept = |endpoints| live::kept(&endpoints, &live_cache(folder));
    Endpoints::from_env()
        .ok()
        .and_then(kept)
        .unwrap_or_default()
}

fn live_cache(folder: &Path) -> PathBuf {
    folder.join(".cache").join("mozilla-index.json")
}

/// The folder of that name, if it is there and the name is none for something else.
fn model_folder(models: &Path, id: &str) -> Option<PathBuf> {
    let plain = !id.is_empty() && !id.starts_with('.') && !id.contains(['/', '\\', ':']);
    let folder = models.join(id);
    (plain && folder.is_dir()).then_some(folder)
}

/// Puts on disk that names in a folder have changed; where folders cannot be synced, they need not
/// be.
fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    fs::File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(StoreError::at(folder))?;
    let _ = folder;
    Ok(())
}
