//! A Marian out of its files: every tensor by its name, packed for the kernels.

use super::{
    Config, DecoderLayer, EncoderLayer, FeedForward, Marian, config::Embeddings, files::Files,
};
use crate::model::{
    ComputeType, ModelError,
    layers::{Activation, Embedding, Linear, Positions, Steps, int8},
    parts::Parts,
    weights::{Matrix, Tensors},
};
use candle_core::Result;
use std::path::Path;

/// PyTorch's default, which `transformers` leaves as it is.
const EPS: f32 = 1e-5;

/// Names under which files keep a table that is shared: whichever was written first.
const SOURCE: [&str; 2] = ["model.encoder.embed_tokens.weight", "model.shared.weight"];
const TARGET: [&str; 2] = ["model.decoder.embed_tokens.weight", "lm_head.weight"];
const SHARED: [&str; 4] = [
    "model.shared.weight",
    "model.encoder.embed_tokens.weight",
    "model.decoder.embed_tokens.weight",
    "lm_head.weight",
];

impl Marian {
    /// Loads a folder; see `files` for what lies in it.
    ///
    /// # Errors
    /// The file and what is wrong with it; all missing and misshapen tensors at once.
    pub fn load(folder: &Path, compute: ComputeType) -> std::result::Result<Self, ModelError> {
        int8::wanted().map_err(ModelError::Kernel)?;
        let files = Files::open(folder)?;
        let parts = Parts::new(&files.tensors, compute);
        files
            .problems()
            .into_iter()
            .for_each(|problem| parts.complain(problem));
        let built = build(&parts, &files.config);
        parts.finish().map_err(|source| ModelError::Weights {
            path: files.weights.clone(),
            source,
        })?;
        let layers = built.map_err(|source| ModelError::Network {
            path: files.weights.clone(),
            source,
        })?;
        let parameters = files.tensors.parameters();
        // All is packed; of the file a row of a table is read now and then.
        files.tensors.release();
        Ok(Marian {
            positions: Positions::new(files.config.dim, Steps::Open),
            config: files.config,
            source: files.source,
            target: files.target,
            parameters,
            layers,
        })
    }
}

fn build(parts: &Parts, config: &Config) -> Result<super::Layers> {
    let encoder = (0..config.encoder.layers)
        .map(|i| encoder_layer(parts, config, &format!("model.encoder.layers.{i}")))
        .collect::<Result<Vec<_>>>()?;
    let decoder = (0..config.decoder.layers)
        .map(|i| decoder_layer(parts, config, &format!("model.decoder.layers.{i}")))
        .collect::<Result<Vec<_>>>()?;
    let (source, target): (&[&str], &[&str]) = match config.embeddings {
        Embeddings::Shared => (&SHARED, &SHARED),
        Embeddings::TiedOutput => (&SOURCE, &TARGET),
        Embeddings::Separate => (&SOURCE, &TARGET[..1]),
    };
    let embedding = |names, size| Embedding {
        table: parts.any_matrix(names, size, config.dim),
        scale: config.embedding_scale,
    };
    let source_embedding = embedding(source, config.source_vocab_size);
    let target_embedding = embedding(target, config.target_vocab_size);
    let separate;
    let output: &Matrix = match config.embeddings {
        Embeddings::Separate => {
            separate = parts.matrix("lm_head.weight", config.target_vocab_size, config.dim);
            &separate
        }
        Embeddings::Shared | Embeddings::TiedOutput => &target_embedding.table,
    };
    let bias = parts.matrix("final_logits_bias", 1, config.target_vocab_size);
    Ok(super::Layers {
        encoder,
        decoder,
        memory: memory(parts, config)?,
        output: parts.pack(&[output], bias.to_f32(), Activation::None)?,
        source_embedding,
        target_embedding,
    })
}

fn encoder_layer(parts: &Parts, config: &Config, at: &str) -> Result<EncoderLayer> {
    let dim = config.dim;
    Ok(EncoderLayer {
        qkv: qkv(parts, dim, at)?,
        attention_output: square(parts, dim, format!("{at}.self_attn.out_proj"))?,
        attention_norm: parts.layer_norm(&format!("{at}.self_attn_layer_norm"), dim, EPS),
        ffn: ffn(parts, config, config.encoder.ffn_dim, at)?,
    })
}

fn decoder_layer(parts: &Parts, config: &Config, at: &str) -> Result<DecoderLayer> {
    let dim = config.dim;
    Ok(DecoderLayer {
        qkv: qkv(parts, dim, at)?,
        self_output: square(parts, dim, format!("{at}.self_attn.out_proj"))?,
        self_norm: parts.layer_norm(&format!("{at}.self_attn_layer_norm"), dim, EPS),
        query: square(parts, dim, format!("{at}.encoder_attn.q_proj"))?,
        cross_output: square(parts, dim, format!("{at}.encoder_attn.out_proj"))?,
        cross_norm: parts.layer_norm(&format!("{at}.encoder_attn_layer_norm"), dim, EPS),
        ffn: ffn(parts, config, config.decoder.ffn_dim, at)?,
    })
}

fn qkv(parts: &Parts, dim: usize, at: &str) -> Result<Linear> {
    let names = ["q_proj", "k_proj", "v_proj"].map(|part| format!("{at}.self_attn.{part}"));
    parts.linear(&names, dim, dim, Activation::None)
}

fn square(parts: &Parts, dim: usize, name: String) -> Result<Linear> {
    parts.linear(&[name], dim, dim, Activation::None)
}

fn memory(parts: &Parts, config: &Config) -> Result<Linear> {
    let of_layer = |i| {
        ["k_proj", "v_proj"].map(|part| format!("model.decoder.layers.{i}.encoder_attn.{part}"))
    };
    let names: Vec<String> = (0..config.decoder.layers).flat_map(of_layer).collect();
    parts.linear(&names, config.dim, config.dim, Activation::None)
}

fn ffn(parts: &Parts, config: &Config, ffn_dim: usize, at: &str) -> Result<FeedForward> {
    let dim = config.dim;
    Ok(FeedForward {
        expand: parts.linear(&[format!("{at}.fc1")], ffn_dim, dim, config.activation)?,
        contract: parts.linear(&[format!("{at}.fc2")], dim, ffn_dim, Activation::None)?,
        norm: parts.layer_norm(&format!("{at}.final_layer_norm"), dim, EPS),
    })
}
