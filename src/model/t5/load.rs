//! A T5 out of its files: every tensor by its name, packed for the kernels.

use super::{
    Config, CrossAttention, DecoderLayer, EncoderLayer, FeedForward, FeedForwardKind, Layers,
    Output, SelfAttention, T5, files::Files,
};
use crate::model::{
    ComputeType, ModelError,
    layers::{Activation, Direction, Embedding, Linear, RelativeBias, RmsNorm, int8},
    parts::Parts,
    weights::Matrix,
};
use candle_core::Result;
use std::path::Path;

/// Names under which files keep the table that encoder and decoder share.
const TABLE: [&str; 3] = [
    "shared.weight",
    "encoder.embed_tokens.weight",
    "decoder.embed_tokens.weight",
];

impl T5 {
    /// Loads a folder; see `files` for what lies in it.
    ///
    /// # Errors
    /// The file and what is wrong with it; all missing and misshapen tensors at once.
    pub fn load(folder: &Path, compute: ComputeType) -> std::result::Result<Self, ModelError> {
        int8::wanted().map_err(ModelError::Kernel)?;
        let files = Files::open(folder)?;
        let parts = Parts::new(&*files.tensors, compute);
        files
            .problem()
            .into_iter()
            .for_each(|problem| parts.complain(problem));
        let builder = Builder {
            parts: &parts,
            config: &files.config,
        };
        let built = builder.layers();
        parts.finish().map_err(|source| ModelError::Weights {
            path: files.weights.clone(),
            source,
        })?;
        let layers = built.map_err(|source| ModelError::Network {
            path: files.weights.clone(),
            source,
        })?;
        let parameters = files.tensors.parameters();
        // All is packed; of the file a row of the table is read now and then.
        files.tensors.release();
        Ok(T5 {
            config: files.config,
            source: files.tokenizer.clone(),
            target: files.tokenizer,
            parameters,
            layers,
        })
    }
}

struct Builder<'a> {
    parts: &'a Parts<'a>,
    config: &'a Config,
}

impl Builder<'_> {
    fn layers(&self) -> Result<Layers> {
        let (config, parts) = (self.config, self.parts);
        let encoder = (0..config.encoder_layers)
            .map(|i| self.encoder_layer(&format!("encoder.block.{i}.layer")))
            .collect::<Result<Vec<_>>>()?;
        let decoder = (0..config.decoder_layers)
            .map(|i| self.decoder_layer(&format!("decoder.block.{i}.layer")))
            .collect::<Result<Vec<_>>>()?;
        let table = parts.any_matrix(&TABLE, config.vocab_size, config.dim);
        let own;
        let output = match config.output {
            Output::Tied => &table,
            Output::Separate => {
                own = parts.matrix("lm_head.weight", config.vocab_size, config.dim);
                &own
            }
        };
        Ok(Layers {
            encoder_bias: self.bias("encoder", Direction::Both),
            decoder_bias: self.bias("decoder", Direction::Backward),
            encoder_norm: self.norm("encoder.final_layer_norm"),
            decoder_norm: self.norm("decoder.final_layer_norm"),
            memory: self.memory()?,
            output: self.pack(&[output])?,
            embedding: Embedding { table, scale: 1.0 },
            encoder,
            decoder,
        })
    }

    fn encoder_layer(&self, at: &str) -> Result<EncoderLayer> {
        Ok(EncoderLayer {
            attention: self.self_attention(at)?,
            ffn: self.ffn(&format!("{at}.1"))?,
        })
    }

    fn decoder_layer(&self, at: &str) -> Result<DecoderLayer> {
        let query = self.query(&format!("{at}.1.EncDecAttention"));
        Ok(DecoderLayer {
            attention: self.self_attention(at)?,
            cross: CrossAttention {
                norm: self.norm(&format!("{at}.1.layer_norm")),
                query: self.pack(&[&query])?,
                output: self.output(&format!("{at}.1.EncDecAttention"))?,
            },
            ffn: self.ffn(&format!("{at}.2"))?,
        })
    }

    fn self_attention(&self, at: &str) -> Result<SelfAttention> {
        let name = format!("{at}.0.SelfAttention");
        let query = self.query(&name);
        let [keys, values] = ["k", "v"].map(|part| self.inner(&format!("{name}.{part}")));
        Ok(SelfAttention {
            norm: self.norm(&format!("{at}.0.layer_norm")),
            qkv: self.pack(&[&query, &keys, &values])?,
            output: self.output(&name)?,
        })
    }

    /// Attention divides by the root of a head's width, T5 does not: the queries have it beforehand.
    fn query(&self, at: &str) -> Matrix {
        let factor = (self.config.head_width as f32).sqrt();
        self.inner(&format!("{at}.q")).scaled(factor)
    }

    fn inner(&self, name: &str) -> Matrix {
        let (rows, columns) = (self.config.inner(), self.config.dim);
        self.parts.matrix(&format!("{name}.weight"), rows, columns)
    }

    fn output(&self, at: &str) -> Result<Linear> {
        let (rows, columns) = (self.config.dim, self.config.inner());
        let matrix = self.parts.matrix(&format!("{at}.o.weight"), rows, columns);
        self.pack(&[&matrix])
    }

    fn memory(&self) -> Result<Linear> {
        let of_layer = |i| {
            ["k", "v"].map(|part| {
                self.inner(&format!("decoder.block.{i}.layer.1.EncDecAttention.{part}"))
            })
        };
        let matrices: Vec<Matrix> = (0..self.config.decoder_layers).flat_map(of_layer).collect();
        self.pack(&matrices.iter().collect::<Vec<_>>())
    }

    fn ffn(&self, at: &str) -> Result<FeedForward> {
        let (dim, ffn_dim) = (self.config.dim, self.config.ffn_dim);
        let read = |part: &str| {
            self.parts
                .matrix(&format!("{at}.DenseReluDense.{part}.weight"), ffn_dim, dim)
        };
        let expand = match self.config.feed_forward {
            FeedForwardKind::Plain(activation) => {
                let matrix = read("wi");
                self.parts
                    .pack(&[&matrix], vec![0.0; ffn_dim], activation)?
            }
            FeedForwardKind::Gated(_) => self.pack(&[&read("wi_0"), &read("wi_1")])?,
        };
        let contract = format!("{at}.DenseReluDense.wo.weight");
        Ok(FeedForward {
            norm: self.norm(&format!("{at}.layer_norm")),
            kind: self.config.feed_forward,
            expand,
            contract: self.pack(&[&self.parts.matrix(&contract, dim, ffn_dim)])?,
        })
    }

    /// Without bias and activation: T5 has no biases.
    fn pack(&self, matrices: &[&Matrix]) -> Result<Linear> {
        let outputs = matrices.iter().map(|matrix| matrix.rows()).sum();
        self.parts
            .pack(matrices, vec![0.0; outputs], Activation::None)
    }

    /// Of the first layer, shared by all.
    fn bias(&self, stack: &str, direction: Direction) -> RelativeBias {
        let Config { heads, buckets, .. } = *self.config;
        let name = format!("{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
        let mut weights = self.parts.matrix(&name, buckets.count, heads).to_f32();
        // Where it is missing, that is told, and nothing computes with zeros.
        weights.resize(buckets.count * heads, 0.0);
        RelativeBias::new(&weights, heads, buckets, direction)
    }

    fn norm(&self, name: &str) -> RmsNorm {
        self.parts
            .rms_norm(name, self.config.dim, self.config.layer_norm_eps)
    }
}
