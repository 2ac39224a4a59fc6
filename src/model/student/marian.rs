//! A student as Mozilla ships it: Marian's file, names and configuration.

use super::config::{ARCHITECTURE, Config};
use crate::model::weights::{MarianFile, Matrix, Tensors};

/// Marian's tensors under the names that `load` asks for.
pub struct MarianTensors {
    file: MarianFile,
    /// Whether both languages share one table of embeddings.
    shared: bool,
}

/// Tokens of a source that Mozilla's students are run with.
const MAX_SOURCE_TOKENS: usize = 128;
const MAX_OUTPUT_FACTOR: f32 = 2.0;
const MAX_OUTPUT_EXTRA: usize = 8;
/// Marian's layer normalisation adds this under the root.
const LAYER_NORM_EPS: f32 = 1e-6;

/// The two languages of a model whose file's name has four letters for them.
pub fn languages(letters: &str) -> Result<(String, String), String> {
    match letters.split_at_checked(2) {
        Some((source, target)) if target.len() == 2 => Ok((source.into(), target.into())),
        _ => Err(format!(
            "its name says {letters:?} where four letters are two languages, and no catalogue knows it"
        )),
    }
}

impl MarianTensors {
    pub fn new(file: MarianFile) -> Self {
        let shared = file.shape("Wemb").is_some();
        MarianTensors { file, shared }
    }

    /// The sizes, out of the tensors and the configuration in the file; `languages` as the file's
    /// name has them, four letters.
    pub fn config(&self, languages: &str) -> Result<Config, String> {
        let yaml = self.file.config();
        let number = |key: &str| {
            let value = yaml
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            let number = value.and_then(|value| value.trim().parse().ok());
            number.ok_or_else(|| format!("{key} is not in its configuration"))
        };
        let cell = yaml
            .lines()
            .find_map(|line| line.strip_prefix("dec-cell: "))
            .unwrap_or_default();
        if cell.trim() != "ssru" {
            return Err(format!(
                "its decoder's cell is {cell:?}; this version reads \"ssru\""
            ));
        }
        let table = |name: &str| match self.file.shape(name) {
            Some([rows, columns]) => Ok((*rows, *columns)),
            Some(shape) => Err(format!("tensor {name} is {shape:?}, not a matrix")),
            None => Err(format!("tensor {name} is missing")),
        };
        let (source_name, target_name) = self.tables();
        let ((source_vocab_size, dim), (target_vocab_size, _)) =
            (table(source_name)?, table(target_name)?);
        let ffn_dim = number("transformer-dim-ffn")?;
        // 0, or an older file without the key, is "as in the encoder".
        let decoder_ffn_dim = number("transformer-decoder-dim-ffn")
            .ok()
            .filter(|dim| *dim != 0);
        // The catalogue knows better than a name of other than four letters.
        let (source_lang, target_lang) = self::languages(languages).unwrap_or_default();
        Ok(Config {
            architecture: ARCHITECTURE.into(),
            source_lang,
            target_lang,
            dim,
            heads: number("transformer-heads")?,
            ffn_dim,
            decoder_ffn_dim,
            encoder_layers: number("enc-depth")?,
            decoder_layers: number("dec-depth")?,
            source_vocab_size,
            target_vocab_size,
            eos_id: 0,
            unk_id: 1,
            embedding_scale: (dim as f32).sqrt(),
            layer_norm_eps: LAYER_NORM_EPS,
            max_source_tokens: MAX_SOURCE_TOKENS,
            max_output_factor: MAX_OUTPUT_FACTOR,
            max_output_extra: MAX_OUTPUT_EXTRA,
        })
    }

    fn tables(&self) -> (&'static str, &'static str) {
        if self.shared {
            ("Wemb", "Wemb")
        } else {
            ("encoder_Wemb", "decoder_Wemb")
        }
    }

    /// `encoder.layers.0.self_attn.q.weight` is `encoder_l1_self_Wq`, and so on.
    fn name(&self, name: &str) -> Option<String> {
        match name {
            "src_embed.weight" => return Some(self.tables().0.into()),
            "trg_embed.weight" => return Some(self.tables().1.into()),
            "output.bias" => return Some("decoder_ff_logit_out_b".into()),
            _ => {}
        }
        let mut parts = name.splitn(4, '.');
        let (stack, _, layer, rest) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let layer = layer.parse::<usize>().ok()? + 1;
        let (part, kind) = rest.rsplit_once('.')?;
        let norm = |of: &str| {
            format!(
                "{of}_ln_{}",
                if kind == "weight" { "scale" } else { "bias" }
            )
        };
        let of = |block: &str, letter: &str| {
            format!(
                "{block}_{}{letter}",
                if kind == "weight" { "W" } else { "b" }
            )
        };
        let name = match part {
            "self_attn_norm" => norm("self_Wo"),
            "cross_attn_norm" => norm("context_Wo"),
            "ffn_norm" => norm("ffn_ffn"),
            "ssru_norm" => norm("rnn_ffn"),
            "ffn.w1" => of("ffn", "1"),
            "ffn.w2" => of("ffn", "2"),
            "ssru.w" => of("rnn", ""),
            "ssru.wf" => of("rnn", "f"),
            _ => match part.split_once('.')? {
                ("self_attn", letter) => of("self", letter),
                ("cross_attn", letter) => of("context", letter),
                _ => return None,
            },
        };
        Some(format!("{stack}_l{layer}_{name}"))
    }
}

impl Tensors for MarianTensors {
    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, String> {
        let theirs = self
            .name(name)
            .ok_or_else(|| format!("Marian has no tensor {name}"))?;
        self.file.matrix(&theirs, rows, columns)
    }

    fn vector(&self, name: &str, size: usize) -> Result<Vec<f32>, String> {
        let theirs = self
            .name(name)
            .ok_or_else(|| format!("Marian has no tensor {name}"))?;
        self.file.vector(&theirs, size)
    }

    fn holds(&self, name: &str) -> bool {
        self.name(name)
            .is_some_and(|theirs| self.file.holds(&theirs))
    }

    fn release(&self) {
        self.file.release();
    }

    fn parameters(&self) -> usize {
        self.file.parameters()
    }
}
