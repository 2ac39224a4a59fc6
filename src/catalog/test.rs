use super::*;
use std::fs;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

/// A models folder of a test's own, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    /// With a copy of the default model, `change`d.
    fn with_model(name: &str, change: impl FnOnce(&Path)) -> Self {
        let folder =
            std::env::temp_dir().join(format!("depeche-catalog-{}-{name}", std::process::id()));
        let copy = folder.join("fr-en");
        fs::create_dir_all(&copy).unwrap();
        for file in [
            "config.json",
            "model.safetensors",
            "source.spm",
            "target.spm",
        ] {
            fs::copy(models().join("fr-en").join(file), copy.join(file)).unwrap();
        }
        change(&copy);
        Scratch(folder)
    }

    fn error(&self) -> String {
        match load(&self.0, ComputeType::Int8) {
            Ok(_) => panic!("loaded"),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_default_model_is_found_with_its_facts() {
    let installed = load(&models(), ComputeType::Int8).unwrap();
    let info = &installed[0].info;
    assert_eq!(
        (
            info.id.as_str(),
            info.licence.as_str(),
            info.engine.as_str()
        ),
        ("fr-en", "MPL-2.0", "student")
    );
    assert!(info.parameters > 1_000_000 && info.resident_bytes > 1_000_000);
}

#[test]
fn a_folder_that_no_catalogue_knows_is_loaded_all_the_same() {
    let scratch = Scratch::with_model("unlisted", |_| {});
    let installed = load(&scratch.0, ComputeType::Int8).unwrap();
    assert_eq!(installed[0].info.source_languages, ["fr"]);
}

#[test]
fn a_damaged_file_is_named_with_what_is_wrong() {
    type Change = fn(&Path);
    let cases: &[(&str, &str, &str, Change)] = &[
        ("no-weights", "model.safetensors", "cannot be read", |f| {
            fs::remove_file(f.join("model.safetensors")).unwrap()
        }),
        (
            "cut-weights",
            "model.safetensors",
            "not a safetensors file",
            |f| cut(&f.join("model.safetensors")),
        ),
        ("no-vocabulary", "source.spm", "cannot be read", |f| {
            fs::remove_file(f.join("source.spm")).unwrap()
        }),
        ("cut-vocabulary", "target.spm", "", |f| {
            cut(&f.join("target.spm"))
        }),
        ("empty-vocabulary", "target.spm", "without a piece", |f| {
            fs::write(f.join("target.spm"), "").unwrap()
        }),
        ("flipped-weights", "model.safetensors", "SHA-256", |f| {
            fs::copy(models().join("fr-en/SHA256SUMS"), f.join("SHA256SUMS")).unwrap();
            let mut bytes = fs::read(f.join("model.safetensors")).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(f.join("model.safetensors"), bytes).unwrap();
        }),
        ("bad-config", "config.json", "EOF", |f| {
            fs::write(f.join("config.json"), "{").unwrap()
        }),
        (
            "wrong-size",
            "model.safetensors",
            "src_embed.weight is [37279, 256] where config.json says [37279, 128]",
            |f| {
                replace(&f.join("config.json"), "\"dim\": 256", "\"dim\": 128");
            },
        ),
        (
            "more-layers",
            "model.safetensors",
            "encoder.layers.6.self_attn.q.weight is missing",
            |f| {
                replace(
                    &f.join("config.json"),
                    "\"encoder_layers\": 6",
                    "\"encoder_layers\": 7",
                );
            },
        ),
        ("other-network", "config.json", "architecture", |f| {
            replace(&f.join("config.json"), "marian-student-ssru", "gru")
        }),
        ("absurd", "config.json", "dim is 99999999999", |f| {
            replace(
                &f.join("config.json"),
                "\"dim\": 256",
                "\"dim\": 99999999999",
            )
        }),
    ];
    for (name, file, reason, change) in cases {
        let error = Scratch::with_model(name, change).error();
        assert!(
            error.contains(file) && error.contains(reason),
            "{name}: {error}"
        );
    }
}

#[test]
fn every_missing_tensor_is_named() {
    let error = Scratch::with_model("all", |f| {
        replace(
            &f.join("config.json"),
            "\"decoder_layers\": 2",
            "\"decoder_layers\": 3",
        )
    })
    .error();
    for tensor in [
        "ssru.w.weight",
        "ssru.wf.bias",
        "ssru_norm.weight",
        "cross_attn.q.weight",
        "cross_attn.v.bias",
        "ffn.w2.weight",
    ] {
        assert!(
            error.contains(&format!("decoder.layers.2.{tensor} is missing")),
            "{error}"
        );
    }
}

#[test]
fn a_folder_without_models_says_how_to_set_it() {
    let empty = std::env::temp_dir();
    let Err(error) = load(&empty.join("depeche-no-such-folder"), ComputeType::Int8) else {
        panic!("loaded")
    };
    assert!(error.to_string().contains("--models"), "{error}");
}

fn cut(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() * 2 / 3]).unwrap();
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from));
    fs::write(path, text.replace(from, to)).unwrap();
}
