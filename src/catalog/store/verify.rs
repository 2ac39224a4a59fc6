//! Whether a model's files are still what they were.

use super::{
    Store, StoreError,
    lock::{Lock, Use},
    model_folder, record,
};
use crate::{
    catalog::fetch::{Digest, FetchError},
    model::checksums,
};
use std::{collections::BTreeSet, io::ErrorKind};

/// What a look at a model's files gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// So many files are what they were.
    Good { files: usize },
    /// There is nothing to compare its files with.
    Unknown,
    /// The files that are not, each with what is wrong with it.
    Bad(Vec<(String, String)>),
}

impl Store {
    /// Hashes all files of a model that is here. Waits for who fetches or removes it; who may not write to the
    /// store looks without waiting.
    pub fn verify(&self, id: &str, waiting: impl FnOnce()) -> Result<Verified, StoreError> {
        let _lock = match model_folder(&self.folder, id) {
            Some(_) => match Lock::take(&self.locks(), id, Use::Look, waiting) {
                Err(error) if error.is_read_only() => None,
                lock => Some(lock?),
            },
            None => None,
        };
        self.compare(id)
    }

    /// The same for who has the lock.
    pub(super) fn compare(&self, id: &str) -> Result<Verified, StoreError> {
        let not_here = || StoreError::NotInstalled { id: id.to_owned() };
        let folder = self.folder_of(id).ok_or_else(not_here)?;
        // Both lists, so that one that was changed is noticed.
        let mut expected = BTreeSet::new();
        let mut bad = Vec::new();
        let installed = record::read(&folder);
        let sums = checksums::list(&folder);
        if let (Ok(None), Ok(None)) = (&installed, &sums) {
            return Ok(Verified::Unknown);
        }
        match (&installed, sums) {
            (Ok(Some(_)), Ok(None)) => bad.push(("SHA256SUMS".into(), "is missing".into())),
            (_, Ok(sums)) => expected.extend(
                sums.unwrap_or_default()
                    .into_iter()
                    .map(|(sum, file)| (file, sum.to_ascii_lowercase())),
            ),
            (_, Err(error)) => bad.push(("SHA256SUMS".into(), error.to_string())),
        }
        match installed {
            Ok(entry) => expected.extend(
                entry
                    .into_iter()
                    .flat_map(|entry| entry.files)
                    .filter_map(|file| Some((file.path, file.sha256?))),
            ),
            Err(error) => bad.push(("model.toml".into(), error.to_string())),
        }
        let files = expected.len();
        for (file, sum) in expected {
            let wrong = match Digest::of(&folder.join(&file)) {
                Ok(digest) if digest.sha256 == sum => continue,
                Ok(digest) => format!("has SHA-256 {}, not {sum}", digest.sha256),
                Err(FetchError::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
                    "is missing".to_owned()
                }
                Err(error) => format!("cannot be read: {error}"),
            };
            bad.push((file, wrong));
        }
        Ok(match bad.is_empty() {
            true => Verified::Good { files },
            false => Verified::Bad(bad),
        })
    }
}
