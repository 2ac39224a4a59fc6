//! Instruction models (Gemma 3, Qwen 2 and 3, Llama and SmolLM): networks that continue a text, one
//! GGUF file each.
//!
//! - `family`, `config`: what a file says of its network
//! - `load`: its weights
//! - `layer`: attention and feed-forward network
//! - `state`: the sequences of a batch
//! - `template`: messages in the form that a model was trained on
//! - `prompt`: what is asked of it

mod config;
mod family;
mod layer;
mod load;
mod prompt;
mod state;
mod template;
#[cfg(test)]
mod test;

pub use config::{Config, RopeConfig};
pub use family::{FAMILIES, Family};
pub use load::holds_causal;
pub use prompt::{PromptError, Task};
pub use state::State;
pub use template::{ChatTemplate, Message, Role, TemplateError};

use super::{
    Ask, Ranked, TokenId,
    layers::{BlockLinear, Cache, RmsNorm, Rope, with_values},
    tokenizer::bpe::BpeTokenizer,
    weights::Blocks,
};
use candle_core::{Device, Result, Tensor, bail};
use layer::{Layer, Place};
use rayon::prelude::*;
use state::{Next, Reading, Row};
use std::{collections::VecDeque, sync::Arc};

/// A loaded model: immutable, shared by all who compute with it. Its products are split over the
/// threads of rayon's pool.
pub struct Causal {
    pub config: Config,
    /// Numbers in all its tensors.
    pub parameters: usize,
    pub tokenizer: Arc<BpeTokenizer>,
    pub template: ChatTemplate,
    /// Read row by row, where it lies in the file.
    embedding: Blocks,
    layers: Vec<Layer>,
    /// Of the global layers and of those with a window.
    ropes: [Rope; 2],
    output_norm: RmsNorm,
    output: BlockLinear,
}

/// Rows of prompts that go through the network together, so that what they compute with takes little
/// memory, and those that are being written do not wait long between two steps.
const ROWS_AT_ONCE: usize = if cfg!(test) { 16 } else { 512 };

/// A token that a sequence reads.
struct Reads {
    /// Of the sequences of the step.
    sequence: usize,
    token: TokenId,
}

impl Causal {
    /// A batch of no sequences.
    pub fn empty_state(&self) -> Result<State> {
        Ok(State {
            rows: Vec::new(),
            reading: VecDeque::new(),
        })
    }

    /// Takes prompts into the batch, to be read.
    ///
    /// # Errors
    /// A prompt is empty, has a token that the model does not know, or leaves no room for a token in the
    /// model's context; nothing is added.
    pub fn join(&self, state: &mut State, prompts: &[&[TokenId]]) -> Result<()> {
        for prompt in prompts {
            if prompt.is_empty() || prompt.len() >= self.config.context_length {
                bail!(
                    "a prompt of {} tokens; the model reads 1 to {}",
                    prompt.len(),
                    self.config.context_length - 1
                );
            }
            let unknown = |token: &&TokenId| token.0 as usize >= self.embedding.rows();
            if let Some(token) = prompt.iter().find(unknown) {
                bail!("token {} is not in the vocabulary", token.0);
            }
        }
        state.reading.extend(prompts.iter().map(|prompt| Reading {
            row: Row {
                caches: vec![Cache::default(); self.layers.len()],
                length: 0,
                next: Next::Hidden(Vec::new()),
            },
            prompt: prompt.to_vec(),
        }));
        Ok(())
    }

    /// Reads on in the prompts that have joined, in their order, [`ROWS_AT_ONCE`] tokens at the most. Those
    /// that are read through become rows at the end of the batch, before their first token. Returns how
    /// many did.
    pub fn read(&self, state: &mut State) -> Result<usize> {
        let mut rows = Vec::new();
        let mut reads = Vec::new();
        for Reading { row, prompt } in &mut state.reading {
            let (sequence, room) = (rows.len(), ROWS_AT_ONCE - reads.len());
            if room == 0 {
                break;
            }
            let unread = prompt[row.length..].iter().take(room);
            reads.extend(unread.map(|&token| Reads { sequence, token }));
            rows.push(row);
        }
        self.compute(&mut rows, &reads)?;
        let is_read = |reading: &&Reading| reading.row.length == reading.prompt.len();
        let read = state.reading.iter().take_while(is_read).count();
        let rows = state.reading.drain(..read).map(|reading| reading.row);
        state.rows.extend(rows);
        Ok(read)
    }

    /// Hidden states of the next token of every row, `[rows, dim]`.
    ///
    /// # Errors
    /// A row has no room left in the model's context.
    pub fn step(&self, state: &mut State) -> Result<Tensor> {
        let mut waiting = Vec::new();
        let mut reads = Vec::new();
        for row in &mut state.rows {
            if let Next::Token(token) = row.next {
                let sequence = waiting.len();
                reads.push(Reads { sequence, token });
                waiting.push(row);
            }
        }
        self.compute(&mut waiting, &reads)?;
        let mut hidden = Vec::with_capacity(state.rows.len() * self.config.dim);
        for row in &state.rows {
            match &row.next {
                Next::Hidden(values) => hidden.extend_from_slice(values),
                Next::Token(_) => bail!("a row was not read"),
            }
        }
        Tensor::from_vec(hidden, (state.rows.len(), self.config.dim), &Device::Cpu)
    }

    /// Reads tokens into the rows, and keeps for each of these the hidden state of its last one.
    fn compute(&self, rows: &mut [&mut Row], reads: &[Reads]) -> Result<()> {
        if reads.is_empty() {
            return Ok(());
        }
        // Within the pool, where a thread that waits for others works meanwhile.
        rayon::scope(|_| self.compute_in_pool(rows, reads))
    }

    fn compute_in_pool(&self, rows: &mut [&mut Row], reads: &[Reads]) -> Result<()> {
        let mut places = Vec::with_capacity(reads.len());
        let mut last = vec![None; rows.len()];
        for (at, read) in reads.iter().enumerate() {
            let row = &mut rows[read.sequence];
            if row.length >= self.config.context_length {
                bail!("a sequence is longer than the model's context");
            }
            places.push(Place {
                sequence: read.sequence,
                position: row.length,
            });
            row.length += 1;
            last[read.sequence] = Some(at);
        }
        let rotations = self
            .ropes
            .each_ref()
            .map(|rope| rope.at(places.iter().map(|place| place.position)));
        let mut x = self.embed(reads)?;
        for (i, layer) in self.layers.iter().enumerate() {
            let rotation = &rotations[usize::from(self.config.has_window(i))];
            let mut caches: Vec<&mut Cache> =
                rows.iter_mut().map(|row| &mut row.caches[i]).collect();
            x = layer.forward(&self.config, &x, rotation, &places, &mut caches)?;
        }
        with_values(&x, |x| {
            for (row, last) in rows.iter_mut().zip(last) {
                if let Some(last) = last {
                    let mut hidden = x[last * self.config.dim..][..self.config.dim].to_vec();
                    self.output_norm.normalize(&mut hidden);
                    row.next = Next::Hidden(hidden);
                }
            }
        })
    }

    /// `[reads, dim]`.
    fn embed(&self, reads: &[Reads]) -> Result<Tensor> {
        let dim = self.config.dim;
        let mut x = vec![0f32; reads.len() * dim];
        for (read, x) in reads.iter().zip(x.chunks_exact_mut(dim)) {
            let token = read.token.0 as usize;
            if token >= self.embedding.rows() {
                bail!("token {token} is not in the vocabulary");
            }
            self.embedding.read_row(token, x);
            x.iter_mut().for_each(|x| *x *= self.config.embedding_scale);
        }
        Tensor::from_vec(x, (reads.len(), dim), &Device::Cpu)
    }

    /// Scores of the whole vocabulary, `[rows, vocabulary]`.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        rayon::scope(|_| self.output.forward(hidden))
    }

    /// The best tokens of each row, as it is asked.
    pub fn rank(&self, hidden: &Tensor, asks: &[Ask]) -> Result<Vec<Ranked>> {
        if hidden.dim(0)? != asks.len() {
            bail!(
                "{} rows are asked about, there are {}",
                asks.len(),
                hidden.dim(0)?
            );
        }
        let logits = self.logits(hidden)?;
        with_values(&logits, |logits| {
            let rows = logits.par_chunks_exact(self.output.outputs());
            rows.zip(asks)
                .map(|(row, ask)| Ranked::of(row, ask))
                .collect()
        })
    }

    /// Bytes that the keys and values of a sequence of so many tokens take.
    pub fn text_bytes(&self, tokens: usize) -> u64 {
        let of_layer = |layer: usize| {
            let attention = self.config.attention_of(layer);
            // What a window does not see any more leaves after the rows that were read together.
            let window = attention.window.map(|window| window + ROWS_AT_ONCE);
            attention.kept_bytes(tokens.min(window.unwrap_or(usize::MAX)))
        };
        (0..self.layers.len()).map(of_layer).sum()
    }

    /// Bytes of memory beyond the mapped file.
    pub fn resident_bytes(&self) -> usize {
        let layers = self.layers.iter().map(Layer::resident_bytes);
        layers.sum::<usize>() + self.output.resident_bytes()
    }
}
