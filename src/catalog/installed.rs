//! What lies in the models folders, without loading any of it.

use super::{
    Catalog, CatalogError,
    entry::{Checked, Engine, Entry, Task},
    store,
};
use crate::model::{causal, student, t5};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A model that lies here and that this version can run.
#[derive(Clone, Debug, PartialEq)]
pub struct Installed {
    /// Name of its folder.
    pub id: String,
    pub folder: PathBuf,
    pub task: Task,
    pub engine: Engine,
    /// BCP-47 tags.
    pub source_languages: Vec<String>,
    pub target_languages: Vec<String>,
    /// SPDX identifier; empty where the catalogue does not know the model.
    pub licence: String,
    /// How far it was tried; as little as possible where the catalogue does not know it.
    pub checked: Checked,
    /// What is put before a text, where the catalogue says so.
    pub prefix: Option<String>,
    /// Size of the files with its weights, when it was found: what it will take in memory, or nearly.
    pub weight_bytes: u64,
}

/// Of all files with weights that an engine reads in a folder, shards of one model for example.
pub fn weight_bytes(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let weights = files.filter(|file| holds_weights(&file.file_name().to_string_lossy()));
    let sizes = weights.filter_map(|file| std::fs::metadata(file.path()).ok());
    sizes.map(|metadata| metadata.len()).sum()
}

fn holds_weights(name: &str) -> bool {
    let students = name.starts_with("model.") && name.ends_with(".bin");
    students || name.ends_with(".safetensors") || name.ends_with(".gguf")
}

/// The models of the folders in the order of their ids; of two with one id, that of the earlier
/// folder. And the catalogue that they are described in: what is built in, and what the folders add.
///
/// # Errors
/// A folder or a description that cannot be read, or no model at all.
pub fn scan(folders: &[PathBuf]) -> Result<(Vec<Installed>, Catalog), CatalogError> {
    let catalog = Catalog::of_folders(folders.iter())?;
    let mut found = BTreeMap::new();
    for folder in folders {
        let unreadable = |source| CatalogError::Folder {
            path: folder.to_owned(),
            source,
        };
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let id = name(&path);
            // What the store keeps for itself begins with a point. A folder with a part of the files
            // is a damaged model, not another kind of folder.
            if id.starts_with('.') || !path.is_dir() || found.contains_key(&id) {
                continue;
            }
            let record = store::record(&path)?;
            if runs(
                &path,
                record.as_ref().or(catalog.get(&id)),
                record.is_some(),
            ) {
                found.insert(id, (path, record));
            }
        }
    }
    if found.is_empty() {
        return Err(CatalogError::NoModel {
            paths: folders
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
        });
    }
    let described = found
        .into_iter()
        .map(|(id, (folder, record))| describe(id, folder, record.as_ref(), &catalog));
    let installed = described.collect::<Result<_, _>>()?;
    Ok((installed, catalog))
}

/// Whether a folder holds a model that this version has an engine for. One with a part of the files is
/// a damaged model, not another kind of folder.
fn runs(folder: &Path, entry: Option<&Entry>, recorded: bool) -> bool {
    match entry {
        Some(entry) if entry.runs_here() => recorded || holds(entry.engine, folder),
        Some(entry) => {
            let (model, task) = (folder.display(), entry.task.name());
            tracing::warn!(%model, task, "passed over: this version has no use for it yet");
            false
        }
        None => student::holds_student(folder),
    }
}

/// Whether a folder has the files of a model of that engine, be it a damaged one.
fn holds(engine: Engine, folder: &Path) -> bool {
    match engine {
        Engine::Student => student::holds_student(folder),
        Engine::Causal => causal::holds_causal(folder),
        Engine::T5 => t5::holds_t5(folder),
        Engine::Marian => folder.join("config.json").is_file(),
    }
}

/// What the store wrote down beside a model's files describes it best, then the catalogue.
fn describe(
    id: String,
    folder: PathBuf,
    record: Option<&Entry>,
    catalog: &Catalog,
) -> Result<Installed, CatalogError> {
    Ok(match record.or(catalog.get(&id)) {
        Some(entry) => Installed {
            task: entry.task,
            engine: entry.engine,
            source_languages: entry.source_languages.clone(),
            target_languages: entry.target_languages.clone(),
            licence: entry.licence.clone(),
            checked: entry.checked,
            prefix: entry.prefix.clone(),
            weight_bytes: weight_bytes(&folder),
            id,
            folder,
        },
        None => {
            let (source, target) = student::languages(&folder)?;
            Installed {
                task: Task::Translation,
                engine: Engine::Student,
                source_languages: vec![source],
                target_languages: vec![target],
                licence: String::new(),
                checked: Checked::Form,
                prefix: None,
                weight_bytes: weight_bytes(&folder),
                id,
                folder,
            }
        }
    })
}

fn name(folder: &Path) -> String {
    let name = folder.file_name();
    name.map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}
