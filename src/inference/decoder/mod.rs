//! What the scheduler needs of a network, whatever its family.

mod causal;
#[cfg(test)]
mod test;
mod translator;

pub use translator::vectors;

use crate::model::{Ask, Model, Ranked, TokenId};
use candle_core::Result;
use std::sync::Arc;

/// Sequences that are decoded together with one model's weights, each a row at its own position and
/// each computed as if it were alone.
pub trait Decoder: Send {
    /// Takes in sources (a translator's sentences, an instruction model's prompts), to be read.
    ///
    /// # Errors
    /// The network cannot read one; none is taken in.
    fn join(&mut self, sources: &[&[TokenId]]) -> Result<()>;

    /// Reads on in what was taken in, in its order, as much as may come between two steps. Each source that
    /// is read through becomes a row behind those that are there, before its first token. Returns how many
    /// did.
    fn read(&mut self) -> Result<usize>;

    /// Of the sources that were taken in and are not read through, in their order, drops those that do
    /// not `stay`.
    fn forget(&mut self, stay: &[bool]);

    /// The best next tokens of every row, as its `Ask` wants them.
    fn step(&mut self, asks: &[Ask]) -> Result<Vec<Next>>;

    /// Row `i` from now on goes on as row `rows[i].0` did until now, with the token `rows[i].1`. Rows
    /// that are not named leave; a row that is named twice is two from now on.
    fn advance(&mut self, rows: &[(usize, TokenId)]) -> Result<()>;
}

/// What may follow a row.
pub struct Next {
    pub ranked: Ranked,
    /// Attention over the source's positions; empty where the network has no cross-attention.
    pub attention: Arc<[f32]>,
}

/// A decoder of no sequences yet.
pub fn decoder(model: &Model) -> Result<Box<dyn Decoder>> {
    match model {
        Model::Translator(model) => translator::decoder(model),
        Model::Causal(model) => causal::decoder(model),
    }
}
