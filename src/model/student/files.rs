//! What lies in a student's folder, in either of two forms:
//!
//! - ours: `config.json`, `model.safetensors`, `source.spm`, `target.spm`
//! - Mozilla's: `model.<pair>.….bin`, `vocab.<pair>.spm` or `srcvocab.….spm` and `trgvocab.….spm`, and
//!   perhaps the lexical shortlist, `lex.….bin`

use super::{Config, marian, marian::MarianTensors};
use crate::model::{
    ModelError, Tokenizer, checksums,
    tokenizer::TokenizerError,
    weights::{MarianFile, SafetensorsFile, Shortlist, Tensors, WeightsError},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub struct Files {
    pub config: Config,
    pub source: Arc<Tokenizer>,
    pub target: Arc<Tokenizer>,
    pub tensors: Box<dyn Tensors>,
    pub shortlist: Option<Shortlist>,
    /// Of the weights, for errors.
    pub weights: PathBuf,
}

/// Whether a folder holds a student, be it a damaged one.
pub fn holds_student(folder: &Path) -> bool {
    ["config.json", "model.safetensors", "source.spm"]
        .iter()
        .any(|file| folder.join(file).exists())
        || find(folder, "model.", ".bin").is_some()
}

/// The languages that a folder's student reads and writes, as its files say, nothing else read.
pub fn languages(folder: &Path) -> Result<(String, String), ModelError> {
    if let Some(weights) = marian_weights(folder) {
        let name = languages_of(&weights);
        return marian::languages(&name).map_err(|reason| ModelError::Setting {
            path: weights,
            reason,
        });
    }
    let config = read_config(&folder.join("config.json"))?;
    Ok((config.source_lang, config.target_lang))
}

/// The weights, if the folder is in Mozilla's form.
fn marian_weights(folder: &Path) -> Option<PathBuf> {
    find(folder, "model.", ".bin").filter(|_| !folder.join("config.json").exists())
}

/// `fren` of `model.fren.intgemm.alphas.bin`.
fn languages_of(weights: &Path) -> String {
    let name = weights.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').nth(1).unwrap_or_default().to_owned()
}

fn read_config(path: &Path) -> Result<Config, ModelError> {
    serde_json::from_slice(&read(path)?).map_err(|source| ModelError::Config {
        path: path.to_owned(),
        source,
    })
}

impl Files {
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        checksums::verify(folder)?;
        match marian_weights(folder) {
            Some(weights) => Self::marian(folder, weights),
            None => Self::ours(folder),
        }
    }

    fn ours(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let config = read_config(&path)?;
        checked(&config, &path)?;
        let source = tokenizer(&folder.join("source.spm"), config.source_vocab_size)?;
        let target = tokenizer(&folder.join("target.spm"), config.target_vocab_size)?;
        let weights = folder.join("model.safetensors");
        let tensors =
            SafetensorsFile::open(&weights).map_err(|source| weights_error(&weights, source))?;
        Ok(Files {
            config,
            source,
            target,
            tensors: Box::new(tensors),
            shortlist: None,
            weights,
        })
    }

    fn marian(folder: &Path, weights: PathBuf) -> Result<Self, ModelError> {
        let file = MarianFile::open(&weights).map_err(|source| weights_error(&weights, source))?;
        let tensors = MarianTensors::new(file);
        let languages = languages_of(&weights);
        let config = tensors
            .config(&languages)
            .map_err(|reason| ModelError::Setting {
                path: weights.clone(),
                reason,
            })?;
        checked(&config, &weights)?;
        let vocabulary = |prefix: &str, size| {
            let path = find(folder, prefix, ".spm")
                .unwrap_or_else(|| folder.join(format!("{prefix}{languages}.spm")));
            tokenizer(&path, size)
        };
        let (source, target) = if find(folder, "srcvocab.", ".spm").is_some() {
            (
                vocabulary("srcvocab.", config.source_vocab_size)?,
                vocabulary("trgvocab.", config.target_vocab_size)?,
            )
        } else {
            let shared = vocabulary("vocab.", config.source_vocab_size)?;
            (shared.clone(), shared)
        };
        let shortlist = match find(folder, "lex.", ".bin") {
            None => None,
            Some(path) => {
                let shared = Arc::ptr_eq(&source, &target);
                let shortlist = Shortlist::open(&path, source.size(), target.size(), shared);
                Some(shortlist.map_err(|source| weights_error(&path, source))?)
            }
        };
        Ok(Files {
            config,
            source,
            target,
            tensors: Box::new(tensors),
            shortlist,
            weights,
        })
    }
}

pub fn weights_error(path: &Path, source: WeightsError) -> ModelError {
    ModelError::Weights {
        path: path.to_owned(),
        source,
    }
}

/// The first file, in the order of names, with that prefix and ending.
fn find(folder: &Path, prefix: &str, ending: &str) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path());
    let fits = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with(prefix) && name.ends_with(ending))
    };
    files.filter(fits).min()
}

fn checked(config: &Config, path: &Path) -> Result<(), ModelError> {
    match config.problem() {
        Some(reason) => Err(ModelError::Setting {
            path: path.to_owned(),
            reason,
        }),
        None => Ok(()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    std::fs::read(path).map_err(|source| ModelError::Read {
        path: path.to_owned(),
        source,
    })
}

fn tokenizer(path: &Path, size: usize) -> Result<Arc<Tokenizer>, ModelError> {
    let error = |source| ModelError::Tokenizer {
        path: path.to_owned(),
        source,
    };
    let tokenizer = Tokenizer::from_bytes(&read(path)?).map_err(error)?;
    if tokenizer.size() != size {
        let (actual, expected) = (tokenizer.size(), size);
        return Err(error(TokenizerError::Size { actual, expected }));
    }
    Ok(Arc::new(tokenizer))
}
