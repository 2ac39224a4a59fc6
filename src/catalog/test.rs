use super::{entry::Entry, *};
use crate::model::{ComputeType, Student};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fs, path::Path};

/// Finds the models of a folder and loads them all.
fn load(folder: &Path) -> Result<Vec<(Installed, Student)>, CatalogError> {
    let (installed, _) = scan(&[folder.to_owned()])?;
    let load = |installed: Installed| {
        let model = Student::load(&installed.folder, ComputeType::Int8)?;
        Ok((installed, model))
    };
    installed.into_iter().map(load).collect()
}

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
        match load(&self.0) {
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
    let installed = load(&models()).unwrap();
    let (info, model) = &installed[0];
    assert_eq!(
        (info.id.as_str(), info.licence.as_str(), info.engine.name()),
        ("fr-en", "MPL-2.0", "student")
    );
    assert!(model.parameters > 1_000_000 && model.resident_bytes() > 1_000_000);
}

#[test]
fn golden_students_of_a_python_package_are_the_listed_ones_and_need_no_other_files() {
    let catalog = Catalog::builtin().unwrap();
    for (pair, folder) in crate::model::student::test::mozilla_students() {
        let (source, target) = pair.split_at(2);
        let entry = catalog.get(&format!("{source}-{target}")).unwrap();
        let scratch =
            std::env::temp_dir().join(format!("depeche-catalog-{}-{pair}", std::process::id()));
        let scratch = Scratch(scratch);
        let copy = scratch.0.join(&entry.id);
        fs::create_dir_all(&copy).unwrap();
        for file in &entry.files {
            assert!(file.download[0].path.ends_with(&file.path));
            let bytes = fs::read(folder.join(&file.path)).unwrap();
            assert_eq!(file.bytes, Some(bytes.len() as u64), "{}", file.path);
            let sum: String = Sha256::digest(&bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(file.sha256.as_ref(), Some(&sum), "{}", file.path);
            fs::write(copy.join(&file.path), bytes).unwrap();
        }
        let installed = load(&scratch.0).unwrap();
        let (info, _) = &installed[0];
        assert_eq!(info.source_languages, [source]);
        assert_eq!(info.target_languages, [target]);
        assert_eq!(info.licence, "MPL-2.0");
    }
}

#[test]
fn a_broken_catalogue_in_the_models_folder_is_told() {
    let scratch = Scratch::with_model("broken-catalogue", |_| {});
    fs::write(
        scratch.0.join("catalog.toml"),
        "[[model]]\nid = \"x\"\nlicence = 3\n",
    )
    .unwrap();
    let error = scratch.error();
    assert!(error.contains("catalog.toml: model \"x\": "), "{error}");
}

#[test]
fn a_catalogue_in_the_models_folder_takes_the_place_of_the_builtin_one() {
    let scratch = Scratch::with_model("own-catalogue", |_| {});
    let own = Entry {
        licence: "LicenseRef-Ours".into(),
        ..Catalog::builtin().unwrap().get("fr-en").unwrap().clone()
    };
    let document = toml::to_string(&BTreeMap::from([("model", [own])])).unwrap();
    fs::write(scratch.0.join("catalog.toml"), document).unwrap();
    let installed = load(&scratch.0).unwrap();
    assert_eq!(installed[0].0.licence, "LicenseRef-Ours");
}

#[test]
fn a_folder_that_no_catalogue_knows_is_loaded_all_the_same() {
    let scratch = Scratch::with_model("unlisted", |_| {});
    let installed = load(&scratch.0).unwrap();
    assert_eq!(installed[0].0.source_languages, ["fr"]);
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
    let Err(error) = load(&empty.join("depeche-no-such-folder")) else {
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
