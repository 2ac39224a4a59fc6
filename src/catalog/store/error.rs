//! Why the store did not do what was asked.

use crate::catalog::{CatalogError, fetch::FetchError, sources::SourceError};
use std::{
    io,
    path::{Path, PathBuf},
};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{id}: {source}")]
    Pull { id: String, source: SourceError },
    #[error(
        "{id}: {file} has SHA-256 {actual}, but when it was first fetched {pinned}; its source has changed. If you trust it, remove the line \"{id}/{file}\" from {pins} and pull again"
    )]
    Pinned {
        id: String,
        file: String,
        actual: String,
        pinned: String,
        pins: PathBuf,
    },
    #[error("{path}: {reason}")]
    Record { path: PathBuf, reason: String },
    #[error(
        "{id} comes along with depeche, in {path}, and is no model of the store: there is nothing to remove"
    )]
    Embedded { id: String, path: PathBuf },
    #[error("{id} was not put there by `depeche models pull`: remove the folder {path} by hand")]
    Foreign { id: String, path: PathBuf },
    #[error("{id} is not installed (`depeche models list --installed` lists what is)")]
    NotInstalled { id: String },
    #[error("the lock {path} cannot be taken: {source}")]
    Lock { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

impl StoreError {
    /// Of an operation on a local file.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let at = FetchError::at(path);
        move |source| StoreError::Fetch(at(source))
    }

    /// Whether something could not be written where nobody may write.
    pub fn is_read_only(&self) -> bool {
        let (StoreError::Lock { source, .. } | StoreError::Fetch(FetchError::File { source, .. })) =
            self
        else {
            return false;
        };
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        matches!(source.kind(), ReadOnlyFilesystem | PermissionDenied)
    }

    /// Of something that failed for a model.
    pub fn of(id: &str) -> impl Fn(SourceError) -> Self {
        move |source| StoreError::Pull {
            id: id.to_owned(),
            source,
        }
    }
}
