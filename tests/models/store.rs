//! What the commands say of a store.

use std::fs;

use serde_json::Value;

use super::bench::{Bench, told, with_tiny};
use super::common;

#[test]
fn a_listed_model_has_its_facts_and_where_it_is() {
    let (bench, ..) = with_tiny("list");
    let state = |id: &str| {
        let listed: Value = serde_json::from_str(&bench.models(&["list", "--json"])).unwrap();
        let line = listed
            .as_array()
            .unwrap()
            .iter()
            .find(|line| line["id"] == id);
        line.cloned().unwrap()
    };
    assert_eq!(state("fr-en")["state"], "embedded");
    let tiny = state("tiny");
    assert_eq!(tiny["state"], "available");
    assert_eq!(tiny["path"], Value::Null);
    assert_eq!(
        (&tiny["bytes"], &tiny["engine"]),
        (&300_000.into(), &"causal".into())
    );
    bench.models(&["pull", "tiny"]);
    assert_eq!(state("tiny")["state"], "installed");
    let here = bench.models(&["list", "--installed"]);
    assert_eq!(here.lines().count(), 3, "{here}");
    assert!(here.starts_with("ID") && here.contains("fr→en"), "{here}");
}

#[test]
fn an_id_that_is_not_known_is_told_with_those_that_are_like_it() {
    let (bench, ..) = with_tiny("unknown");
    let said = bench.refused(&["pull", "tinny"], 2);
    assert!(said.contains("tiny"), "{said}");
    for (args, word) in [
        (["pull", "../tiny"], "list"),
        (["licence", "qqqq"], "list"),
        (["remove", "tiny"], "not installed"),
        (["remove", "../store-unknown"], "not installed"),
        (["remove", "."], "not installed"),
        (["verify", "tiny"], "not installed"),
        (["remove", "fr-en"], "comes along"),
    ] {
        let said = bench.refused(&args, 2);
        assert!(said.contains(word), "{args:?}: {said}");
    }
    assert!(bench.store.join("catalog.toml").exists());
    assert_eq!(bench.server.all_requests(), 0);
    // All ids are looked at before anything is fetched.
    bench.refused(&["pull", "tiny", "qqqq"], 2);
    bench.assert_nothing("tiny");
}

#[test]
fn a_pair_is_its_best_measured_model() {
    let bench = Bench::new("pair");
    let measured = |id: &str, bleu: f64| {
        super::bench::entry(
            id,
            "student",
            &super::bench::hub("owner/none"),
            &["model.ab.bin", "vocab.ab.spm"].map(|name| format!("{{ path = \"{name}\" }}")),
        )
        .replace("[\"fr\"]", "[\"oc\"]")
        .replace("files =", &format!("quality = [{{ metric = \"bleu\", value = {bleu}, set = \"flores-devtest\", reference = \"x\" }}]\nfiles ="))
    };
    bench.write_catalog(&[measured("oc-a", 20.0), measured("oc-b", 30.0)]);
    let said = bench.refused(&["pull", "oc-en"], 1);
    assert!(said.contains("best measured model is oc-b"), "{said}");
    bench.assert_nothing("oc-b");
    assert!(bench.models(&["pull", "fr-en"]).contains("comes along"));
}

#[test]
fn a_damaged_file_is_found_named_and_mended() {
    let (bench, ..) = with_tiny("verify");
    bench.models(&["pull", "tiny"]);
    let weights = bench.folder("tiny").join("model.gguf");
    let good = fs::read(&weights).unwrap();
    let mut flipped = good.clone();
    flipped[9] ^= 1;
    fs::write(&weights, flipped).unwrap();
    for args in [["verify", "tiny"].as_slice(), &["verify"]] {
        let output = bench.run(&[&["models"], args].concat());
        assert_eq!(output.status.code(), Some(1));
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            printed.contains("tiny: model.gguf has SHA-256"),
            "{printed}"
        );
        assert!(told(&output).contains("pull"), "{}", told(&output));
    }
    // A list that was made to fit is no help.
    let sums = bench.folder("tiny").join("SHA256SUMS");
    let sum = super::bench::sha256(&fs::read(&weights).unwrap());
    fs::write(&sums, format!("{sum}  model.gguf\n")).unwrap();
    bench.refused(&["verify", "tiny"], 1);
    // It is fetched again, as is what is plainly not whole.
    assert!(bench.models(&["pull", "tiny"]).contains("tiny: installed"));
    bench.assert_whole("tiny");
    assert!(
        bench
            .models(&["pull", "tiny"])
            .contains("already installed")
    );
    for harm in [Some(b"GGUF".as_slice()), None] {
        match harm {
            Some(bytes) => fs::write(&weights, bytes).unwrap(),
            None => fs::remove_file(&weights).unwrap(),
        }
        bench.refused(&["verify", "tiny"], 1);
        assert!(bench.models(&["pull", "tiny"]).contains("tiny: installed"));
        bench.assert_whole("tiny");
    }
    fs::write(bench.folder("tiny").join("model.toml"), "nonsense").unwrap();
    bench.refused(&["verify", "tiny"], 1);
    assert!(bench.models(&["pull", "tiny"]).contains("tiny: installed"));
    bench.assert_whole("tiny");
}

#[test]
fn a_removed_model_is_gone_and_one_put_there_by_hand_is_left_alone() {
    let (bench, ..) = with_tiny("remove");
    bench.models(&["pull", "tiny"]);
    bench.models(&["remove", "tiny"]);
    bench.assert_nothing("tiny");
    // As a removal leaves it that was killed.
    let aside = bench.store.join(".partial/.removed-tiny");
    fs::create_dir_all(&aside).unwrap();
    fs::write(aside.join("model.gguf"), "GGUF").unwrap();
    bench.models(&["remove", "tiny"]);
    bench.refused(&["remove", "tiny"], 2);
    assert_eq!(
        fs::read_dir(bench.store.join(".partial")).unwrap().count(),
        0
    );
    let by_hand = bench.folder("by-hand");
    fs::create_dir_all(&by_hand).unwrap();
    fs::copy(
        common::path("models/fr-en/config.json"),
        by_hand.join("config.json"),
    )
    .unwrap();
    let said = bench.refused(&["remove", "by-hand"], 2);
    assert!(said.contains("by hand"), "{said}");
    assert!(by_hand.exists());
    assert!(bench.models(&["list", "--installed"]).contains("by-hand"));
    assert!(
        bench
            .models(&["verify", "by-hand"])
            .contains("no SHA256SUMS")
    );
}

#[test]
fn a_licence_is_printed_with_its_text_where_there_is_one() {
    let (bench, ..) = with_tiny("licence");
    assert_eq!(
        bench.models(&["licence", "tiny"]),
        "tiny: licence MPL-2.0 (https://licence.example/mpl)\n"
    );
    bench.models(&["pull", "tiny"]);
    fs::write(bench.folder("tiny").join("LICENSE.txt"), "As is.\n").unwrap();
    assert!(
        bench
            .models(&["licence", "tiny"])
            .ends_with("\n--- LICENSE.txt ---\nAs is.\n")
    );
}

#[test]
fn the_store_is_named_by_flag_environment_or_file() {
    let (bench, ..) = with_tiny("named");
    let config = bench.store.join("settings.toml");
    fs::write(
        &config,
        format!("models = {:?}\n", bench.store.to_str().unwrap()),
    )
    .unwrap();
    let output = bench
        .command(&["models", "list", "--config", config.to_str().unwrap()])
        .env_remove("DEPECHE_MODELS")
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("tiny"),
        "{}",
        told(&output)
    );
    let elsewhere = common::scratch("store-elsewhere");
    let printed = bench.models(&["list", "--models", elsewhere.to_str().unwrap()]);
    assert!(!printed.contains("\ntiny "), "{printed}");
    let output = bench
        .command(&["models", "list"])
        .env("HF_ENDPOINT", "no address")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    assert!(told(&output).contains("HF_ENDPOINT"), "{}", told(&output));
}
