//! What the transformers with an encoder and a decoder have in common: what the encoder leaves of a
//! sentence, and the sentences being decoded, with the keys and values of their past.

#[cfg(test)]
pub(super) mod golden;

use super::{
    Ask, Ranked, TokenId,
    layers::{CacheShape, Caches, Columns, Memory, with_values},
};
use candle_core::{Result, Tensor, bail};
use std::sync::Arc;

/// What the encoder leaves of a sentence.
pub struct Encoded {
    /// For each decoder layer what its cross-attention reads.
    memory: Vec<Memory>,
}

/// Sentences being decoded together, each at its own position.
pub struct DecoderState {
    rows: Vec<Row>,
    pub(super) caches: Caches,
    start: TokenId,
}

#[derive(Clone)]
struct Row {
    encoded: Arc<Encoded>,
    /// The token before, and the position that it stands at.
    last: TokenId,
    position: usize,
}

/// One step of a batch.
pub struct Step {
    /// What the output layer reads, `[batch, dim]`.
    pub hidden: Tensor,
    /// For each sentence the attention over the positions of its source.
    pub alignments: Vec<Vec<f32>>,
}

impl Encoded {
    /// Of sentences of those lengths, out of the keys and values of all layers side by side,
    /// `[rows, layers * 2 * width]`.
    pub(super) fn all(
        keys_and_values: &Tensor,
        lengths: &[usize],
        shape: CacheShape,
    ) -> Result<Vec<Self>> {
        let width = shape.heads * shape.head_width;
        let row_width = 2 * shape.layers * width;
        if keys_and_values.dim(1)? != row_width {
            bail!("{:?} keys and values for {shape:?}", keys_and_values.dims());
        }
        let columns = |layer| Columns {
            keys: 2 * layer * width,
            values: (2 * layer + 1) * width,
            width,
        };
        with_values(keys_and_values, |mut rest| {
            let sentence = |length: &usize| {
                let (rows, others) = rest.split_at(length * row_width);
                rest = others;
                let layers = 0..shape.layers;
                let memory = layers.map(|i| Memory::new(rows, row_width, columns(i), shape.heads));
                Encoded {
                    memory: memory.collect(),
                }
            };
            lengths.iter().map(sentence).collect()
        })
    }
}

/// Mean of the rows of each sentence, `[dim]`. `states`: `[rows, dim]`.
pub(super) fn means(states: &Tensor, sources: &[&[TokenId]]) -> Result<Vec<Vec<f32>>> {
    let mut first = 0;
    let mean = |source: &&[TokenId]| {
        let rows = states.narrow(0, first, source.len())?;
        first += source.len();
        rows.mean(0)?.to_vec1()
    };
    sources.iter().map(mean).collect()
}

/// What `asks` want of the rows of `logits`, probabilities taken over the tokens that may come, not over
/// all. `logits`: `[asks, vocabulary]`.
pub(super) fn rank_allowed(logits: &Tensor, asks: &[Ask]) -> Result<Vec<Ranked>> {
    let size = logits.dim(1)?;
    let ranked = |(logits, ask): (&[f32], &Ask)| {
        let scored = (0..).map(TokenId).zip(logits.iter().copied());
        let allowed = scored.filter(|(id, _)| !ask.banned.contains(id));
        let (tokens, logits): (Vec<TokenId>, Vec<f32>) = allowed.unzip();
        Ranked::among(&tokens, &logits, ask)
    };
    with_values(logits, |logits| {
        logits.chunks_exact(size).zip(asks).map(ranked).collect()
    })
}

impl DecoderState {
    pub(super) fn new(shape: CacheShape, start: TokenId) -> Self {
        DecoderState {
            rows: Vec::new(),
            caches: Caches::new(shape),
            start,
        }
    }

    /// Sentences in the batch.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds sentences at the end of the batch, each at its start.
    pub fn join(&mut self, sentences: impl IntoIterator<Item = Arc<Encoded>>) -> Result<()> {
        let before = self.rows.len();
        let last = self.start;
        self.rows.extend(sentences.into_iter().map(|encoded| Row {
            encoded,
            last,
            position: 0,
        }));
        self.caches.join(self.rows.len() - before);
        Ok(())
    }

    /// Row `i` goes on from row `rows[i].0` of now with the token `rows[i].1`; rows not named leave.
    pub fn advance(&mut self, rows: &[(usize, TokenId)]) -> Result<()> {
        if let Some((row, _)) = rows.iter().find(|(row, _)| *row >= self.rows.len()) {
            bail!("row {row} of {} is to go on", self.rows.len());
        }
        let stay = rows.iter().enumerate().all(|(i, (row, _))| i == *row);
        if !stay || rows.len() != self.rows.len() {
            let moved = rows.iter().map(|(row, _)| self.rows[*row].clone());
            self.rows = moved.collect();
        }
        self.caches.advance(rows.iter().map(|(row, _)| *row));
        for (row, (_, token)) in self.rows.iter_mut().zip(rows) {
            row.last = *token;
            row.position += 1;
        }
        Ok(())
    }

    /// What each row's next step reads: the token before and its position.
    pub(super) fn inputs(&self) -> impl ExactSizeIterator<Item = (TokenId, usize)> {
        self.rows.iter().map(|row| (row.last, row.position))
    }

    /// What each row's cross-attention reads in a layer.
    pub(super) fn memories(&self, layer: usize) -> impl ExactSizeIterator<Item = &Memory> {
        self.rows.iter().map(move |row| &row.encoded.memory[layer])
    }
}
