use super::*;
use crate::model::{ComputeType, seq2seq::golden};

golden::network!(Marian);

fn load(folder: &std::path::Path, compute: ComputeType) -> Marian {
    Marian::load(folder, compute).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn golden_marians_equal_the_reference_in_states_logits_and_tokens() {
    let folders = golden::folders("marian");
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
fn golden_marians_cut_and_join_text_as_the_reference_does() {
    for folder in golden::folders("marian") {
        let network = load(&folder, ComputeType::F32);
        let golden = golden::read(&folder);
        let languages = ["eng", "en"].map(|language| network.target_prefix(language));
        let prefix: Vec<TokenId> = languages.into_iter().flatten().collect();
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
    for folder in golden::folders("marian") {
        let golden = golden::read(&folder);
        for compute in [ComputeType::Int8, ComputeType::F32] {
            golden::assert_alone_as_together(&load(&folder, compute), &golden);
        }
        golden::assert_same_bits_alone(&load(&folder, ComputeType::Int8), &golden);
    }
}

/// A variant's folder with some files changed.
fn changed(name: &str, change: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) -> std::path::PathBuf {
    let source = golden::folders("marian")
        .into_iter()
        .find(|f| f.ends_with("gelu-separate"));
    let folder = std::env::temp_dir().join(format!("depeche-marian-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for entry in std::fs::read_dir(source.unwrap()).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        if let Some(bytes) = change(file, std::fs::read(&path).unwrap()) {
            std::fs::write(folder.join(file), bytes).unwrap();
        }
    }
    folder
}

fn error(folder: &std::path::Path) -> String {
    let loaded = Marian::load(folder, ComputeType::Int8);
    let message = loaded.map(|_| ()).unwrap_err().to_string();
    std::fs::remove_dir_all(folder).unwrap();
    message
}

fn with_config(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    assert!(text.contains(from), "{text}");
    text.replace(from, to).into_bytes()
}

#[test]
fn one_error_names_all_that_does_not_fit() {
    let folder = changed("shapes", |file, bytes| {
        Some(match file {
            "config.json" => {
                let bytes = with_config(&bytes, "\"encoder_layers\": 2", "\"encoder_layers\": 3");
                with_config(&bytes, "\"decoder_ffn_dim\": 32", "\"decoder_ffn_dim\": 40")
            }
            "target_vocab.json" => with_config(&bytes, "\"<unk>\":1", "\"<unk>\":1,\"more\":5000"),
            _ => bytes,
        })
    });
    let message = error(&folder);
    for part in [
        "model.encoder.layers.2.self_attn.q_proj.weight is missing",
        "model.encoder.layers.2.final_layer_norm.bias is missing",
        "model.decoder.layers.1.fc1.weight is [32, 24] where config.json says [40, 24]",
        "the target vocabulary has ids up to 5001",
    ] {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

#[test]
fn a_setting_that_is_not_computed_is_refused_by_name() {
    let folder = changed("settings", |file, bytes| {
        Some(match file {
            "config.json" => {
                let bytes = with_config(&bytes, "\"gelu\"", "\"mish\",\"normalize_before\":true");
                with_config(
                    &bytes,
                    "\"encoder_attention_heads\": 4",
                    "\"encoder_attention_heads\": 5",
                )
            }
            _ => bytes,
        })
    });
    let message = error(&folder);
    for part in [
        "\"mish\"",
        "gelu_new",
        "normalize_before",
        "encoder_attention_heads 5",
    ] {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

#[test]
fn a_pickle_is_refused_with_what_to_do() {
    let folder = changed("pickle", |file, bytes| {
        (file != "model.safetensors").then_some(bytes)
    });
    std::fs::write(folder.join("pytorch_model.bin"), b"PK").unwrap();
    assert!(error(&folder).contains("save_pretrained"));
}

#[test]
fn a_folder_says_how_it_wants_to_be_decoded() {
    let folders = golden::folders("marian");
    let folder = folders
        .iter()
        .find(|f| f.ends_with("relu-targets"))
        .unwrap();
    let network = load(folder, ComputeType::Int8);
    let generation = &network.config.generation;
    assert_eq!(generation.max_length, Some(18));
    assert!(generation.renormalize);
    let banned: Vec<TokenId> = network.config.banned().after(&[]).collect();
    assert_eq!(banned, [network.config.start()]);
    assert_eq!(network.config.max_output(4), 17);
    assert!(network.target_prefix("deu_Latn").is_some() && network.target_prefix("fra").is_none());
}
