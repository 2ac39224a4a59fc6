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
use state::{Next, Row};
use std::sync::Arc;

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
/// memory.
const ROWS_AT_ONCE: usize = 512;

/// A token that a sequence reads.
struct Reads {
    /// Of the sequences of the step.
    sequence: usize,
    token: TokenId,
}

impl Causal {
    /// A batch of no sequences.
    pub fn empty_state(&self) -> Result<State> {
        Ok(State { rows: Vec::new() })
    }

    /// Adds sequences at the end of the batch: reads their prompts. Each new row then stands before
    /// its first token.
    ///
    /// # Errors
    /// A prompt is empty, or leaves no room for a token in the model's context; nothing is added.
    pub fn join(&self, state: &mut State, prompts: &[&[TokenId]]) -> Result<()> {
        for prompt in prompts {
            if prompt.is_empty() || prompt.len() >= self.config.context_length {
                bail!(
                    "a prompt of {} tokens; the model reads 1 to {}",
                    prompt.len(),
                    self.config.context_length - 1
                );
            }
        }
        let mut rows: Vec<Row> = prompts
            .iter()
            .map(|_| Row {
                caches: vec![Cache::default(); self.layers.len()],
                length: 0,
                next: Next::Hidden(Vec::new()),
            })
            .collect();
        let reads: Vec<Reads> = prompts
            .iter()
            .enumerate()
            .flat_map(|(sequence, prompt)| {
                let tokens = prompt.iter();
                tokens.map(move |&token| Reads { sequence, token })
            })
            .collect();
        let mut rows_read: Vec<&mut Row> = rows.iter_mut().collect();
        for reads in reads.chunks(ROWS_AT_ONCE) {
            self.read(&mut rows_read, reads)?;
        }
        state.rows.extend(rows);
        Ok(())
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
        self.read(&mut waiting, &reads)?;
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
    fn read(&self, rows: &mut [&mut Row], reads: &[Reads]) -> Result<()> {
        if reads.is_empty() {
            return Ok(());
        }
        // Within the pool, where a thread that waits for others works meanwhile.
        rayon::scope(|_| self.read_in_pool(rows, reads))
    }

    fn read_in_pool(&self, rows: &mut [&mut Row], reads: &[Reads]) -> Result<()> {
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

    /// Bytes of memory beyond the mapped file.
    pub fn resident_bytes(&self) -> usize {
        let layers = self.layers.iter().map(Layer::resident_bytes);
        layers.sum::<usize>() + self.output.resident_bytes()
    }
}
