//! T5 (Raffel et al. 2020) and its kin, 1.1, mT5, FLAN-T5 and MADLAD-400: pre-norm, no biases, and distances
//! between tokens in the place of positions.

mod config;
mod files;
mod load;
mod names;
#[cfg(test)]
mod test;

pub use config::{Config, FeedForwardKind, Output};
pub use files::holds_t5;

use super::{
    Ask, DecoderState, Encoded, Ranked, Step, TokenId, Tokenizer,
    layers::{
        CacheShape, Embedding, Linear, RelativeBias, RmsNorm, cross_attention, self_attention,
    },
    seq2seq,
};
use candle_core::{Result, Tensor};
use std::sync::Arc;

/// A loaded T5: immutable, shared by all who compute with it.
pub struct T5 {
    pub config: Config,
    pub source: Arc<Tokenizer>,
    /// The same as `source`.
    pub target: Arc<Tokenizer>,
    pub parameters: usize,
    layers: Layers,
}

struct Layers {
    embedding: Embedding,
    encoder: Vec<EncoderLayer>,
    encoder_bias: RelativeBias,
    encoder_norm: RmsNorm,
    decoder: Vec<DecoderLayer>,
    decoder_bias: RelativeBias,
    decoder_norm: RmsNorm,
    /// Keys and values of every decoder layer's cross-attention, side by side.
    memory: Linear,
    output: Linear,
}

struct EncoderLayer {
    attention: SelfAttention,
    ffn: FeedForward,
}

struct DecoderLayer {
    attention: SelfAttention,
    cross: CrossAttention,
    ffn: FeedForward,
}

struct SelfAttention {
    norm: RmsNorm,
    qkv: Linear,
    output: Linear,
}

struct CrossAttention {
    norm: RmsNorm,
    query: Linear,
    output: Linear,
}

struct FeedForward {
    norm: RmsNorm,
    kind: FeedForwardKind,
    /// Where it is gated, the gate and the other half side by side.
    expand: Linear,
    contract: Linear,
}

impl T5 {
    /// The token that, before a source, asks for a target language in MADLAD-400 (`<2de>`), where the
    /// vocabulary has it. `language`: as the vocabulary writes it.
    pub fn target_prefix(&self, language: &str) -> Option<TokenId> {
        self.source.id(&format!("<2{language}>"))
    }

    /// The encoder's states, `[rows, dim]`, the rows of all sentences one after the other.
    ///
    /// `sources`: token ids, each ended by the config's `end`.
    pub fn encoder_states(&self, sources: &[&[TokenId]]) -> Result<Tensor> {
        let lengths: Vec<usize> = sources.iter().map(|source| source.len()).collect();
        let tokens: Vec<TokenId> = sources.concat();
        let bias = Some(&self.layers.encoder_bias);
        let mut x = self.layers.embedding.rows(tokens.into_iter())?;
        for EncoderLayer { attention, ffn } in &self.layers.encoder {
            let qkv = attention.qkv.forward(&attention.norm.forward(&x)?)?;
            let attended = self_attention(&qkv, &lengths, self.config.heads, bias)?;
            x = (x + attention.output.forward(&attended)?)?;
            x = ffn.forward(x)?;
        }
        self.layers.encoder_norm.forward(&x)
    }

    /// Encodes sentences for decoding.
    pub fn encode(&self, sources: &[&[TokenId]]) -> Result<Vec<Encoded>> {
        let states = self.encoder_states(sources)?;
        let lengths: Vec<usize> = sources.iter().map(|source| source.len()).collect();
        let keys_and_values = self.layers.memory.forward(&states)?;
        Encoded::all(&keys_and_values, &lengths, self.cache_shape())
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
        CacheShape {
            layers: self.config.decoder_layers,
            heads: self.config.heads,
            head_width: self.config.head_width,
        }
    }

    /// One step of every sentence of the batch. The alignments are those of the first head of the last
    /// layer; nobody trained it to be one.
    pub fn step(&self, state: &mut DecoderState) -> Result<Step> {
        let tokens: Vec<TokenId> = state.inputs().map(|(token, _)| token).collect();
        let bias = Some(&self.layers.decoder_bias);
        let mut x = self.layers.embedding.rows(tokens.into_iter())?;
        let mut alignments = Vec::new();
        for (i, layer) in self.layers.decoder.iter().enumerate() {
            let DecoderLayer {
                attention,
                cross,
                ffn,
            } = layer;
            let qkv = attention.qkv.forward(&attention.norm.forward(&x)?)?;
            let attended = state.caches.attend(i, &qkv, bias)?;
            x = (x + attention.output.forward(&attended)?)?;
            let queries = cross.query.forward(&cross.norm.forward(&x)?)?;
            let attended;
            (attended, alignments) = cross_attention(&queries, state.memories(i))?;
            x = (x + cross.output.forward(&attended)?)?;
            x = ffn.forward(x)?;
        }
        let hidden = self.layers.decoder_norm.forward(&x)?;
        let hidden = match self.config.output {
            Output::Tied => (hidden * (self.config.dim as f64).powf(-0.5))?,
            Output::Separate => hidden,
        };
        Ok(Step { hidden, alignments })
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
            let attention = [&layer.attention.qkv, &layer.attention.output];
            attention.into_iter().chain(layer.ffn.linears())
        });
        let decoder = self.decoder.iter().flat_map(|layer| {
            let attention = [&layer.attention.qkv, &layer.attention.output];
            let cross = [&layer.cross.query, &layer.cross.output];
            attention
                .into_iter()
                .chain(cross)
                .chain(layer.ffn.linears())
        });
        encoder.chain(decoder).chain([&self.memory, &self.output])
    }
}

impl FeedForward {
    fn linears(&self) -> [&Linear; 2] {
        [&self.expand, &self.contract]
    }

    /// With the residual connection.
    fn forward(&self, x: Tensor) -> Result<Tensor> {
        let y = self.expand.forward(&self.norm.forward(&x)?)?;
        let y = match self.kind {
            FeedForwardKind::Plain(_) => y,
            FeedForwardKind::Gated(activation) => activation.gated(&y)?,
        };
        x + self.contract.forward(&y)?
    }
}
