//! Which models there are, where they lie, and which of them are loaded.
//!
//! - `entry`, `index`, `validate`: what `models/catalog.toml` says of each model
//! - `sources`, `fetch`: where files come from, and how they come
//! - `store`: the folder that they are put into
//! - `installed`: what lies in the models folders
//! - `pool`: the loaded models, within a memory budget

pub mod entry;
mod fetch;
mod index;
mod installed;
mod pool;
mod sources;
pub mod store;
#[cfg(test)]
mod test;
mod validate;

pub use fetch::Progress;
pub use index::Catalog;
pub use installed::{Installed, scan};
pub use pool::Pool;
pub use sources::{SourceError, live::ID_ENDING as LIVE_ENDING};
pub use store::{Store, live_index_kept_in};

use crate::model::ModelError;
use std::{io, path::PathBuf, sync::Arc};

/// Why it cannot be told which models there are.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error(
        "the models folder {path} cannot be read: {source}; set it with --models or DEPECHE_MODELS"
    )]
    Folder { path: PathBuf, source: io::Error },
    #[error(
        "no model in {} (a folder with config.json and model.safetensors, or with Mozilla's files): \
         fetch one with `depeche models pull`, or set the folder with --models or DEPECHE_MODELS",
        .paths.join(" or ")
    )]
    NoModel { paths: Vec<String> },
    #[error("{path}: {reason}; pull the model again (`depeche models pull`)")]
    Record { path: PathBuf, reason: String },
    #[error("{path}: {source}")]
    Catalog {
        path: PathBuf,
        source: Box<toml::de::Error>,
    },
    #[error("{path}: {}", .problems.join("\n"))]
    Entries {
        path: PathBuf,
        /// One of each entry that is not as it should be.
        problems: Vec<String>,
    },
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Why a request cannot have its models.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PoolError {
    #[error("there is no model {0}")]
    Unknown(String),
    /// One cannot be loaded: the file, and what is wrong with it.
    #[error(transparent)]
    Model(Arc<ModelError>),
    #[error(
        "{ids} need {needed} bytes of memory, and memory_budget_bytes is {budget}: raise it, or ask for fewer languages at a time"
    )]
    TooLarge {
        ids: String,
        needed: u64,
        budget: u64,
    },
    #[error(
        "no room for {ids}: other requests' models take all of memory_budget_bytes, {budget}: try again"
    )]
    Busy { ids: String, budget: u64 },
    #[error("loading a model stopped in the middle: a bug; the server's log says where")]
    Panicked,
}
