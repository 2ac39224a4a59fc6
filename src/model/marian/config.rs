//! `config.json` of a Marian in Hugging Face's form, beside `generation_config.json`.

use crate::model::{Banned, Generation, ModelError, TokenId, generation, layers::Activation};
use serde::Deserialize;
use std::path::Path;

/// What the network is, checked.
#[derive(Clone, Debug)]
pub struct Config {
    pub dim: usize,
    pub encoder: Stack,
    pub decoder: Stack,
    pub activation: Activation,
    /// What embeddings are multiplied by.
    pub embedding_scale: f32,
    pub source_vocab_size: usize,
    pub target_vocab_size: usize,
    pub embeddings: Embeddings,
    /// Tokens of a source sentence, its end counted, that the model was trained on.
    pub max_source_tokens: usize,
    pub generation: Generation,
}

/// The layers of the encoder or the decoder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stack {
    pub layers: usize,
    pub heads: usize,
    pub ffn_dim: usize,
}

/// Which tables there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Embeddings {
    /// One for source, target and output.
    Shared,
    /// One for the source, one for target and output.
    TiedOutput,
    /// One each.
    Separate,
}

#[derive(Deserialize)]
struct Written {
    model_type: String,
    d_model: usize,
    encoder_layers: usize,
    encoder_attention_heads: usize,
    encoder_ffn_dim: usize,
    decoder_layers: usize,
    decoder_attention_heads: usize,
    decoder_ffn_dim: usize,
    activation_function: String,
    #[serde(default)]
    scale_embedding: bool,
    vocab_size: usize,
    decoder_vocab_size: Option<usize>,
    #[serde(default = "yes")]
    share_encoder_decoder_embeddings: bool,
    #[serde(default = "yes")]
    tie_word_embeddings: bool,
    #[serde(default = "positions")]
    max_position_embeddings: usize,
    #[serde(default = "yes")]
    static_position_embeddings: bool,
    #[serde(default)]
    normalize_before: bool,
    #[serde(default)]
    normalize_embedding: bool,
    #[serde(default)]
    add_final_layer_norm: bool,
}

fn yes() -> bool {
    true
}

fn positions() -> usize {
    512
}

/// Sums of so many products of bytes fit 32 bits.
const WIDEST: usize = 1 << 16;
/// No vocabulary comes near it; larger is a damaged file.
const LARGEST: usize = 1 << 20;
const DEEPEST: usize = 64;

impl Config {
    /// # Errors
    /// All that no network can be built from, in one.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let (written, generation) = generation::read::<Written>(folder)?;
        Self::new(written, generation).map_err(|problems| ModelError::Setting {
            path: folder.join("config.json"),
            reason: problems.join("; "),
        })
    }

    fn new(written: Written, generation: Generation) -> Result<Self, Vec<String>> {
        let mut problems = written.problems();
        let activation = Activation::named(&written.activation_function);
        if let Err(problem) = &activation {
            problems.push(problem.clone());
        }
        let shared = written.share_encoder_decoder_embeddings;
        let target_vocab_size = match written.decoder_vocab_size {
            Some(size) if !shared => size,
            _ => written.vocab_size,
        };
        problems.extend(generation.problems(target_vocab_size));
        if generation
            .ends
            .iter()
            .any(|end| end.0 as usize >= written.vocab_size)
        {
            problems.push(format!(
                "eos_token_id is outside the source vocabulary of {}",
                written.vocab_size
            ));
        }
        let Ok(activation) = activation else {
            return Err(problems);
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Config {
            dim: written.d_model,
            encoder: Stack {
                layers: written.encoder_layers,
                heads: written.encoder_attention_heads,
                ffn_dim: written.encoder_ffn_dim,
            },
            decoder: Stack {
                layers: written.decoder_layers,
                heads: written.decoder_attention_heads,
                ffn_dim: written.decoder_ffn_dim,
            },
            activation,
            embedding_scale: if written.scale_embedding {
                (written.d_model as f32).sqrt()
            } else {
                1.0
            },
            source_vocab_size: written.vocab_size,
            target_vocab_size,
            embeddings: match (shared, written.tie_word_embeddings) {
                (true, _) => Embeddings::Shared,
                (false, true) => Embeddings::TiedOutput,
                (false, false) => Embeddings::Separate,
            },
            max_source_tokens: written.max_position_embeddings,
            generation,
        })
    }

    /// Ends a source and a target sentence.
    pub fn end(&self) -> TokenId {
        self.generation.ends[0]
    }

    /// The decoder's first input.
    pub fn start(&self) -> TokenId {
        self.generation.start
    }

    /// What never comes in an output.
    pub fn banned(&self) -> &Banned {
        &self.generation.banned
    }

    /// Longest output for a source of that many tokens, its end counted: three times as long, as Marian
    /// has it, with room for short ones, and never longer than the folder allows.
    pub fn max_output(&self, source_tokens: usize) -> usize {
        let allowed = self.generation.max_length.unwrap_or(self.max_source_tokens);
        (3 * source_tokens + 32).min(allowed.saturating_sub(1).max(1))
    }
}

impl Written {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.model_type != "marian" {
            problems.push(format!(
                "model_type is {:?}; this network reads \"marian\"",
                self.model_type
            ));
        }
        let sizes = [
            ("d_model", self.d_model, WIDEST),
            ("encoder_ffn_dim", self.encoder_ffn_dim, WIDEST),
            ("decoder_ffn_dim", self.decoder_ffn_dim, WIDEST),
            ("vocab_size", self.vocab_size, LARGEST),
            (
                "decoder_vocab_size",
                self.decoder_vocab_size.unwrap_or(1),
                LARGEST,
            ),
            (
                "max_position_embeddings",
                self.max_position_embeddings,
                LARGEST,
            ),
            ("encoder_layers", self.encoder_layers, DEEPEST),
            ("decoder_layers", self.decoder_layers, DEEPEST),
        ];
        for (name, size, most) in sizes {
            if !(1..=most).contains(&size) {
                problems.push(format!("{name} is {size}, not in 1..={most}"));
            }
        }
        let heads = [
            ("encoder_attention_heads", self.encoder_attention_heads),
            ("decoder_attention_heads", self.decoder_attention_heads),
        ];
        for (name, heads) in heads {
            if heads == 0 || !self.d_model.is_multiple_of(heads) || !self.d_model.is_multiple_of(2)
            {
                problems.push(format!(
                    "d_model {} is no even multiple of {name} {heads}",
                    self.d_model
                ));
            }
        }
        // Old configurations can say so; `transformers` computes none of it, and no OPUS-MT has it.
        let unknown = [
            ("normalize_before", self.normalize_before),
            ("normalize_embedding", self.normalize_embedding),
            ("add_final_layer_norm", self.add_final_layer_norm),
            (
                "static_position_embeddings",
                !self.static_position_embeddings,
            ),
        ];
        for (name, said) in unknown {
            if said {
                problems.push(format!(
                    "{name} is other than in every OPUS-MT model, which no Marian network here computes"
                ));
            }
        }
        problems
    }
}
