//! A server that is given bad model files: it says which and why, and does not start.

mod common;

use std::{fs, path::Path};

use common::{path, scratch};

fn copy_model(to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(path("models/fr-en")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_server_with_a_missing_or_corrupt_model_file_names_it_and_does_not_start() {
    type Harm = fn(&Path);
    let missing: Harm = |file| fs::remove_file(file).unwrap();
    let cut: Harm = |file| {
        let bytes = fs::read(file).unwrap();
        fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
    };
    let garbage: Harm = |file| fs::write(file, "nonsense").unwrap();
    for (name, file, harm) in [
        ("no-weights", "model.safetensors", missing),
        ("cut-weights", "model.safetensors", cut),
        ("no-config", "config.json", missing),
        ("garbage-config", "config.json", garbage),
        ("no-vocabulary", "source.spm", missing),
        ("cut-vocabulary", "target.spm", cut),
        ("garbage-vocabulary", "source.spm", garbage),
    ] {
        let models = scratch(&format!("models-{name}"));
        copy_model(&models.join("fr-en"));
        harm(&models.join("fr-en").join(file));
        let folder = models.to_str().unwrap();
        let (code, told) = common::start_and_fail(&["--models", folder]);
        assert_eq!(code, Some(1), "{name}: {told}");
        let last = told.lines().last().unwrap();
        assert!(last.contains(file), "{name}: {told}");
        fs::remove_dir_all(models).unwrap();
    }
}
