//! What lies in the folder of a T5 in Hugging Face's form: `config.json`, `spiece.model`, and
//! `model.safetensors` or, in several files, `model.safetensors.index.json` and what it names.

use super::Config;
use crate::model::{
    ModelError, Tokenizer,
    weights::{SafetensorsFile, Shards, Tensors, WeightsError},
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

impl Files {
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let config = Config::read(folder)?;
        let tokenizer = tokenizer(folder)?;
        let (weights, tensors) = open_weights(folder);
        Ok(Files {
            config,
            tokenizer,
            tensors: tensors.map_err(|source| ModelError::Weights {
                path: weights.clone(),
                source,
            })?,
            weights,
        })
    }

    /// Where the vocabulary and the network do not fit, in words. The network may have more rows than the
    /// vocabulary has pieces: sentinels and padding.
    pub fn problem(&self) -> Option<String> {
        let (held, rows) = (self.tokenizer.size(), self.config.vocab_size);
        (held > rows)
            .then(|| format!("spiece.model holds {held} pieces where config.json says {rows}"))
    }
}

fn open_weights(folder: &Path) -> (PathBuf, Result<Box<dyn Tensors>, WeightsError>) {
    let path = |name: &str| folder.join(name);
    let (one, index) = (
        path("model.safetensors"),
        path("model.safetensors.index.json"),
    );
    let pickle = path("pytorch_model.bin");
    if !one.exists() && index.exists() {
        let shards = Shards::open(&index);
        return (
            index,
            shards.map(|shards| Box::new(shards) as Box<dyn Tensors>),
        );
    }
    if !one.exists() && pickle.exists() {
        return (pickle, Err(WeightsError::Pickle));
    }
    let file = SafetensorsFile::open(&one);
    (one, file.map(|file| Box::new(file) as Box<dyn Tensors>))
}

fn tokenizer(folder: &Path) -> Result<Arc<Tokenizer>, ModelError> {
    let path = folder.join("spiece.model");
    let other = folder.join("tokenizer.json");
    if !path.exists() && other.exists() {
        return Err(ModelError::Setting {
            path: other,
            reason: "it is not read here: put the SentencePiece model that it was made from, spiece.model, beside it"
                .into(),
        });
    }
    let bytes = std::fs::read(&path).map_err(|source| ModelError::Read {
        path: path.clone(),
        source,
    })?;
    let tokenizer = Tokenizer::from_bytes(&bytes);
    let tokenizer = tokenizer.map_err(|source| ModelError::Tokenizer { path, source })?;
    Ok(Arc::new(tokenizer))
}
