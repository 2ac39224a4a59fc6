//! What tells the families apart. Everything else of a network is in its file's settings.

use crate::model::layers::{Gate, Pairs};

/// The differences between networks that are otherwise alike: pre-norm, rotary positions, grouped
/// queries, a gated feed-forward network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Family {
    /// `general.architecture` of a GGUF file, and what its settings' names begin with.
    pub name: &'static str,
    /// Which numbers of a head turn together. llama.cpp writes Llama's weights so that neighbours do.
    pub pairs: Pairs,
    pub gate: Gate,
    pub projections: Projections,
    pub residuals: Residuals,
    pub embeddings: Embeddings,
    pub windows: Windows,
}

/// What happens to queries, keys and values before they turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Projections {
    Plain,
    /// They have biases.
    Biased,
    /// Queries and keys are normalised, head by head.
    Normalized,
}

/// What is added to the residual stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Residuals {
    Plain,
    /// Normalised once more.
    Normalized,
}

/// What a token's row of the table is multiplied by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Embeddings {
    Plain,
    /// `sqrt(width)`.
    Scaled,
}

/// Which layers see only a window of what came before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Windows {
    None,
    /// All but each sixth, with rotary positions of their own.
    FiveOfSix,
}

/// Those that are known.
pub const FAMILIES: [Family; 4] = [
    Family {
        name: "gemma3",
        pairs: Pairs::Halves,
        gate: Gate::GeluTanh,
        projections: Projections::Normalized,
        residuals: Residuals::Normalized,
        embeddings: Embeddings::Scaled,
        windows: Windows::FiveOfSix,
    },
    Family {
        name: "llama",
        pairs: Pairs::Neighbours,
        gate: Gate::Silu,
        projections: Projections::Plain,
        residuals: Residuals::Plain,
        embeddings: Embeddings::Plain,
        windows: Windows::None,
    },
    Family {
        name: "qwen2",
        pairs: Pairs::Halves,
        gate: Gate::Silu,
        projections: Projections::Biased,
        residuals: Residuals::Plain,
        embeddings: Embeddings::Plain,
        windows: Windows::None,
    },
    Family {
        name: "qwen3",
        pairs: Pairs::Halves,
        gate: Gate::Silu,
        projections: Projections::Normalized,
        residuals: Residuals::Plain,
        embeddings: Embeddings::Plain,
        windows: Windows::None,
    },
];

impl Family {
    /// # Errors
    /// It is none of those that are known; the message names them.
    pub fn named(name: &str) -> Result<Self, String> {
        let found = FAMILIES.into_iter().find(|family| family.name == name);
        found.ok_or_else(|| {
            format!(
                "its architecture is {name:?}; known are {}",
                FAMILIES.map(|family| family.name).join(", ")
            )
        })
    }
}
