//! The networks of OPUS-MT: Marian's transformer (Junczys-Dowmunt et al. 2018), post-norm, with
//! sinusoids for positions, as Hugging Face keeps them. One network may write several languages; a token
//! `>>xx<<` before the source says which.

mod config;
mod files;
mod load;
#[cfg(test)]
mod test;

pub use config::{Config, Embeddings, Stack};

use super::{
    Ask, DecoderState, Encoded, Ranked, Step, TokenId, Tokenizer,
    groups::Group,
    layers::{
        CacheShape, Embedding, LayerNorm, Linear, Positions, cross_attention, self_attention,
    },
    seq2seq,
};
use candle_core::{Result, Tensor};
use std::sync::Arc;

/// A loaded Marian: immutable, shared by all who compute with it.
pub struct Marian {
    pub config: Config,
    pub source: Arc<Tokenizer>,
    pub target: Arc<Tokenizer>,
    pub parameters: usize,
    positions: Positions,
    layers: Layers,
}

struct Layers {
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
    qkv: Linear,
    self_output: Linear,
    self_norm: LayerNorm,
    query: Linear,
    cross_output: Linear,
    cross_norm: LayerNorm,
    ffn: FeedForward,
}

struct FeedForward {
    expand: Linear,
    contract: Linear,
    norm: LayerNorm,
}

impl Marian {
    /// The token that, before a source, asks for a target language (`>>deu<<`), where the vocabulary has
    /// it. `language`: as the vocabulary writes it.
    pub fn target_prefix(&self, language: &str) -> Option<TokenId> {
        self.source.id(&format!(">>{language}<<"))
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
            let table = &self.layers.source_embedding;
            table.forward(tokens.into_iter(), &self.positions)
        };
        let Stack { heads, ffn_dim, .. } = self.config.encoder;
        let mut groups = Group::all(sources, ffn_dim, embed)?;
        for layer in &self.layers.encoder {
            for group in &mut groups {
                let x = &group.states;
                let attended = self_attention(&layer.qkv.forward(x)?, &group.lengths, heads, None)?;
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
            let keys_and_values = self.layers.memory.forward(&group.states)?;
            let shape = self.cache_shape();
            encoded.extend(Encoded::all(&keys_and_values, &group.lengths, shape)?);
        }
        Ok(encoded)
    }

    /// Mean of the encoder's states over each sentence, `[dim]`.
    pub fn vectors(&self, sources: &[&[TokenId]]) -> Result<Vec<Vec<f32>>> {
        seq2seq::means(&self.encoder_states(sources)?, sources)
    }

    /// A batch of no sentences.
    pub fn empty_state(&self) -> Result<DecoderState> {
        Ok(DecoderState::new(self.cache_shape(), self.config.start()))
    }

    fn cache_shape(&self) -> CacheShape {
        let Stack { layers, heads, .. } = self.config.decoder;
        CacheShape {
            layers,
            heads,
            head_width: self.config.dim / heads,
        }
    }

    /// One step of every sentence of the batch. The alignments are those of the first head of the last
    /// layer, which Marian trains for it ("guided alignment").
    pub fn step(&self, state: &mut DecoderState) -> Result<Step> {
        let tokens: Vec<_> = state
            .inputs()
            .map(|(token, position)| (Some(token), position))
            .collect();
        let table = &self.layers.target_embedding;
        let mut x = table.forward(tokens.into_iter(), &self.positions)?;
        let mut alignments = Vec::new();
        for (i, layer) in self.layers.decoder.iter().enumerate() {
            let attended = state.caches.attend(i, &layer.qkv.forward(&x)?, None)?;
            let attended = layer.self_output.forward(&attended)?;
            x = layer.self_norm.forward_residual(&x, &attended)?;
            let attended;
            (attended, alignments) = cross_attention(&layer.query.forward(&x)?, state.memories(i))?;
            let attended = layer.cross_output.forward(&attended)?;
            x = layer.cross_norm.forward_residual(&x, &attended)?;
            x = layer.ffn.forward(&x)?;
        }
        Ok(Step {
            hidden: x,
            alignments,
        })
    }

    /// Scores of the whole vocabulary, `[batch, vocabulary]`.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        self.layers.output.forward(hidden)
    }

    /// What `asks`, one a row of `hidden`, want of the next tokens.
    pub fn rank(&self, hidden: &Tensor, asks: &[Ask]) -> Result<Vec<Ranked>> {
        let probabilities = asks.iter().any(|ask| ask.normalizer);
        match self.config.generation.renormalize && probabilities {
            true => seq2seq::rank_allowed(&self.logits(hidden)?, asks),
            false => self.layers.output.rank(hidden, asks),
        }
    }

    /// Bytes of memory beyond the mapped weights file.
    pub fn resident_bytes(&self) -> usize {
        self.layers.linears().map(Linear::resident_bytes).sum()
    }
}

impl Layers {
    fn linears(&self) -> impl Iterator<Item = &Linear> {
        let encoder = self.encoder.iter().flat_map(|layer| {
            let ffn = &layer.ffn;
            [
                &layer.qkv,
                &layer.attention_output,
                &ffn.expand,
                &ffn.contract,
            ]
        });
        let decoder = self.decoder.iter().flat_map(|layer| {
            let ffn = [&layer.ffn.expand, &layer.ffn.contract];
            let attention = [
                &layer.qkv,
                &layer.self_output,
                &layer.query,
                &layer.cross_output,
            ];
            attention.into_iter().chain(ffn)
        });
        encoder.chain(decoder).chain([&self.memory, &self.output])
    }
}

impl FeedForward {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.contract.forward(&self.expand.forward(x)?)?;
        self.norm.forward_residual(x, &y)
    }
}
