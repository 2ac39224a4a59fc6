//! What lies in the folder of a T5, in one of three forms:
//!
//! - Hugging Face's: `config.json`, a vocabulary, and `model.safetensors` or, in several files,
//!   `model.safetensors.index.json` and what it names
//! - candle's: the same with one `*.gguf` that has Hugging Face's names
//! - llama.cpp's: one `*.gguf` that has names of its own, with settings and vocabulary in it
//!
//! The vocabulary is `spiece.model` or, without it, `tokenizer.json`; what lies beside a file of
//! llama.cpp's is taken before what is in it.

use super::{Config, names};
use crate::model::{
    ModelError, Tokenizer, checksums, folder,
    tokenizer::TokenizerError,
    weights::{GgufFile, SafetensorsFile, Shards, Tensors, WeightsError},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub struct Files {
    pub config: Config,
    pub tokenizer: Arc<Tokenizer>,
    pub tensors: Box<dyn Tensors>,
    /// Of the weights, for errors.
    pub weights: PathBuf,
}

/// Whether a folder holds a T5, be it a damaged one.
pub fn holds_t5(folder: &Path) -> bool {
    folder.join("config.json").is_file() || !folder::gguf_files(folder).is_empty()
}

impl Files {
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        checksums::verify(folder)?;
        let one = folder.join("model.safetensors");
        let index = folder.join("model.safetensors.index.json");
        if one.exists() {
            let file = SafetensorsFile::open(&one);
            return Self::named(folder, one, file);
        }
        if index.exists() {
            let shards = Shards::open(&index);
            return Self::named(folder, index, shards);
        }
        if !folder::gguf_files(folder).is_empty() {
            return Self::gguf(folder, folder::only_gguf(folder)?);
        }
        let pickle = folder.join("pytorch_model.bin");
        let (path, missing) = match pickle.exists() {
            true => (pickle, WeightsError::Pickle),
            false => (
                one,
                std::io::Error::from(std::io::ErrorKind::NotFound).into(),
            ),
        };
        Self::named(folder, path, Err::<SafetensorsFile, _>(missing))
    }

    /// With Hugging Face's names.
    fn named(
        folder: &Path,
        weights: PathBuf,
        tensors: Result<impl Tensors + 'static, WeightsError>,
    ) -> Result<Self, ModelError> {
        Ok(Files {
            config: Config::read(folder)?,
            tokenizer: beside(folder).unwrap_or_else(|| Err(missing(folder)))?,
            tensors: Box::new(tensors.map_err(at(&weights))?),
            weights,
        })
    }

    fn gguf(folder: &Path, weights: PathBuf) -> Result<Self, ModelError> {
        let file = GgufFile::open(&weights).map_err(at(&weights))?;
        match file.text("general.architecture") {
            None => return Self::named(folder, weights, Ok(file)),
            Some("t5") => {}
            Some(other) => {
                return Err(ModelError::Setting {
                    path: weights,
                    reason: format!("its architecture is {other:?}; this network reads \"t5\""),
                });
            }
        }
        let tokenizer = match beside(folder) {
            Some(tokenizer) => tokenizer?,
            None => named_tokenizer(weights.clone(), Tokenizer::from_gguf(&file))?,
        };
        let config = match folder.join("config.json").exists() {
            true => Config::read(folder)?,
            false => {
                let config = Config::of_gguf(&file, tokenizer.size());
                config.map_err(|problems| at(&weights)(WeightsError::Tensors(problems)))?
            }
        };
        if let Some(problem) = names::problem(&file) {
            return Err(at(&weights)(WeightsError::Tensors(vec![problem])));
        }
        Ok(Files {
            config,
            tokenizer,
            tensors: Box::new(names::Renamed(file)),
            weights,
        })
    }

    /// Where the vocabulary and the network do not fit, in words. The network may have more rows than the
    /// vocabulary has pieces: sentinels and padding.
    pub fn problem(&self) -> Option<String> {
        let (held, rows) = (self.tokenizer.size(), self.config.vocab_size);
        (held > rows)
            .then(|| format!("the vocabulary holds {held} pieces where config.json says {rows}"))
    }
}

fn at(path: &Path) -> impl Fn(WeightsError) -> ModelError {
    move |source| ModelError::Weights {
        path: path.to_owned(),
        source,
    }
}

/// The vocabulary of a folder, where it is a file of its own.
fn beside(folder: &Path) -> Option<Result<Arc<Tokenizer>, ModelError>> {
    type Reader = fn(&[u8]) -> Result<Tokenizer, TokenizerError>;
    let readers: [(&str, Reader); 2] = [
        ("spiece.model", Tokenizer::from_bytes),
        ("tokenizer.json", Tokenizer::from_json),
    ];
    let (path, read) = readers
        .into_iter()
        .map(|(name, read)| (folder.join(name), read))
        .find(|(path, _)| path.exists())?;
    Some(folder::read(&path).and_then(|bytes| named_tokenizer(path, read(&bytes))))
}

fn missing(folder: &Path) -> ModelError {
    ModelError::Read {
        path: folder.join("spiece.model"),
        source: std::io::ErrorKind::NotFound.into(),
    }
}

fn named_tokenizer(
    path: PathBuf,
    tokenizer: Result<Tokenizer, TokenizerError>,
) -> Result<Arc<Tokenizer>, ModelError> {
    let tokenizer = tokenizer.map_err(|source| ModelError::Tokenizer { path, source })?;
    Ok(Arc::new(tokenizer))
}
