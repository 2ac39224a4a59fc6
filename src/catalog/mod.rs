//! Which models there are: the folders of the models directory, and what `catalog.toml` beside them
//! says of each.

#[cfg(test)]
mod test;

use crate::model::{ComputeType, ModelError, Student, student};
use serde::Deserialize;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A loaded model and what is known of it.
#[derive(Clone)]
pub struct Installed {
    pub info: ModelInfo,
    pub model: Arc<Student>,
}

/// What an operator and a client may want to know of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    /// Name of its folder.
    pub id: String,
    /// What it is for: "translation".
    pub task: String,
    /// The family of networks that runs it: "student".
    pub engine: String,
    /// BCP-47 tags.
    pub source_languages: Vec<String>,
    pub target_languages: Vec<String>,
    /// SPDX identifier; empty where the catalogue does not know the model.
    pub licence: String,
    pub parameters: u64,
    /// Memory of its packed weights and vocabularies' tables, the mapped file not counted.
    pub resident_bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error(
        "the models folder {path} cannot be read: {source}; set it with --models or DEPECHE_MODELS"
    )]
    Folder { path: PathBuf, source: io::Error },
    #[error(
        "the models folder {path} holds no model (a folder with config.json and model.safetensors, or with Mozilla's files); set it with --models or DEPECHE_MODELS"
    )]
    NoModel { path: PathBuf },
    #[error("{path}: {source}")]
    Catalog {
        path: PathBuf,
        source: Box<toml::de::Error>,
    },
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// `catalog.toml`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalog {
    #[serde(default)]
    model: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    task: String,
    engine: String,
    source_languages: Vec<String>,
    target_languages: Vec<String>,
    licence: String,
}

/// Loads every model below `models`, in the order of their names. One that cannot be loaded is an
/// error: a server must not start with less than it was given.
pub fn load(models: &Path, compute: ComputeType) -> Result<Vec<Installed>, CatalogError> {
    let folder_error = |source| CatalogError::Folder {
        path: models.to_owned(),
        source,
    };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(models).map_err(folder_error)? {
        let folder = entry.map_err(folder_error)?.path();
        // One with a part of the files is a damaged model, not another kind of folder.
        if student::holds_student(&folder) {
            folders.push(folder);
        }
    }
    if folders.is_empty() {
        return Err(CatalogError::NoModel {
            path: models.to_owned(),
        });
    }
    folders.sort();
    let catalog = read_catalog(&models.join("catalog.toml"))?;
    folders
        .iter()
        .map(|folder| load_model(folder, &catalog, compute))
        .collect()
}

fn read_catalog(path: &Path) -> Result<Catalog, CatalogError> {
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).map_err(|source| CatalogError::Catalog {
            path: path.to_owned(),
            source: Box::new(source),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Catalog::default()),
        Err(source) => Err(CatalogError::Folder {
            path: path.to_owned(),
            source,
        }),
    }
}

fn load_model(
    folder: &Path,
    catalog: &Catalog,
    compute: ComputeType,
) -> Result<Installed, CatalogError> {
    let model = Student::load(folder, compute)?;
    let id = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let entry = catalog.model.iter().find(|entry| entry.id == id);
    let info = ModelInfo {
        task: entry.map_or("translation", |entry| &entry.task).to_owned(),
        engine: entry.map_or("student", |entry| &entry.engine).to_owned(),
        source_languages: entry.map_or_else(
            || vec![model.config.source_lang.clone()],
            |entry| entry.source_languages.clone(),
        ),
        target_languages: entry.map_or_else(
            || vec![model.config.target_lang.clone()],
            |entry| entry.target_languages.clone(),
        ),
        licence: entry.map(|entry| entry.licence.clone()).unwrap_or_default(),
        parameters: model.parameters as u64,
        resident_bytes: model.resident_bytes() as u64,
        id,
    };
    Ok(Installed {
        info,
        model: Arc::new(model),
    })
}
