//! The networks, in candle, and what they are loaded from. Weights are immutable and shared; the
//! state of a decoder belongs to the batch that it decodes.
//!
//! - `student`: the Firefox-style student networks, encoder and SSRU decoder
//! - `marian`: the networks of OPUS-MT, as Hugging Face keeps them
//! - `t5`: T5 and its kin
//! - `seq2seq`: what the transformers with an encoder and a decoder have in common
//! - `generation`: how a model's folder wants it to be decoded
//! - `parts`: layers out of tensors
//! - `folder`, `checksums`: what lies in a model's folder, and whether it is what its list says
//! - `causal`: instruction models, which continue a text
//! - `layers`: what networks are made of, down to the int8 kernels
//! - `weights`: tensors out of files
//! - `rank`: the best of the scores of the next token
//! - `tokenizer`: text to pieces and back
//! - `translator`: what the networks that translate have in common

pub mod causal;
pub mod checksums;
pub mod folder;
mod generation;
mod groups;
pub mod layers;
pub mod marian;
mod parts;
mod rank;
pub mod seq2seq;
pub mod student;
pub mod t5;
pub mod tokenizer;
pub mod translator;
pub mod weights;

pub use causal::Causal;
pub use generation::{Banned, Generation};
pub use marian::Marian;
pub use rank::{Ask, Ranked};
use seq2seq::{DecoderState, Encoded, Step};
pub use student::Student;
pub use t5::T5;
pub use tokenizer::{Token, Tokenizer};
pub use translator::{LoadId, Translator};

use std::sync::Arc;

/// A loaded model, cheap to clone.
#[derive(Clone)]
pub enum Model {
    Translator(Arc<Translator>),
    Causal(Arc<Causal>),
}

impl Model {
    /// A student of Firefox Translations.
    pub fn student(folder: &std::path::Path, loading: Loading) -> Result<Self, ModelError> {
        let model = Translator::student(folder, loading)?;
        Ok(Model::Translator(Arc::new(model)))
    }

    /// A network of OPUS-MT.
    pub fn marian(folder: &std::path::Path, compute: ComputeType) -> Result<Self, ModelError> {
        let model = Translator::marian(folder, compute)?;
        Ok(Model::Translator(Arc::new(model)))
    }

    /// T5 or one of its kin.
    pub fn t5(folder: &std::path::Path, compute: ComputeType) -> Result<Self, ModelError> {
        let model = Translator::t5(folder, compute)?;
        Ok(Model::Translator(Arc::new(model)))
    }

    /// An instruction model.
    pub fn instruction(folder: &std::path::Path) -> Result<Self, ModelError> {
        Ok(Model::Causal(Arc::new(Causal::load(folder)?)))
    }

    /// The same as what translates, if it does.
    pub fn translator(&self) -> Option<&Arc<Translator>> {
        match self {
            Model::Translator(model) => Some(model),
            Model::Causal(_) => None,
        }
    }

    /// The same as what follows instructions, if it does.
    pub fn causal(&self) -> Option<&Arc<Causal>> {
        match self {
            Model::Causal(model) => Some(model),
            Model::Translator(_) => None,
        }
    }

    /// Whether both are the same weights in memory.
    pub fn is(&self, other: &Model) -> bool {
        match (self, other) {
            (Model::Translator(a), Model::Translator(b)) => Arc::ptr_eq(a, b),
            (Model::Causal(a), Model::Causal(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// Clones of it that are held anywhere, this one counted.
    pub fn holders(&self) -> usize {
        match self {
            Model::Translator(model) => Arc::strong_count(model),
            Model::Causal(model) => Arc::strong_count(model),
        }
    }

    /// The tokens that end an output.
    pub fn ends(&self) -> Vec<TokenId> {
        match self {
            Model::Translator(model) => vec![model.end()],
            Model::Causal(model) => model.config.stop.clone(),
        }
    }

    /// What never comes in an output.
    pub fn banned(&self) -> Banned {
        match self {
            Model::Translator(model) => model.banned(),
            Model::Causal(_) => Banned::default(),
        }
    }

    /// Longest output, in tokens, for a source of that many tokens.
    pub fn max_output(&self, source_tokens: usize) -> usize {
        match self {
            Model::Translator(model) => model.max_output(source_tokens),
            Model::Causal(model) => model.config.context_length.saturating_sub(source_tokens),
        }
    }

    /// Bytes that the keys and values of a text of so many tokens take, its prompt counted. A sentence's,
    /// which a window bounds, are not counted.
    pub fn text_bytes(&self, tokens: usize) -> u64 {
        match self {
            Model::Translator(_) => 0,
            Model::Causal(model) => model.text_bytes(tokens),
        }
    }

    /// Bytes of memory beyond the mapped weights file.
    pub fn resident_bytes(&self) -> usize {
        match self {
            Model::Translator(model) => model.resident_bytes(),
            Model::Causal(model) => model.resident_bytes(),
        }
    }

    /// Numbers in all its tensors.
    pub fn parameters(&self) -> usize {
        match self {
            Model::Translator(model) => model.parameters(),
            Model::Causal(model) => model.parameters,
        }
    }
}

/// A piece of a vocabulary.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct TokenId(pub u32);

/// The arithmetic of the linear layers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ComputeType {
    /// Int8 weights and activations, sums in 32-bit integers: the fast one.
    #[default]
    Int8,
    /// The same weights as real numbers: the reference.
    F32,
}

/// How models are loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Loading {
    pub compute: ComputeType,
    /// Whether a model that has a lexical shortlist uses it.
    pub shortlist: bool,
}

impl From<ComputeType> for Loading {
    fn from(compute: ComputeType) -> Self {
        Loading {
            compute,
            shortlist: true,
        }
    }
}

/// Why a model cannot be loaded: the file, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("{path}: it cannot be read: {source}")]
    Read {
        path: std::path::PathBuf,
        source: std::io::Error,
    },
    #[error("{path}: {source}")]
    Config {
        path: std::path::PathBuf,
        source: serde_json::Error,
    },
    #[error("{path}: {reason}")]
    Setting {
        path: std::path::PathBuf,
        reason: String,
    },
    #[error(
        "{path}: its SHA-256 is {actual}, not {expected} as SHA256SUMS beside it says: put the right file there"
    )]
    Checksum {
        path: std::path::PathBuf,
        actual: String,
        expected: String,
    },
    #[error("{0}")]
    Kernel(String),
    #[error("{path}: {source}")]
    Weights {
        path: std::path::PathBuf,
        source: weights::WeightsError,
    },
    #[error("{path}: {source}")]
    Tokenizer {
        path: std::path::PathBuf,
        source: tokenizer::TokenizerError,
    },
    #[error("{path}: the network cannot be built: {source}")]
    Network {
        path: std::path::PathBuf,
        source: candle_core::Error,
    },
}
