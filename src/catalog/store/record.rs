//! What the store keeps beside a model's files: `model.toml`, the entry as it was installed, with
//! the size and SHA-256 of every file; `SHA256SUMS`, the same sums as coreutils check them.

use super::StoreError;
use crate::catalog::entry::Entry;
use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::Path,
};

const RECORD: &str = "model.toml";
const SUMS: &str = "SHA256SUMS";

/// The entry that a folder was installed from; `None` if the store did not fill it.
pub fn read(folder: &Path) -> Result<Option<Entry>, StoreError> {
    let path = folder.join(RECORD);
    match fs::read_to_string(&path) {
        Ok(text) => match toml::from_str(&text) {
            Ok(entry) => Ok(Some(entry)),
            Err(error) => Err(StoreError::Record {
                path,
                reason: error.to_string(),
            }),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::at(&path)(error)),
    }
}

/// Writes both for an entry whose files all have their size and sum.
pub fn write(folder: &Path, entry: &Entry) -> Result<(), StoreError> {
    let sums: String = entry
        .files
        .iter()
        .filter_map(|file| Some(format!("{}  {}\n", file.sha256.as_ref()?, file.path)))
        .collect();
    replace(&folder.join(SUMS), &sums)?;
    let path = folder.join(RECORD);
    let text = toml::to_string(entry).map_err(|error| StoreError::Record {
        path: path.clone(),
        reason: error.to_string(),
    })?;
    replace(&path, &text)
}

/// Writes a small file that is there whole or as it was before.
pub fn replace(path: &Path, text: &str) -> Result<(), StoreError> {
    let new = path.with_extension("new");
    let written = File::create(&new)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
        })
        .and_then(|()| fs::rename(&new, path));
    written.map_err(|error| {
        // What is left of it is of no use.
        let _ = fs::remove_file(&new);
        StoreError::at(path)(error)
    })
}
