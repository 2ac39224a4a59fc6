//! The student networks of Firefox Translations (Bergamot): a transformer encoder of six layers
//! and a light recurrent decoder of two or four (SSRU, Kim et al. 2019), post-norm throughout.
//! The formulas are Marian's; sizes, vocabularies and special ids come from the model's folder.

mod config;
mod files;
mod load;
mod marian;
#[cfg(test)]
pub(crate) mod test;

pub use config::Config;
pub use files::{holds_student, languages};

use super::{
    Ask, Ranked, TokenId, Tokenizer,
    groups::Group,
    layers::{
        Columns, Embedding, LayerNorm, Linear, Memory, Positions, Selection, cross_attention,
        self_attention, ssru_cell, with_values,
    },
    weights::Shortlist,
};
use candle_core::{DType, Device, Result, Tensor};
use std::sync::Arc;

/// A loaded student: immutable, shared by all who compute with it.
pub struct Student {
    pub config: Config,
    pub source: Arc<Tokenizer>,
    pub target: Arc<Tokenizer>,
    pub parameters: usize,
    shortlist: Option<Shortlist>,
    positions: Positions,
    source_embedding: Embedding,
    target_embedding: Embedding,
    encoder: Vec<EncoderLayer>,
    decoder: Vec<DecoderLayer>,
    /// Keys and values of every decoder layer's cross-attention, side by side.
    memory: Linear,
    output: Linear,
}

struct EncoderLayer {
    qkv: Linear,
    attention_output: Linear,
    attention_norm: LayerNorm,
    ffn: FeedForward,
}

struct DecoderLayer {
    /// The candidate and the gate of the cell, side by side.
    ssru: Linear,
    ssru_norm: LayerNorm,
    query: Linear,
    attention_output: Linear,
    attention_norm: LayerNorm,
    ffn: FeedForward,
}

struct FeedForward {
    expand: Linear,
    contract: Linear,
    norm: LayerNorm,
}

/// What the encoder leaves of a sentence.
pub struct Encoded {
    /// For each decoder layer what its cross-attention reads.
    memory: Vec<Memory>,
    /// The tokens that the shortlist leaves for a translation, in rising order, if the model has one.
    candidates: Option<Selection>,
}

/// Sentences being decoded together, each at its own position.
pub struct DecoderState {
    /// For each layer the SSRU cells, `[batch, dim]`.
    cells: Vec<Tensor>,
    rows: Vec<DecoderRow>,
}

#[derive(Clone)]
struct DecoderRow {
    encoded: Arc<Encoded>,
    /// The token before and its position; `None` at the start.
    last: Option<TokenId>,
    position: usize,
}

/// One step of a batch.
pub struct Step {
    /// What the output layer reads, `[batch, dim]`.
    pub hidden: Tensor,
    /// For each sentence the attention over the positions of its source.
    pub alignments: Vec<Vec<f32>>,
}

impl Student {
    /// Whether outputs hold only what the source's shortlist leaves.
    pub fn has_shortlist(&self) -> bool {
        self.shortlist.is_some()
    }

    /// The same model, whose outputs may hold every token.
    pub fn without_shortlist(self) -> Self {
        Student {
            shortlist: None,
            ..self
        }
    }

    /// The encoder's states, `[rows, dim]`, the rows of all sentences one after the other.
    ///
    /// `sources`: token ids, each ended by the config's `end`.
    pub fn encoder_states(&self, sources: &[&[TokenId]]) -> Result<Tensor> {
        Group::join(self.encode_groups(sources)?)
    }

    fn encode_groups<'a>(&self, sources: &'a [&'a [TokenId]]) -> Result<Vec<Group<'a>>> {
        let embed = |sentences: &[&[TokenId]]| {
            let tokens: Vec<_> = sentences
                .iter()
                .flat_map(|source| source.iter().copied().map(Some).zip(0..))
                .collect();
            self.source_embedding
                .forward(tokens.into_iter(), &self.positions)
        };
        let mut groups = Group::all(sources, self.config.ffn_dim, embed)?;
        for layer in &self.encoder {
            for group in &mut groups {
                let x = &group.states;
                let qkv = layer.qkv.forward(x)?;
                let attended = self_attention(&qkv, &group.lengths, self.config.heads, None)?;
                let attended = layer.attention_output.forward(&attended)?;
                let x = layer.attention_norm.forward_residual(x, &attended)?;
                group.states = layer.ffn.forward(&x)?;
            }
        }
        Ok(groups)
    }

    /// Encodes sentences for decoding.
    pub fn encode(&self, sources: &[&[TokenId]]) -> Result<Vec<Encoded>> {
        let mut encoded = Vec::with_capacity(sources.len());
        for group in self.encode_groups(sources)? {
            let keys_and_values = self.memory.forward(&group.states)?;
            with_values(&keys_and_values, |rows| {
                self.remember(group.sentences, rows, &mut encoded)
            })?;
        }
        Ok(encoded)
    }

    /// `rows`: keys and values of all decoder layers for each position of the sentences.
    fn remember(&self, sentences: &[&[TokenId]], mut rows: &[f32], encoded: &mut Vec<Encoded>) {
        let (dim, layers) = (self.config.dim, self.decoder.len());
        let row_width = 2 * layers * dim;
        for source in sentences {
            let own;
            (own, rows) = rows.split_at(source.len() * row_width);
            let memory = |layer| {
                let columns = Columns {
                    keys: 2 * layer * dim,
                    values: (2 * layer + 1) * dim,
                    width: dim,
                };
                Memory::new(own, row_width, columns, self.config.heads)
            };
            let shortlist = self.shortlist.as_ref();
            encoded.push(Encoded {
                memory: (0..layers).map(memory).collect(),
                candidates: shortlist
                    .map(|shortlist| self.output.selection(shortlist.candidates(source))),
            });
        }
    }

    /// Mean of the encoder's states over each sentence, `[dim]`.
    pub fn vectors(&self, sources: &[&[TokenId]]) -> Result<Vec<Vec<f32>>> {
        let states = self.encoder_states(sources)?;
        let mut first = 0;
        let mean = |source: &&[TokenId]| {
            let rows = states.narrow(0, first, source.len())?;
            first += source.len();
            rows.mean(0)?.to_vec1()
        };
        sources.iter().map(mean).collect()
    }

    /// A batch of no sentences.
    pub fn empty_state(&self) -> Result<DecoderState> {
        let cell = Tensor::zeros((0, self.config.dim), DType::F32, &Device::Cpu)?;
        Ok(DecoderState {
            cells: vec![cell; self.decoder.len()],
            rows: Vec::new(),
        })
    }

    /// One step of every sentence of the batch.
    pub fn step(&self, state: &mut DecoderState) -> Result<Step> {
        let tokens: Vec<_> = state
            .rows
            .iter()
            .map(|row| (row.last, row.position))
            .collect();
        let mut x = self
            .target_embedding
            .forward(tokens.into_iter(), &self.positions)?;
        let mut alignments = Vec::new();
        for (i, layer) in self.decoder.iter().enumerate() {
            let cell = ssru_cell(&layer.ssru.forward(&x)?, &state.cells[i])?;
            x = layer.ssru_norm.forward_residual(&x, &cell.relu()?)?;
            state.cells[i] = cell;
            let memories = state.rows.iter().map(|row| &row.encoded.memory[i]);
            let attended;
            (attended, alignments) = cross_attention(&layer.query.forward(&x)?, memories)?;
            x = layer
                .attention_norm
                .forward_residual(&x, &layer.attention_output.forward(&attended)?)?;
            x = layer.ffn.forward(&x)?;
        }
        Ok(Step {
            hidden: x,
            alignments,
        })
    }

    /// Scores of the whole vocabulary, `[batch, vocabulary]`.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        self.output.forward(hidden)
    }

    /// What `asks`, one a sentence, want of the next tokens. Where the model has a shortlist, among the
    /// candidates that it leaves for the sentence.
    pub fn rank(&self, state: &DecoderState, hidden: &Tensor, asks: &[Ask]) -> Result<Vec<Ranked>> {
        let candidates = |row: usize| {
            let candidates = state.rows[row].encoded.candidates.as_ref();
            candidates.filter(|_| !asks[row].whole_vocabulary)
        };
        let whole: Vec<usize> = (0..asks.len())
            .filter(|row| candidates(*row).is_none())
            .collect();
        if whole.len() == asks.len() {
            return self.output.rank(hidden, asks);
        }
        let mut ranked = vec![Ranked::default(); asks.len()];
        if !whole.is_empty() {
            let rows: Vec<u32> = whole.iter().map(|row| *row as u32).collect();
            let hidden = hidden.index_select(&Tensor::new(rows, &Device::Cpu)?, 0)?;
            let asked: Vec<Ask> = whole.iter().map(|row| asks[*row].clone()).collect();
            let found = self.output.rank(&hidden, &asked)?;
            whole
                .iter()
                .zip(found)
                .for_each(|(row, found)| ranked[*row] = found);
        }
        let weights = &self.target_embedding.table;
        for (row, ranked) in ranked.iter_mut().enumerate() {
            if let Some(candidates) = candidates(row) {
                let hidden = hidden.narrow(0, row, 1)?;
                let logits = self.output.select(&hidden, weights, candidates)?;
                *ranked = Ranked::among(candidates.outputs(), &logits, &asks[row]);
            }
        }
        Ok(ranked)
    }

    /// Bytes of memory beyond the mapped weights file.
    pub fn resident_bytes(&self) -> usize {
        let ffn = |ffn: &FeedForward| ffn.expand.resident_bytes() + ffn.contract.resident_bytes();
        let encoder = self
            .encoder
            .iter()
            .map(|l| l.qkv.resident_bytes() + l.attention_output.resident_bytes() + ffn(&l.ffn));
        let decoder = self.decoder.iter().map(|l| {
            l.ssru.resident_bytes()
                + l.query.resident_bytes()
                + l.attention_output.resident_bytes()
                + ffn(&l.ffn)
        });
        let tables = self.source_embedding.table.resident_bytes()
            + self.target_embedding.table.resident_bytes();
        encoder.sum::<usize>()
            + decoder.sum::<usize>()
            + tables
            + self.memory.resident_bytes()
            + self.output.resident_bytes()
    }
}

impl FeedForward {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.expand.then(&self.contract, x)?;
        self.norm.forward_residual(x, &y)
    }
}

impl DecoderState {
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
        self.rows
            .extend(sentences.into_iter().map(|encoded| DecoderRow {
                encoded,
                last: None,
                position: 0,
            }));
        for cell in &mut self.cells {
            let zeros = Tensor::zeros(
                (self.rows.len() - before, cell.dim(1)?),
                DType::F32,
                &Device::Cpu,
            )?;
            *cell = Tensor::cat(&[&*cell, &zeros], 0)?;
        }
        Ok(())
    }

    /// Row `i` goes on from row `rows[i].0` of now with the token `rows[i].1`; rows not named leave.
    pub fn advance(&mut self, rows: &[(usize, TokenId)]) -> Result<()> {
        let stay = rows.iter().enumerate().all(|(i, (row, _))| i == *row);
        if !stay || rows.len() != self.rows.len() {
            let from: Vec<u32> = rows.iter().map(|(row, _)| *row as u32).collect();
            let from = Tensor::new(from, &Device::Cpu)?;
            for cell in &mut self.cells {
                *cell = cell.index_select(&from, 0)?;
            }
            self.rows = rows
                .iter()
                .map(|(row, _)| self.rows[*row].clone())
                .collect();
        }
        for (row, (_, token)) in self.rows.iter_mut().zip(rows) {
            row.last = Some(*token);
            row.position += 1;
        }
        Ok(())
    }
}
