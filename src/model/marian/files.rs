//! What lies in the folder of a Marian in Hugging Face's form: `config.json`, `model.safetensors`,
//! `source.spm`, `target.spm`, `vocab.json`, and `target_vocab.json` where the target has its own.

use super::Config;
use crate::model::{
    ModelError, Tokenizer, checksums, folder,
    weights::{SafetensorsFile, WeightsError},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

pub struct Files {
    pub config: Config,
    pub source: Arc<Tokenizer>,
    pub target: Arc<Tokenizer>,
    pub tensors: SafetensorsFile,
    /// Of the weights, for errors.
    pub weights: PathBuf,
}

impl Files {
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        checksums::verify(folder)?;
        let config = Config::read(folder)?;
        let table = folder.join("vocab.json");
        let target_table = match folder.join("target_vocab.json") {
            own if own.exists() => own,
            _ => table.clone(),
        };
        let source = tokenizer(&folder.join("source.spm"), &table)?;
        let target = tokenizer(&folder.join("target.spm"), &target_table)?;
        let weights = weights(folder)?;
        let tensors = SafetensorsFile::open(&weights).map_err(|source| ModelError::Weights {
            path: weights.clone(),
            source,
        })?;
        Ok(Files {
            config,
            source,
            target,
            tensors,
            weights,
        })
    }

    /// Where the vocabularies and the network do not fit, in words.
    pub fn problems(&self) -> Vec<String> {
        let sides = [
            ("source", &self.source, self.config.source_vocab_size),
            ("target", &self.target, self.config.target_vocab_size),
        ];
        sides
            .into_iter()
            .filter(|(_, tokenizer, size)| tokenizer.size() > *size)
            .map(|(side, tokenizer, size)| {
                let held = tokenizer.size();
                format!("the {side} vocabulary has ids up to {held} where config.json says {size}")
            })
            .collect()
    }
}

fn weights(folder: &Path) -> Result<PathBuf, ModelError> {
    let path = folder.join("model.safetensors");
    let pickle = folder.join("pytorch_model.bin");
    if !path.exists() && pickle.exists() {
        return Err(ModelError::Weights {
            path: pickle,
            source: WeightsError::Pickle,
        });
    }
    Ok(path)
}

fn tokenizer(model: &Path, table: &Path) -> Result<Arc<Tokenizer>, ModelError> {
    let tokenizer = Tokenizer::with_vocabulary(&folder::read(model)?, &folder::read(table)?);
    let tokenizer = tokenizer.map_err(|source| ModelError::Tokenizer {
        path: if source.is_of_the_table() {
            table
        } else {
            model
        }
        .to_owned(),
        source,
    })?;
    Ok(Arc::new(tokenizer))
}
