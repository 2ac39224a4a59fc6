//! Files that are read again when they change, so that renewed ones need no restart.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, SystemTime},
};

/// How often it is looked whether files have changed.
pub const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What changes when a file does; nothing for one that is not there.
#[derive(Debug, PartialEq, Eq)]
pub struct Stamps(Vec<Option<(SystemTime, u64)>>);

impl Stamps {
    pub fn of<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let stamp = |path: &PathBuf| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        Stamps(files.into_iter().map(stamp).collect())
    }
}
