use super::*;
use crate::model::{
    ComputeType,
    layers::{Buckets, Direction},
    seq2seq::golden,
};

golden::network!(T5);

fn load(folder: &std::path::Path, compute: ComputeType) -> T5 {
    T5::load(folder, compute).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn golden_t5s_equal_the_reference_in_states_logits_and_tokens() {
    let folders = golden::folders("t5");
    assert_eq!(folders.len(), 5);
    for folder in folders {
        let network = load(&folder, ComputeType::F32);
        golden::assert_golden(
            &network,
            &golden::read(&folder),
            &folder.display().to_string(),
        );
    }
}

#[test]
fn golden_t5s_cut_and_join_text_as_the_reference_does() {
    for folder in golden::folders("t5") {
        let network = load(&folder, ComputeType::F32);
        let golden = golden::read(&folder);
        let prefix: Vec<TokenId> = network.target_prefix("de").into_iter().collect();
        golden::assert_tokenised(
            &network.source,
            &golden.tokenised,
            &prefix,
            network.config.end(),
        );
        golden::assert_decoded(&network.target, &golden.decoded);
    }
}

#[test]
fn a_sentence_alone_is_as_it_is_among_others() {
    for folder in golden::folders("t5") {
        let golden = golden::read(&folder);
        for compute in [ComputeType::Int8, ComputeType::F32] {
            golden::assert_alone_as_together(&load(&folder, compute), &golden);
        }
        golden::assert_same_bits_alone(&load(&folder, ComputeType::Int8), &golden);
    }
}

#[test]
fn a_gguf_file_says_all_that_it_lacks() {
    let folder = std::env::temp_dir().join(format!("depeche-t5-gguf-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let source = golden::folders("t5")
        .into_iter()
        .find(|f| f.ends_with("gguf-llama"));
    let whole = std::fs::read(source.unwrap().join("model.gguf")).unwrap();
    let error = |changes: &[(&str, &str)]| {
        let mut bytes = whole.clone();
        for (from, to) in changes {
            assert_eq!(from.len(), to.len());
            let at = bytes
                .windows(from.len())
                .position(|part| part == from.as_bytes());
            let at = at.unwrap_or_else(|| panic!("{from} is not in the file"));
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        }
        std::fs::write(folder.join("model.gguf"), bytes).unwrap();
        let loaded = T5::load(&folder, ComputeType::Int8);
        loaded.map(|_| ()).unwrap_err().to_string()
    };
    let messages = [
        error(&[
            ("t5.block_count", "t5.clock_bount"),
            ("t5.embedding_length", "t5.embedding_htgnel"),
        ]),
        error(&[
            ("enc.blk.1.attn_q.weight", "enc.blk.1.attn_x.weight"),
            (
                "dec.blk.0.cross_attn_norm.weight",
                "dec.blk.0.cross_attn_morn.weight",
            ),
        ]),
        error(&[("tokenizer.ggml.scores", "tokenizer.ggml.serocs")]),
    ];
    std::fs::remove_dir_all(&folder).unwrap();
    let expected: [&[&str]; 3] = [
        &["t5.block_count", "t5.embedding_length"],
        &[
            "enc.blk.1.attn_q.weight is missing",
            "dec.blk.0.cross_attn_norm.weight is missing",
        ],
        &["tokenizer.ggml.scores has 0"],
    ];
    for (message, parts) in messages.iter().zip(expected) {
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
    }
}

#[test]
fn golden_buckets_are_those_of_the_reference() {
    #[derive(serde::Deserialize)]
    struct Expected {
        buckets: Tables,
    }
    #[derive(serde::Deserialize)]
    struct Tables {
        both: Vec<usize>,
        backward: Vec<usize>,
    }
    let file = golden::folders("t5")[0].join("golden.json");
    let expected: Expected = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let buckets = Buckets {
        count: 32,
        farthest: 128,
    };
    let ours = |direction| {
        (-200..=200)
            .map(|d| buckets.of(d, direction))
            .collect::<Vec<_>>()
    };
    assert_eq!(ours(Direction::Both), expected.buckets.both);
    assert_eq!(ours(Direction::Backward), expected.buckets.backward);
}

#[test]
fn a_missing_shard_and_a_foreign_tokenizer_are_told_with_what_to_do() {
    let source = golden::folders("t5")
        .into_iter()
        .find(|f| f.ends_with("gated-separate"));
    let folder = std::env::temp_dir().join(format!("depeche-t5-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for entry in std::fs::read_dir(source.unwrap()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    let error = || {
        T5::load(&folder, ComputeType::Int8)
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    std::fs::remove_file(folder.join("model-00002-of-00002.safetensors")).unwrap();
    let missing = error();
    std::fs::rename(folder.join("spiece.model"), folder.join("tokenizer.json")).unwrap();
    let foreign = error();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(
        missing.contains("model-00002-of-00002.safetensors"),
        "{missing}"
    );
    assert!(foreign.contains("spiece.model"), "{foreign}");
}
