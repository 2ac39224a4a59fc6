//! `depeche models licence`.

use std::{fs, path::Path};

use super::{Place, unknown};
use crate::{
    catalog::{entry::Entry, store::State},
    cli::{error::CliError, output},
};

/// How files with a licence are called, in small letters.
const NAMES: [&str; 4] = ["license", "licence", "copying", "notice"];

/// Print a model's licence: its name, its address, and its text where the model has it
#[derive(Debug, clap::Args)]
pub struct Licence {
    id: String,
    #[command(flatten)]
    place: Place,
}

/// The licence of an entry, in one line.
pub fn line(entry: &Entry) -> String {
    match &entry.licence_url {
        Some(url) => format!("licence {} ({url})", entry.licence),
        None => format!("licence {}", entry.licence),
    }
}

impl Licence {
    pub fn run(self) -> Result<(), CliError> {
        let store = self.place.store()?;
        let catalog = store.live_as_kept().merged_with(store.catalog()?);
        let state = store.state(&self.id)?;
        let entry = match &state {
            State::Installed(entry) => Some(&**entry),
            _ => catalog.get(&self.id),
        };
        let folder = store.folder_of(&self.id);
        let mut text = match (entry, &folder) {
            (Some(entry), _) => format!("{}: {}\n", self.id, line(entry)),
            (None, Some(_)) => format!("{}: no entry says which licence it has\n", self.id),
            (None, None) => return Err(unknown(&self.id, &catalog)),
        };
        for (name, content) in folder.iter().flat_map(|folder| texts(folder)) {
            text += &format!("\n--- {name} ---\n{content}");
        }
        output::write(&text)
    }
}

/// The licences among a model's files.
fn texts(folder: &Path) -> Vec<(String, String)> {
    let mut texts: Vec<(String, String)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let small = name.to_ascii_lowercase();
            let is_one = NAMES.iter().any(|known| small.starts_with(known));
            is_one.then(|| Some((name, fs::read_to_string(entry.path()).ok()?)))?
        })
        .collect();
    texts.sort();
    texts
}
