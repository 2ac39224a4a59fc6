//! `config.json` of a T5 in Hugging Face's form, beside `generation_config.json`, or what llama.cpp writes
//! of it into a GGUF file.

use crate::model::{
    Banned, Generation, ModelError, TokenId, generation,
    layers::{Activation, Buckets},
    weights::{GgufFile, Tensors as _},
};
use serde::Deserialize;
use std::path::Path;

/// What the network is, checked.
#[derive(Clone, Debug)]
pub struct Config {
    pub dim: usize,
    pub heads: usize,
    /// Of a head's keys, queries and values; all heads together may be wider or narrower than `dim`.
    pub head_width: usize,
    pub ffn_dim: usize,
    pub encoder_layers: usize,
    pub decoder_layers: usize,
    pub feed_forward: FeedForwardKind,
    pub buckets: Buckets,
    pub layer_norm_eps: f32,
    pub output: Output,
    pub vocab_size: usize,
    /// Tokens of a source, its end counted, that the model was trained on.
    pub max_source_tokens: usize,
    /// What was put before texts to be summarised, where the folder says so.
    pub summary_prefix: Option<String>,
    pub generation: Generation,
}

/// How a feed-forward layer expands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FeedForwardKind {
    /// `f(x W)`: T5 1.0.
    Plain(Activation),
    /// `f(x W) * (x V)`: T5 1.1 and its kin (Shazeer 2020).
    Gated(Activation),
}

/// What gives the scores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Output {
    /// The embeddings; states are scaled by `dim^-0.5` before.
    Tied,
    /// A matrix of its own.
    Separate,
}

#[derive(Deserialize)]
struct Written {
    model_type: String,
    d_model: usize,
    d_kv: usize,
    d_ff: usize,
    num_heads: usize,
    num_layers: usize,
    num_decoder_layers: Option<usize>,
    #[serde(default = "relu")]
    feed_forward_proj: String,
    #[serde(default = "bucket_count")]
    relative_attention_num_buckets: usize,
    #[serde(default = "farthest")]
    relative_attention_max_distance: usize,
    #[serde(default = "eps")]
    layer_norm_epsilon: f32,
    tie_word_embeddings: Option<bool>,
    vocab_size: usize,
    n_positions: Option<usize>,
    task_specific_params: Option<Tasks>,
}

/// What the tasks of the first T5 are asked by.
#[derive(Deserialize)]
struct Tasks {
    summarization: Option<Asking>,
}

#[derive(Deserialize)]
struct Asking {
    prefix: Option<String>,
}

fn relu() -> String {
    "relu".into()
}

fn bucket_count() -> usize {
    32
}

fn farthest() -> usize {
    128
}

fn eps() -> f32 {
    1e-6
}

/// Sums of so many products of bytes fit 32 bits.
const WIDEST: usize = 1 << 16;
const LARGEST: usize = 1 << 20;
const DEEPEST: usize = 64;
/// The window of all T5 in training, where `n_positions` says no other.
const WINDOW: usize = 512;

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

    /// Of a file that llama.cpp wrote. `vocabulary`: its pieces.
    ///
    /// # Errors
    /// All that is missing in it or no network can be built from.
    pub fn of_gguf(file: &GgufFile, vocabulary: usize) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let number = |name: &str| {
            let number = file.integer(&format!("t5.{name}"))?;
            Some(usize::try_from(number).unwrap_or(usize::MAX))
        };
        let mut size = |name: &str| {
            number(name).unwrap_or_else(|| {
                problems.push(format!("setting t5.{name} is missing, or not a number"));
                1
            })
        };
        // What such a file does not say is what llama.cpp takes it to be.
        let written = Written {
            model_type: "t5".into(),
            d_model: size("embedding_length"),
            d_kv: size("attention.key_length"),
            d_ff: size("feed_forward_length"),
            num_heads: size("attention.head_count"),
            num_layers: size("block_count"),
            num_decoder_layers: number("decoder_block_count"),
            feed_forward_proj: match file.holds("enc.blk.0.ffn_gate.weight") {
                true => "gated-gelu".into(),
                false => relu(),
            },
            relative_attention_num_buckets: size("attention.relative_buckets_count"),
            relative_attention_max_distance: farthest(),
            layer_norm_epsilon: file
                .float("t5.attention.layer_norm_rms_epsilon")
                .map_or_else(eps, |eps| eps as f32),
            tie_word_embeddings: Some(!file.holds("output.weight")),
            vocab_size: vocabulary,
            n_positions: number("context_length"),
            task_specific_params: None,
        };
        let token = |name: &str| {
            let id = file.integer(name)?;
            Some(u32::try_from(id).unwrap_or(u32::MAX))
        };
        let generation = Generation::of_tokens(
            token("t5.decoder_start_token_id"),
            token("tokenizer.ggml.eos_token_id"),
            token("tokenizer.ggml.padding_token_id"),
        );
        if !problems.is_empty() {
            return Err(problems);
        }
        Self::new(written, generation)
    }

    fn new(written: Written, generation: Generation) -> Result<Self, Vec<String>> {
        let mut problems = written.problems();
        problems.extend(generation.problems(written.vocab_size));
        let feed_forward = match written.feed_forward() {
            Ok(kind) => kind,
            Err(problem) => {
                problems.push(problem);
                return Err(problems);
            }
        };
        if !problems.is_empty() {
            return Err(problems);
        }
        let tasks = written.task_specific_params;
        let asking = tasks.and_then(|tasks| tasks.summarization);
        Ok(Config {
            dim: written.d_model,
            heads: written.num_heads,
            head_width: written.d_kv,
            ffn_dim: written.d_ff,
            encoder_layers: written.num_layers,
            decoder_layers: written.num_decoder_layers.unwrap_or(written.num_layers),
            feed_forward,
            buckets: Buckets {
                count: written.relative_attention_num_buckets,
                farthest: written.relative_attention_max_distance,
            },
            layer_norm_eps: written.layer_norm_epsilon,
            output: match written.tie_word_embeddings {
                Some(false) => Output::Separate,
                _ => Output::Tied,
            },
            vocab_size: written.vocab_size,
            max_source_tokens: written.n_positions.unwrap_or(WINDOW),
            summary_prefix: asking.and_then(|asking| asking.prefix),
            generation,
        })
    }

    /// Ends a source and an output.
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

    /// Longest output for a source of that many tokens, its end counted: three times as long, with room
    /// for short ones, and never longer than the folder allows.
    pub fn max_output(&self, source_tokens: usize) -> usize {
        let allowed = self.generation.max_length.unwrap_or(self.max_source_tokens);
        (3 * source_tokens + 32).min(allowed.saturating_sub(1).max(1))
    }

    /// Of queries, keys and values, all heads together.
    pub fn inner(&self) -> usize {
        self.heads * self.head_width
    }
}

impl Written {
    fn feed_forward(&self) -> Result<FeedForwardKind, String> {
        match self.feed_forward_proj.strip_prefix("gated-") {
            // The name that T5 1.1 was published under means the one with the hyperbolic tangent.
            Some("gelu") => Ok(FeedForwardKind::Gated(Activation::GeluTanh)),
            Some(name) => Activation::named(name).map(FeedForwardKind::Gated),
            None => Activation::named(&self.feed_forward_proj).map(FeedForwardKind::Plain),
        }
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !["t5", "mt5"].contains(&self.model_type.as_str()) {
            problems.push(format!(
                "model_type is {:?}; this network reads \"t5\" and \"mt5\"",
                self.model_type
            ));
        }
        let sizes = [
            ("d_model", self.d_model, WIDEST),
            ("d_kv", self.d_kv, 1 << 10),
            ("num_heads", self.num_heads, 1 << 10),
            ("d_ff", self.d_ff, WIDEST),
            ("num_layers", self.num_layers, DEEPEST),
            (
                "num_decoder_layers",
                self.num_decoder_layers.unwrap_or(1),
                DEEPEST,
            ),
            ("vocab_size", self.vocab_size, LARGEST),
            ("n_positions", self.n_positions.unwrap_or(1), LARGEST),
            (
                "relative_attention_max_distance",
                self.relative_attention_max_distance,
                LARGEST,
            ),
        ];
        for (name, size, most) in sizes {
            if !(1..=most).contains(&size) {
                problems.push(format!("{name} is {size}, not in 1..={most}"));
            }
        }
        let buckets = self.relative_attention_num_buckets;
        if !(4..=1 << 10).contains(&buckets) || buckets / 2 >= self.relative_attention_max_distance
        {
            problems.push(format!(
                "relative_attention_num_buckets {buckets} do not fit relative_attention_max_distance {}",
                self.relative_attention_max_distance
            ));
        }
        problems
    }
}
