//! `config.json` of a student's folder.

use crate::model::TokenId;
use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    pub architecture: String,
    pub source_lang: String,
    pub target_lang: String,
    pub dim: usize,
    pub heads: usize,
    pub ffn_dim: usize,
    /// Of the decoder, where it is not `ffn_dim`.
    #[serde(default)]
    pub decoder_ffn_dim: Option<usize>,
    pub encoder_layers: usize,
    pub decoder_layers: usize,
    pub source_vocab_size: usize,
    pub target_vocab_size: usize,
    pub(super) eos_id: u32,
    pub(super) unk_id: u32,
    pub embedding_scale: f32,
    pub layer_norm_eps: f32,
    /// Tokens of a source sentence, its end counted, that the model was trained on.
    pub max_source_tokens: usize,
    /// An output is at most `max_output_factor * source tokens + max_output_extra` long.
    pub max_output_factor: f32,
    pub max_output_extra: usize,
}

/// The only architecture read here.
pub const ARCHITECTURE: &str = "marian-student-ssru";

/// Inputs of a layer: 2^16 products of at most 255 · 127.
const WIDEST: usize = 1 << 16;
/// No vocabulary, width or depth of a sane student comes near it; larger is a damaged file.
const LARGEST: usize = 1 << 20;
/// Nor has one as many layers.
const DEEPEST: usize = 64;

impl Config {
    /// Ends a source and a target sentence.
    pub fn end(&self) -> TokenId {
        TokenId(self.eos_id)
    }

    pub fn unknown(&self) -> TokenId {
        TokenId(self.unk_id)
    }

    /// Longest output for a source of that many tokens, its end counted.
    pub fn max_output(&self, source_tokens: usize) -> usize {
        (self.max_output_factor * source_tokens as f32).ceil() as usize + self.max_output_extra
    }

    /// What no network can be built from, in words.
    pub fn problem(&self) -> Option<String> {
        let sizes = [
            ("dim", self.dim),
            ("heads", self.heads),
            ("ffn_dim", self.ffn_dim),
            ("source_vocab_size", self.source_vocab_size),
            ("target_vocab_size", self.target_vocab_size),
            ("max_source_tokens", self.max_source_tokens),
        ];
        if self.architecture != ARCHITECTURE {
            return Some(format!(
                "architecture is {:?}; this version reads {ARCHITECTURE:?}",
                self.architecture
            ));
        }
        if let Some((name, size)) = sizes
            .into_iter()
            .find(|(_, size)| !(1..=LARGEST).contains(size))
        {
            return Some(format!("{name} is {size}, not in 1..={LARGEST}"));
        }
        // Sums of so many products of bytes fit 32 bits.
        let widths = [("dim", self.dim), ("ffn_dim", self.ffn_dim)];
        let decoder = self.decoder_ffn_dim.map(|dim| ("decoder_ffn_dim", dim));
        if let Some((name, width)) = widths
            .into_iter()
            .chain(decoder)
            .find(|(_, width)| *width > WIDEST)
        {
            return Some(format!("{name} is {width}, not in 1..={WIDEST}"));
        }
        let depths = [
            ("encoder_layers", self.encoder_layers),
            ("decoder_layers", self.decoder_layers),
        ];
        if let Some((name, depth)) = depths
            .into_iter()
            .find(|(_, depth)| !(1..=DEEPEST).contains(depth))
        {
            return Some(format!("{name} is {depth}, not in 1..={DEEPEST}"));
        }
        if !self.dim.is_multiple_of(2 * self.heads) {
            return Some(format!(
                "dim {} is not an even multiple of {} heads",
                self.dim, self.heads
            ));
        }
        let vocabulary = self.source_vocab_size.min(self.target_vocab_size);
        for (name, id) in [("eos_id", self.eos_id), ("unk_id", self.unk_id)] {
            if id as usize >= vocabulary {
                return Some(format!(
                    "{name} {id} is outside the vocabulary of {vocabulary}"
                ));
            }
        }
        if !(0.0..=16.0).contains(&self.max_output_factor)
            || self.max_output_extra > LARGEST
            || self.max_source_tokens < 8
        {
            return Some(
                "max_source_tokens, max_output_factor or max_output_extra is out of range".into(),
            );
        }
        None
    }
}
