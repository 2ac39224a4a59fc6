//! The model that is measured: of the store, or any folder, told apart by its files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    cli::error::CliError,
    config::{Compute, Settings},
    model::{ComputeType, Loading, Model, causal, folder, weights::GgufFile},
};

/// Loads `name`, the id of an installed model or a folder.
///
/// # Errors
/// There is no such model; it is damaged.
pub fn load(name: &str, settings: &Settings) -> Result<Model, CliError> {
    let folder = folder(name, settings)?;
    let compute = match settings.compute_type {
        Compute::Int8 => ComputeType::Int8,
        Compute::F32 => ComputeType::F32,
    };
    let loading = Loading {
        compute,
        shortlist: settings.shortlist,
    };
    match Family::of(&folder) {
        Family::Student => Model::student(&folder, loading),
        Family::Marian => Model::marian(&folder, compute),
        Family::T5 => Model::t5(&folder, compute),
        Family::Causal => Model::instruction(&folder),
    }
    .map_err(super::failed)
}

fn folder(name: &str, settings: &Settings) -> Result<PathBuf, CliError> {
    let path = Path::new(name);
    if path.is_dir() {
        return Ok(path.to_owned());
    }
    let folders = settings.models_folders()?.into_iter();
    let mut folders = folders.map(|folder| folder.join(path));
    if let Some(folder) = folders.find(|folder| folder.is_dir()) {
        return Ok(folder);
    }
    Err(CliError::Input(format!(
        "there is no model {name}: name an installed one or a folder"
    )))
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    Student,
    Marian,
    T5,
    Causal,
}

#[derive(Deserialize)]
struct Written {
    /// Hugging Face's name of the family; our own students have none.
    model_type: Option<String>,
}

impl Family {
    /// Of a model's folder. What is none of the others is read as a student, whose loader tells what is
    /// missing.
    pub fn of(folder: &Path) -> Self {
        let config = fs::read(folder.join("config.json")).unwrap_or_default();
        let written = serde_json::from_slice::<Written>(&config).ok();
        match written.and_then(|written| written.model_type).as_deref() {
            Some("marian") => Family::Marian,
            Some("t5" | "mt5") => Family::T5,
            _ if causal::holds_causal(folder) => Family::of_gguf(folder),
            _ => Family::Student,
        }
    }

    fn of_gguf(folder: &Path) -> Self {
        let file = folder::only_gguf(folder).map(|path| GgufFile::open(&path));
        match file {
            Ok(Ok(file)) if file.text("general.architecture") == Some("t5") => Family::T5,
            _ => Family::Causal,
        }
    }
}
