//! A student in our form.

use crate::models::{Files, VOCABULARY, marian};
use std::collections::BTreeMap;

pub const WEIGHTS: &str = "model.safetensors";

/// Weights of zeros and ones, which is as good as any here.
pub fn ours() -> Files {
    const DIM: usize = 8;
    const FFN: usize = 12;
    const PIECES: usize = 64;
    let mut shapes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut add = |name: String, shape: &[usize]| {
        shapes.insert(name, shape.to_vec());
    };
    add("src_embed.weight".into(), &[PIECES, DIM]);
    add("trg_embed.weight".into(), &[PIECES, DIM]);
    add("output.bias".into(), &[PIECES]);
    let (encoder, decoder) = ("encoder.layers.0", "decoder.layers.0");
    for at in [
        format!("{encoder}.self_attn"),
        format!("{decoder}.cross_attn"),
    ] {
        for part in "qkvo".chars() {
            add(format!("{at}.{part}.weight"), &[DIM, DIM]);
            add(format!("{at}.{part}.bias"), &[DIM]);
        }
        add(format!("{at}_norm.weight"), &[DIM]);
        add(format!("{at}_norm.bias"), &[DIM]);
    }
    for at in [encoder, decoder] {
        add(format!("{at}.ffn.w1.weight"), &[FFN, DIM]);
        add(format!("{at}.ffn.w1.bias"), &[FFN]);
        add(format!("{at}.ffn.w2.weight"), &[DIM, FFN]);
        add(format!("{at}.ffn.w2.bias"), &[DIM]);
        add(format!("{at}.ffn_norm.weight"), &[DIM]);
        add(format!("{at}.ffn_norm.bias"), &[DIM]);
    }
    add(format!("{decoder}.ssru.w.weight"), &[DIM, DIM]);
    add(format!("{decoder}.ssru.wf.weight"), &[DIM, DIM]);
    add(format!("{decoder}.ssru.wf.bias"), &[DIM]);
    add(format!("{decoder}.ssru_norm.weight"), &[DIM]);
    add(format!("{decoder}.ssru_norm.bias"), &[DIM]);

    let mut header = serde_json::Map::new();
    let mut data: Vec<u8> = Vec::new();
    let mut tensor = |name: &str, dtype: &str, shape: &[usize], bytes: Vec<u8>| {
        let start = data.len();
        data.extend(bytes);
        let entry = serde_json::json!({
            "dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]
        });
        header.insert(name.into(), entry);
    };
    let ones = |count: usize| 1f32.to_le_bytes().repeat(count);
    for (name, shape) in &shapes {
        let count = shape.iter().product();
        match shape[..] {
            // Every second matrix is int8 with a scale a row.
            [rows, _] if name.len() % 2 == 0 => {
                let values = (0..count).map(|i| (i % 5) as u8).collect();
                tensor(name, "I8", shape, values);
                tensor(&format!("{name}.scale"), "F32", &[rows], ones(rows));
            }
            [_, _] => tensor(name, "F16", shape, vec![0; 2 * count]),
            _ => tensor(name, "F32", shape, ones(count)),
        }
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut weights = (header.len() as u64).to_le_bytes().to_vec();
    weights.extend(header);
    weights.extend(data);

    let config = serde_json::json!({
        "architecture": "marian-student-ssru", "source_lang": "fr", "target_lang": "en",
        "dim": DIM, "heads": 2, "ffn_dim": FFN, "encoder_layers": 1, "decoder_layers": 1,
        "source_vocab_size": PIECES, "target_vocab_size": PIECES, "eos_id": 0, "unk_id": 1,
        "embedding_scale": 2.0, "layer_norm_eps": 1e-6, "max_source_tokens": 128,
        "max_output_factor": 2.0, "max_output_extra": 8,
    });
    let vocabulary = marian().remove(VOCABULARY).unwrap();
    [
        ("config.json", config.to_string().into_bytes()),
        (WEIGHTS, weights),
        ("source.spm", vocabulary.clone()),
        ("target.spm", vocabulary),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .into()
}
