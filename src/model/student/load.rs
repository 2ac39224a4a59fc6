//! A student out of its files: every tensor by its name, packed for the kernels.

use super::{
    DecoderLayer, EncoderLayer, FeedForward, Student,
    config::Config,
    files::{Files, weights_error},
};
use crate::model::{
    ComputeType, ModelError,
    layers::{Activation, Embedding, LayerNorm, Linear, Positions, Steps, int8},
    weights::{Matrix, Tensors, WeightsError},
};
use candle_core::Result;
use std::{cell::RefCell, path::Path};

impl Student {
    /// Loads a folder; see `files` for what lies in it.
    ///
    /// # Errors
    /// The file and what is wrong with it; all missing and misshapen tensors at once.
    pub fn load(folder: &Path, compute: ComputeType) -> std::result::Result<Self, ModelError> {
        int8::wanted().map_err(ModelError::Kernel)?;
        let files = Files::open(folder)?;
        let builder = Builder {
            tensors: &*files.tensors,
            config: &files.config,
            compute,
            problems: RefCell::default(),
        };
        let built = builder.build();
        let problems = builder.problems.into_inner();
        if !problems.is_empty() {
            return Err(weights_error(
                &files.weights,
                WeightsError::Tensors(problems),
            ));
        }
        let built = built.map_err(|source| ModelError::Network {
            path: files.weights.clone(),
            source,
        })?;
        Ok(built(files))
    }
}

/// Reads layers out of tensors, each name once.
struct Builder<'a> {
    tensors: &'a dyn Tensors,
    config: &'a Config,
    compute: ComputeType,
    /// Every tensor that was not there as asked for; nothing stands in its place until all are told.
    problems: RefCell<Vec<String>>,
}

impl Builder<'_> {
    /// The network, which only waits for the files that it was made from.
    fn build(&self) -> Result<impl FnOnce(Files) -> Student + use<>> {
        let config = self.config;
        let encoder =
            (0..config.encoder_layers).map(|i| self.encoder_layer(&format!("encoder.layers.{i}")));
        let decoder =
            (0..config.decoder_layers).map(|i| self.decoder_layer(&format!("decoder.layers.{i}")));
        let (encoder, decoder) = (
            encoder.collect::<Result<Vec<_>>>()?,
            decoder.collect::<Result<Vec<_>>>()?,
        );
        let (memory, output) = (self.memory()?, self.output()?);
        let source_embedding = self.embedding("src_embed.weight", config.source_vocab_size);
        let target_embedding = self.embedding("trg_embed.weight", config.target_vocab_size);
        let parameters = self.tensors.parameters();
        // All is packed; of the file a row of a table is read now and then.
        self.tensors.release();
        Ok(move |files: Files| Student {
            positions: Positions::new(files.config.dim, Steps::Closed),
            config: files.config,
            source: files.source,
            target: files.target,
            parameters,
            shortlist: files.shortlist,
            source_embedding,
            target_embedding,
            encoder,
            decoder,
            memory,
            output,
        })
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Matrix {
        self.tensors
            .matrix(name, rows, columns)
            .unwrap_or_else(|problem| {
                self.problems.borrow_mut().push(problem);
                Matrix::f32(Vec::new(), columns)
            })
    }

    fn vector(&self, name: &str, size: usize) -> Vec<f32> {
        self.tensors.vector(name, size).unwrap_or_else(|problem| {
            self.problems.borrow_mut().push(problem);
            Vec::new()
        })
    }

    fn embedding(&self, name: &str, size: usize) -> Embedding {
        Embedding {
            table: self.matrix(name, size, self.config.dim),
            scale: self.config.embedding_scale,
        }
    }

    fn encoder_layer(&self, at: &str) -> Result<EncoderLayer> {
        let dim = self.config.dim;
        Ok(EncoderLayer {
            qkv: self.linear(
                &["q", "k", "v"].map(|part| format!("{at}.self_attn.{part}")),
                dim,
                dim,
                Activation::None,
            )?,
            attention_output: self.linear(
                &[format!("{at}.self_attn.o")],
                dim,
                dim,
                Activation::None,
            )?,
            attention_norm: self.norm(&format!("{at}.self_attn_norm")),
            ffn: self.ffn(at, self.config.ffn_dim)?,
        })
    }

    fn decoder_layer(&self, at: &str) -> Result<DecoderLayer> {
        let dim = self.config.dim;
        let candidate = self.matrix(&format!("{at}.ssru.w.weight"), dim, dim);
        let gate = self.matrix(&format!("{at}.ssru.wf.weight"), dim, dim);
        let mut bias = vec![0.0; dim]; // the candidate has none
        bias.extend(self.vector(&format!("{at}.ssru.wf.bias"), dim));
        Ok(DecoderLayer {
            ssru: self.pack(&[&candidate, &gate], bias, Activation::None)?,
            ssru_norm: self.norm(&format!("{at}.ssru_norm")),
            query: self.linear(&[format!("{at}.cross_attn.q")], dim, dim, Activation::None)?,
            attention_output: self.linear(
                &[format!("{at}.cross_attn.o")],
                dim,
                dim,
                Activation::None,
            )?,
            attention_norm: self.norm(&format!("{at}.cross_attn_norm")),
            ffn: self.ffn(
                at,
                self.config.decoder_ffn_dim.unwrap_or(self.config.ffn_dim),
            )?,
        })
    }

    fn memory(&self) -> Result<Linear> {
        let names: Vec<String> = (0..self.config.decoder_layers)
            .flat_map(|i| ["k", "v"].map(|part| format!("decoder.layers.{i}.cross_attn.{part}")))
            .collect();
        self.linear(&names, self.config.dim, self.config.dim, Activation::None)
    }

    /// The output layer shares its weights with the target's embedding.
    fn output(&self) -> Result<Linear> {
        let (size, dim) = (self.config.target_vocab_size, self.config.dim);
        let weights = self.matrix("trg_embed.weight", size, dim);
        self.pack(
            &[&weights],
            self.vector("output.bias", size),
            Activation::None,
        )
    }

    fn ffn(&self, at: &str, ffn_dim: usize) -> Result<FeedForward> {
        let dim = self.config.dim;
        Ok(FeedForward {
            expand: self.linear(&[format!("{at}.ffn.w1")], ffn_dim, dim, Activation::Relu)?,
            contract: self.linear(&[format!("{at}.ffn.w2")], dim, ffn_dim, Activation::None)?,
            norm: self.norm(&format!("{at}.ffn_norm")),
        })
    }

    /// One layer over several that read the same input, each `[outputs][inputs]`.
    fn linear(
        &self,
        names: &[String],
        outputs: usize,
        inputs: usize,
        activation: Activation,
    ) -> Result<Linear> {
        let matrices: Vec<_> = names
            .iter()
            .map(|name| self.matrix(&format!("{name}.weight"), outputs, inputs))
            .collect();
        let bias = names
            .iter()
            .flat_map(|name| self.vector(&format!("{name}.bias"), outputs))
            .collect();
        self.pack(&matrices.iter().collect::<Vec<_>>(), bias, activation)
    }

    fn pack(&self, matrices: &[&Matrix], bias: Vec<f32>, activation: Activation) -> Result<Linear> {
        if !self.problems.borrow().is_empty() {
            // What has been read will be thrown away, and its shape may be anything.
            return Ok(Linear::int8(
                &[&Matrix::f32(Vec::new(), 1)],
                Vec::new(),
                activation,
            ));
        }
        match self.compute {
            ComputeType::Int8 => Ok(Linear::int8(matrices, bias, activation)),
            ComputeType::F32 => Linear::f32(matrices, bias, activation),
        }
    }

    fn norm(&self, name: &str) -> LayerNorm {
        LayerNorm {
            scale: self.vector(&format!("{name}.weight"), self.config.dim),
            bias: self.vector(&format!("{name}.bias"), self.config.dim),
            eps: self.config.layer_norm_eps,
        }
    }
}
