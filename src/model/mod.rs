//! The networks, in candle, and what they are loaded from. Weights are immutable and shared; the
//! state of a decoder belongs to the batch that it decodes.
//!
//! - `student`: the Firefox-style student networks, encoder and SSRU decoder
//! - `layers`: what networks are made of, down to the int8 kernels
//! - `weights`: tensors out of files
//! - `tokenizer`: text to pieces and back

pub mod layers;
pub mod student;
pub mod tokenizer;
pub mod weights;

pub use student::Student;
pub use tokenizer::{Token, Tokenizer};

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
