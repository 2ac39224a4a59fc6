//! A model out of the store.

use super::{
    State, Store, StoreError,
    lock::{Lock, Use},
    sync_folder,
};
use std::{fs, io::ErrorKind, path::PathBuf};

impl Store {
    /// Removes a model that a pull has put there: first out of the way by one rename, then from the
    /// disk. Its pins stay.
    pub fn remove(&self, id: &str, waiting: impl FnOnce()) -> Result<(), StoreError> {
        let place = self.folder.join(id);
        let state = match self.state(id) {
            // A record that cannot be read is the store's all the same.
            Err(StoreError::Record { .. }) => Ok(()),
            Err(error) => Err(error),
            Ok(State::Installed(_)) => Ok(()),
            // One whose removal was killed, perhaps.
            Ok(State::Available) if self.is_aside(id) => Ok(()),
            Ok(State::Available) => Err(StoreError::NotInstalled { id: id.to_owned() }),
            Ok(State::Foreign) => Err(StoreError::Foreign {
                id: id.to_owned(),
                path: place.clone(),
            }),
            Ok(State::Embedded) => Err(StoreError::Embedded {
                id: id.to_owned(),
                path: self.folder_of(id).unwrap_or_default(),
            }),
        };
        state?;
        let _lock = Lock::take(&self.locks(), id, Use::Change, waiting)?;
        let partial = self.partial();
        fs::create_dir_all(&partial).map_err(StoreError::at(&partial))?;
        self.forget_removed(id)?;
        if place.is_dir() {
            fs::rename(&place, self.aside(id)).map_err(StoreError::at(&place))?;
            sync_folder(&self.folder)?;
        }
        self.forget_removed(id)
    }

    /// Deletes what was removed, perhaps by a process that died before it had. Under the model's lock.
    pub(super) fn forget_removed(&self, id: &str) -> Result<(), StoreError> {
        let aside = self.aside(id);
        match fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::at(&aside)(error)),
            _ => Ok(()),
        }
    }

    fn is_aside(&self, id: &str) -> bool {
        let plain = !id.contains(['/', '\\', ':']);
        plain && self.aside(id).is_dir()
    }

    /// Where a model is while it is deleted. No id begins with a point.
    fn aside(&self, id: &str) -> PathBuf {
        self.partial().join(format!(".removed-{id}"))
    }
}
