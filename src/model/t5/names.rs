//! llama.cpp's names of a T5's tensors, under which its GGUF files have them.

use crate::model::weights::{GgufFile, Matrix, Tensors};

/// A file of llama.cpp's, read by Hugging Face's names.
pub struct Renamed(pub GgufFile);

impl Tensors for Renamed {
    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, String> {
        self.0.matrix(&theirs(name), rows, columns)
    }

    fn vector(&self, name: &str, size: usize) -> Result<Vec<f32>, String> {
        self.0.vector(&theirs(name), size)
    }

    fn holds(&self, name: &str) -> bool {
        self.0.holds(&theirs(name))
    }

    fn parameters(&self) -> usize {
        self.0.parameters()
    }

    fn release(&self) {
        self.0.release();
    }
}

/// What of such a file no network here computes.
pub fn problem(file: &GgufFile) -> Option<String> {
    let biases = ["enc", "dec"].map(|stack| format!("{stack}.blk.1.attn_rel_b.weight"));
    let own = biases.iter().find(|name| file.holds(name))?;
    Some(format!(
        "it holds {own}: a network (umT5) whose layers have a bias each is not computed here"
    ))
}

/// Tensors that are in no layer.
const WHOLE: [(&str, &str); 4] = [
    ("shared", "token_embd"),
    ("lm_head", "output"),
    ("encoder.final_layer_norm", "enc.output_norm"),
    ("decoder.final_layer_norm", "dec.output_norm"),
];

fn theirs(name: &str) -> String {
    translated(name).unwrap_or_else(|| name.to_owned())
}

/// `decoder.block.3.layer.1.EncDecAttention.q.weight` is `dec.blk.3.cross_attn_q.weight`.
fn translated(name: &str) -> Option<String> {
    let (stem, kind) = name.rsplit_once('.')?;
    if let Some((_, theirs)) = WHOLE.iter().find(|(ours, _)| *ours == stem) {
        return Some(format!("{theirs}.{kind}"));
    }
    let (stack, rest) = stem.split_once(".block.")?;
    let (layer, rest) = rest.split_once(".layer.")?;
    let (sublayer, part) = rest.split_once('.')?;
    let (stack, sublayer) = match (stack, sublayer) {
        ("encoder", "0") => ("enc", "attn"),
        ("encoder", _) => ("enc", "ffn"),
        (_, "0") => ("dec", "attn"),
        (_, "1") => ("dec", "cross_attn"),
        _ => ("dec", "ffn"),
    };
    let part = match part.rsplit('.').next()? {
        "layer_norm" => "norm",
        "relative_attention_bias" => "rel_b",
        "wi" | "wi_1" => "up",
        "wi_0" => "gate",
        "wo" => "down",
        same => same,
    };
    Some(format!("{stack}.blk.{layer}.{sublayer}_{part}.{kind}"))
}
