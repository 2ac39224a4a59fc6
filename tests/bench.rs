//! `depeche bench`, over small networks of every family.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use common::{depeche, path, scratch};
use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    depeche()
        .arg("bench")
        .args(arguments)
        .args(["--inference-threads", "1", "--repeat", "1"])
        .output()
        .unwrap()
}

fn figures(arguments: &[&str]) -> Value {
    let output = bench(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", told(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(arguments: &[&str]) -> String {
    let output = bench(arguments);
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    told(&output)
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file of so many of the phrases.
fn lines(name: &str, count: usize) -> PathBuf {
    let file = scratch(&format!("bench-{name}")).join("lines.txt");
    // Short ones, for the small networks' windows.
    let short = |phrase: &String| phrase.split(' ').take(5).collect::<Vec<_>>().join(" ");
    let phrases: Vec<String> = common::phrases().iter().take(count).map(short).collect();
    fs::write(&file, phrases.join("\n")).unwrap();
    file
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn forced_outputs_have_the_length_that_is_asked_for_whatever_the_beam() {
    let file = lines("forced", 6);
    let marian = path("tests/golden/marian/swish-tied");
    for (model, beam) in [
        ("fr-en", "1"),
        ("fr-en", "3"),
        (text(&marian), "1"),
        (text(&marian), "4"),
    ] {
        let output = file.with_file_name("out.txt");
        let figures = figures(&[
            text(&file),
            "--model",
            model,
            "--beam",
            beam,
            "--output-tokens",
            "12",
            "--alone",
            "2",
            "--output",
            text(&output),
        ]);
        assert_eq!(figures["target_tokens"], 6 * 12, "{model} {beam}");
        assert_eq!(figures["beam"].to_string(), beam);
        assert_eq!(figures["latency_ms"]["sentences"], 2);
        assert!(figures["sentences_per_second"]["median"].as_f64() > Some(0.0));
        assert!(figures["peak_resident_bytes"].as_u64() >= figures["resident_bytes"].as_u64());
        assert_eq!(fs::read_to_string(output).unwrap().lines().count(), 6);
    }
}

#[test]
fn an_instruction_model_is_measured_on_the_beginning_of_a_text() {
    let file = lines("text", 30);
    let model = path("tests/golden/causal/llama");
    let arguments = [text(&file), "--model", text(&model), "--batch", "3"];
    let figures = figures(
        &[
            &arguments[..],
            &["--prompt-tokens", "40", "--output-tokens", "9"],
        ]
        .concat(),
    );
    assert_eq!(
        (&figures["work"], &figures["prompt_tokens"]),
        (&"texts".into(), &40.into())
    );
    assert_eq!(
        (&figures["output_tokens"], &figures["together"]["texts"]),
        (&9.into(), &3.into())
    );
    for rate in ["prompt_tokens_per_second", "output_tokens_per_second"] {
        assert!(figures[rate]["median"].as_f64() > Some(0.0), "{rate}");
    }
    let refusal = refused(&[&arguments[..], &["--prompt-tokens", "1000000"]].concat());
    assert!(refusal.contains("--prompt-tokens 1000000"), "{refusal}");
}

#[test]
fn an_output_that_the_model_does_not_allow_is_refused_with_its_line() {
    let file = lines("refused", 2);
    let refusal = refused(&[text(&file), "--output-tokens", "100000"]);
    assert!(
        refusal.contains("line 1") && refusal.contains("--output-tokens 100000"),
        "{refusal}"
    );
}
