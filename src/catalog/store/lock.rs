//! A lock among processes: one fetches or removes a model, others wait; some may look at it together.

use super::StoreError;
use std::{
    fs::{self, File, TryLockError},
    path::Path,
};

/// Held until dropped; the system drops it for a process that dies.
pub struct Lock(#[expect(dead_code, reason = "open, it holds the lock")] File);

/// What the lock is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Fetching or removing, which nobody else may look at.
    Change,
    /// Looking, together with others who do.
    Look,
}

impl Lock {
    /// Waits for the lock; `waiting` is called once if it is not free. Its file stays, for
    /// somebody else may have it open.
    pub fn take(
        folder: &Path,
        name: &str,
        to: Use,
        waiting: impl FnOnce(),
    ) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(StoreError::at(folder))?;
        let path = folder.join(format!("{name}.lock"));
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(StoreError::at(&path))?;
        let now = match to {
            Use::Change => file.try_lock(),
            Use::Look => file.try_lock_shared(),
        };
        let taken = match now {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                waiting();
                match to {
                    Use::Change => file.lock(),
                    Use::Look => file.lock_shared(),
                }
            }
            Err(TryLockError::Error(error)) => Err(error),
        };
        match taken {
            Ok(()) => Ok(Lock(file)),
            Err(source) => Err(StoreError::Lock { path, source }),
        }
    }
}
