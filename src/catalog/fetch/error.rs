//! Why a file is not there.

use std::{
    io,
    path::{Path, PathBuf},
};

#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error(
        "the source does not say where {name} ends, and nobody publishes its size or SHA-256: it could be cut short unseen; try another mirror"
    )]
    Endless { name: String },
    #[error(
        "{name} is a pickle by its name, which may run code when it is loaded, and is refused: look for the same weights as .safetensors or .gguf"
    )]
    Pickle { name: String },
    #[error(
        "{name} begins like {actual}, not like {expected}, and is refused: what lies at its source is not what the catalogue describes"
    )]
    Content {
        name: String,
        actual: &'static str,
        expected: &'static str,
    },
    #[error("{url} is not there ({status}): the source has moved or taken away the file")]
    NotFound { url: String, status: u16 },
    #[error(
        "{url} is refused ({status}): for a repository that asks for consent, accept its terms on its page and set HF_TOKEN"
    )]
    Denied { url: String, status: u16 },
    #[error("{url} was answered with status {status}")]
    Status { url: String, status: u16 },
    #[error(
        "{url} asks to wait {seconds} s before another attempt: pull again then, it goes on where it stopped"
    )]
    Busy { url: String, seconds: u64 },
    #[error(
        "{url} failed {attempts} times in a row, the last time thus: {last}; pull again later, it goes on where it stopped"
    )]
    GaveUp {
        url: String,
        attempts: u32,
        last: String,
    },
    #[error(
        "{url} is not encrypted: only this machine and an endpoint that was set to http:// may be asked without TLS"
    )]
    Plain { url: String },
    #[error("{url} leads to no file: {reason}")]
    Redirect { url: String, reason: &'static str },
    #[error("{url}: {reason}")]
    Secure { url: String, reason: String },
    #[error(
        "{name} is {actual} bytes where {expected} are published, and was thrown away: the source or the way to it is not to be trusted"
    )]
    Size {
        name: String,
        actual: u64,
        expected: u64,
    },
    #[error(
        "{name} has SHA-256 {actual} where {expected} is published, and was thrown away: the source or the way to it is not to be trusted"
    )]
    Hash {
        name: String,
        actual: String,
        expected: String,
    },
    #[error("{name} cannot be unpacked, and was thrown away: {source}; pull again")]
    Gzip { name: String, source: io::Error },
    #[error(
        "the disk is full at {path}: make room or choose another place with --models or DEPECHE_MODELS, then pull again"
    )]
    DiskFull { path: PathBuf },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

impl FetchError {
    /// Of an operation on a local file.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                FetchError::DiskFull { path }
            }
            _ => FetchError::File { path, source },
        }
    }
}
