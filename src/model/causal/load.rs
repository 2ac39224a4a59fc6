//! A model out of the one GGUF file of its folder. All that is missing or does not fit is told at
//! once.

use super::{
    Causal, ChatTemplate, Config, Family,
    family::{Projections, Residuals},
    layer::Layer,
};
use crate::model::{
    ModelError, checksums, folder,
    layers::{BlockLinear, RmsNorm, Rope},
    tokenizer::bpe::BpeTokenizer,
    weights::{Blocks, GgufFile, Tensors as _, WeightsError},
};
use std::{path::Path, sync::Arc};

/// Whether a folder holds an instruction model, be it a damaged one.
pub fn holds_causal(folder: &Path) -> bool {
    !folder::gguf_files(folder).is_empty()
}

impl Causal {
    /// Loads the one `*.gguf` file of a model's folder.
    ///
    /// # Errors
    /// The file, and all that is wrong with it.
    pub fn load(folder: &Path) -> Result<Self, ModelError> {
        checksums::verify(folder)?;
        let path = folder::only_gguf(folder)?;
        let weights_error = |source| ModelError::Weights {
            path: path.clone(),
            source,
        };
        let file = GgufFile::open(&path).map_err(weights_error)?;
        let architecture = file.text("general.architecture").unwrap_or_default();
        let family = Family::named(architecture).map_err(|reason| ModelError::Setting {
            path: path.clone(),
            reason,
        })?;
        let mut problems = Vec::new();
        let mut config = Config::read(&file, family, &mut problems);
        let tokenizer = BpeTokenizer::from_gguf(&file);
        if let Ok(tokenizer) = &tokenizer {
            config.vocab_size = tokenizer.size();
        }
        let parts = if problems.is_empty() {
            Parts::read(&file, &config, &mut problems)
        } else {
            None
        };
        let (tokenizer, parts) = match (tokenizer, parts) {
            (Ok(tokenizer), Some(parts)) if problems.is_empty() => (tokenizer, parts),
            (Err(source), _) if problems.is_empty() => {
                return Err(ModelError::Tokenizer { path, source });
            }
            (tokenizer, _) => {
                problems.extend(tokenizer.err().map(|error| error.to_string()));
                return Err(weights_error(WeightsError::Tensors(problems)));
            }
        };
        let template = template(&file);
        config.stop = tokenizer.ends().to_vec();
        let end = template
            .end_of_turn(&tokenizer)
            .map_err(|error| ModelError::Setting {
                path: path.clone(),
                reason: error.to_string(),
            })?;
        config.stop.extend(end);
        config.stop.sort_unstable();
        config.stop.dedup();
        file.release();
        Ok(Causal {
            ropes: ropes(&config, &parts.frequency_factors),
            config,
            parameters: file.parameters(),
            tokenizer: Arc::new(tokenizer),
            template,
            embedding: parts.embedding,
            layers: parts.layers,
            output_norm: parts.output_norm,
            output: parts.output,
        })
    }
}

/// Of the global layers and of those with a window.
fn ropes(config: &Config, factors: &[f32]) -> [Rope; 2] {
    let (rope, pairs) = (&config.rope, config.family.pairs);
    let stretches: Vec<f32> = match factors {
        [] => vec![rope.stretch],
        factors => factors.iter().map(|factor| factor * rope.stretch).collect(),
    };
    [
        Rope::new(pairs, rope.base, rope.width, &stretches),
        Rope::new(pairs, rope.window_base, rope.width, &[1.0]),
    ]
}

fn template(file: &GgufFile) -> ChatTemplate {
    let texts = file.texts("tokenizer.ggml.tokens").unwrap_or_default();
    let text_of = |name: &str| {
        let id = file.integer(&format!("tokenizer.ggml.{name}_token_id"));
        let text = id.and_then(|id| texts.get(usize::try_from(id).ok()?));
        text.copied().unwrap_or_default().to_owned()
    };
    ChatTemplate::new(
        file.text("tokenizer.chat_template").map(str::to_owned),
        text_of("bos"),
        text_of("eos"),
    )
}

/// What a file's tensors make.
struct Parts {
    embedding: Blocks,
    layers: Vec<Layer>,
    output_norm: RmsNorm,
    output: BlockLinear,
    /// What Llama 3's files divide each pair's frequency by.
    frequency_factors: Vec<f32>,
}

/// A file's tensors, and all that is wrong with them.
struct Tensors<'a> {
    file: &'a GgufFile,
    config: &'a Config,
    problems: &'a mut Vec<String>,
}

impl Parts {
    fn read(file: &GgufFile, config: &Config, problems: &mut Vec<String>) -> Option<Self> {
        let mut tensors = Tensors {
            file,
            config,
            problems,
        };
        let (vocabulary, dim) = (config.vocab_size, config.dim);
        let embedding = tensors
            .file
            .blocks("token_embd.weight", vocabulary, dim)
            .map_err(|problem| tensors.problems.push(problem))
            .ok();
        let output = match file.holds("output.weight") {
            true => tensors.linear("output", vocabulary, dim, Bias::None),
            // The table of the embeddings, once more.
            false => embedding
                .as_ref()
                .map(|table| BlockLinear::new(table, None)),
        };
        let output_norm = tensors.norm("output_norm", dim);
        let frequency_factors = match file.holds("rope_freqs.weight") {
            true => tensors.vector("rope_freqs.weight", config.rope.width / 2),
            false => Some(Vec::new()),
        };
        let mut layers = Vec::new();
        let mut whole = true;
        for layer in 0..config.layers {
            // A file that lacks a whole layer lacks all behind it, too: they are not all named.
            let name = format!("blk.{layer}.attn_norm.weight");
            if !whole && !file.holds(&name) {
                tensors
                    .problems
                    .push(format!("so are the layers from {layer} on"));
                break;
            }
            let read = tensors.layer(layer);
            whole &= read.is_some();
            layers.extend(read);
        }
        if !tensors.problems.is_empty() {
            return None;
        }
        Some(Parts {
            embedding: embedding?,
            layers,
            output_norm: output_norm?,
            output: output?,
            frequency_factors: frequency_factors?,
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bias {
    None,
    Present,
}

impl Tensors<'_> {
    fn vector(&mut self, name: &str, size: usize) -> Option<Vec<f32>> {
        let vector = self.file.vector(name, size);
        vector.map_err(|problem| self.problems.push(problem)).ok()
    }

    fn norm(&mut self, name: &str, size: usize) -> Option<RmsNorm> {
        Some(RmsNorm {
            scale: self.vector(&format!("{name}.weight"), size)?,
            eps: self.config.norm_eps,
        })
    }

    fn linear(
        &mut self,
        name: &str,
        outputs: usize,
        inputs: usize,
        bias: Bias,
    ) -> Option<BlockLinear> {
        let matrix = self.file.blocks(&format!("{name}.weight"), outputs, inputs);
        let matrix = matrix.map_err(|problem| self.problems.push(problem)).ok();
        let bias = match bias {
            Bias::None => Some(None),
            Bias::Present => self.vector(&format!("{name}.bias"), outputs).map(Some),
        };
        // Nothing is packed for a model that cannot be loaded.
        (self.problems.is_empty()).then_some(BlockLinear::new(&matrix?, bias?))
    }

    fn layer(&mut self, layer: usize) -> Option<Layer> {
        let config = self.config;
        let (dim, ffn, family) = (config.dim, config.ffn, config.family);
        let attention = config.attention_of(layer);
        let queries = attention.heads * attention.width;
        let keys = attention.kv_heads * attention.width;
        let name = |part: &str| format!("blk.{layer}.{part}");
        let bias = match family.projections {
            Projections::Biased => Bias::Present,
            Projections::Plain | Projections::Normalized => Bias::None,
        };
        // All are read before any is asked for, so that all problems are told.
        let attention_norm = self.norm(&name("attn_norm"), dim);
        let query = self.linear(&name("attn_q"), queries, dim, bias);
        let key = self.linear(&name("attn_k"), keys, dim, bias);
        let value = self.linear(&name("attn_v"), keys, dim, bias);
        let head_norms = match family.projections {
            Projections::Normalized => Some((
                self.norm(&name("attn_q_norm"), attention.width),
                self.norm(&name("attn_k_norm"), attention.width),
            )),
            Projections::Plain | Projections::Biased => None,
        };
        let attention_output = self.linear(&name("attn_output"), dim, queries, Bias::None);
        let ffn_norm = self.norm(&name("ffn_norm"), dim);
        let gate = self.linear(&name("ffn_gate"), ffn, dim, Bias::None);
        let up = self.linear(&name("ffn_up"), ffn, dim, Bias::None);
        let down = self.linear(&name("ffn_down"), dim, ffn, Bias::None);
        let residual_norms = match family.residuals {
            Residuals::Normalized => Some((
                self.norm(&name("post_attention_norm"), dim),
                self.norm(&name("post_ffw_norm"), dim),
            )),
            Residuals::Plain => None,
        };
        Some(Layer {
            attention,
            attention_norm: attention_norm?,
            query: query?,
            key: key?,
            value: value?,
            head_norms: both(head_norms)?,
            attention_output: attention_output?,
            ffn_norm: ffn_norm?,
            gate: gate?,
            up: up?,
            down: down?,
            residual_norms: both(residual_norms)?,
        })
    }
}

/// None where one of two that are wanted is missing.
fn both<T>(pair: Option<(Option<T>, Option<T>)>) -> Option<Option<(T, T)>> {
    match pair {
        Some((a, b)) => Some(Some((a?, b?))),
        None => Some(None),
    }
}
