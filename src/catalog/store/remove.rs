//! A model out of the store.

use super::{State, Store, StoreError, lock::Lock, sync_folder};
use std::fs;

impl Store {
    /// Removes a model that a pull has put there: first out of the way by one rename, then from the
    /// disk. Its pins stay.
    pub fn remove(&self, id: &str) -> Result<(), StoreError> {
        let place = self.folder.join(id);
        let state = match self.state(id) {
            // A record that cannot be read is the store's all the same.
            Err(StoreError::Record { .. }) => Ok(()),
            Err(error) => Err(error),
            Ok(State::Installed(_)) => Ok(()),
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
        let _lock = Lock::take(&self.locks(), id, || {})?;
        let partial = self.partial();
        fs::create_dir_all(&partial).map_err(StoreError::at(&partial))?;
        // No id begins with a point.
        let aside = partial.join(format!(".removed-{id}-{}", std::process::id()));
        fs::rename(&place, &aside).map_err(StoreError::at(&place))?;
        sync_folder(&self.folder)?;
        fs::remove_dir_all(&aside).map_err(StoreError::at(&aside))
    }
}
