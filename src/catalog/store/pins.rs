//! `pins.toml`: SHA-256 of files for which none is published, as they were when first fetched.

use super::{
    Store, StoreError,
    lock::{Lock, Use},
    record::replace,
};
use std::{collections::BTreeMap, fs, io::ErrorKind, path::PathBuf};

type Pins = BTreeMap<String, String>;

/// What stands at the head of the file.
const HEAD: &str =
    "# SHA-256 of files for which none is published, as they were when first fetched.\n\n";

impl Store {
    /// The pinned SHA-256 of a model's file.
    pub(super) fn pinned(&self, id: &str, file: &str) -> Result<Option<String>, StoreError> {
        Ok(self.read_pins()?.remove(&key(id, file)))
    }

    /// Pins it. Another that is there already is an error.
    pub(super) fn pin(&self, id: &str, file: &str, sha256: &str) -> Result<(), StoreError> {
        // Others may pin files of other models. No id begins with a point.
        let _lock = Lock::take(&self.locks(), ".pins", Use::Change, || {})?;
        let mut pins = self.read_pins()?;
        match pins.insert(key(id, file), sha256.to_owned()) {
            Some(pinned) if pinned == sha256 => Ok(()),
            Some(pinned) => Err(StoreError::Pinned {
                id: id.to_owned(),
                file: file.to_owned(),
                actual: sha256.to_owned(),
                pinned,
                pins: self.pins_path(),
            }),
            None => {
                let path = self.pins_path();
                let lines = toml::to_string(&pins).map_err(|error| StoreError::Record {
                    path: path.clone(),
                    reason: error.to_string(),
                })?;
                replace(&path, &format!("{HEAD}{lines}"))
            }
        }
    }

    fn read_pins(&self) -> Result<Pins, StoreError> {
        let path = self.pins_path();
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| StoreError::Record {
                path,
                reason: error.to_string(),
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Pins::new()),
            Err(error) => Err(StoreError::at(&path)(error)),
        }
    }

    fn pins_path(&self) -> PathBuf {
        self.folder.join("pins.toml")
    }

    pub(super) fn locks(&self) -> PathBuf {
        self.folder.join(".locks")
    }
}

fn key(id: &str, file: &str) -> String {
    format!("{id}/{file}")
}
