//! The commands, as a person or a script meets them.

mod common;

use std::{
    io::Read,
    process::{Output, Stdio},
};

use common::{Server, article, depeche, run};

const ARTICLE: &str = "tests/articles/poutine-pezeshkian.fr.txt";

fn stdout(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The one line on standard error of a command that ends with `code` and prints nothing.
fn complaint(args: &[&str], stdin: &[u8], code: i32) -> String {
    let output = run(args, stdin);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {told}");
    assert!(output.stdout.is_empty(), "{args:?}");
    assert_eq!(told.lines().count(), 1, "{args:?}: {told}");
    told
}

#[test]
fn a_digest_has_the_paragraphs_of_the_article_and_a_summary_without_page_residue() {
    let printed = stdout(&run(&["digest", ARTICLE, "--to", "en"], b""));
    let (translation, summary) = printed.split_once("\n\n--- summary (en) ---\n").unwrap();
    assert_eq!(translation.lines().count(), article().lines().count());
    let url =
        "https://thanhnien.vn/nga-iran-ky-hiep-uoc-chien-luoc-toan-dien-185250117194334368.htm";
    assert!(translation.contains(url), "{translation}");
    assert_eq!(summary.lines().count(), 3, "{summary}");
    for residue in ["thanhnien", "Comment", "capital"] {
        assert!(!summary.contains(residue), "{summary}");
    }
}

#[test]
fn a_server_and_the_models_of_the_command_give_the_same() {
    let server = Server::start();
    let url = server.url();
    for command in [
        vec!["translate", ARTICLE, "--to", "en"],
        vec!["summarize", ARTICLE, "--to", "fr,en", "--sentences", "2"],
        vec!["digest", "-", "--from", "fr", "--to", "en", "--words", "60"],
    ] {
        let alone = stdout(&run(&command, article().as_bytes()));
        let asked = [command.as_slice(), &["--server", &url]].concat();
        assert_eq!(
            alone,
            stdout(&run(&asked, article().as_bytes())),
            "{command:?}"
        );
        assert!(!alone.trim().is_empty());
    }
}

#[test]
fn the_byte_order_mark_of_a_file_is_no_text() {
    let translate = ["translate", "-", "--from", "fr", "--to", "en"];
    let plain = run(&translate, "La ville a ouvert une école.".as_bytes());
    let marked = run(
        &translate,
        "\u{feff}La ville a ouvert une école.".as_bytes(),
    );
    assert_eq!(stdout(&marked), stdout(&plain));
    assert!(!stdout(&marked).contains('\u{feff}'));
}

#[test]
fn json_is_the_response_message_and_a_request_can_be_json() {
    let request = r#"{"text": "La ville a ouvert une école.", "sourceLanguage": "fr",
        "targetLanguages": ["en"]}"#;
    let printed = stdout(&run(
        &["translate", "--request", "-", "--json"],
        request.as_bytes(),
    ));
    let response: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let translation = &response["translations"][0];
    assert_eq!(translation["language"], "en");
    assert_eq!(translation["route"]["hops"][0]["sourceLanguage"], "fr");
    assert_eq!(response["usage"]["characters"], "28");
    let text = stdout(&run(&["translate", "--request", "-"], request.as_bytes()));
    assert_eq!(text.trim_end(), translation["text"].as_str().unwrap());
}

#[test]
fn a_lone_surrogate_in_json_is_one_clear_line() {
    for json in [
        r#"{"text": "\ud800", "targetLanguages": ["en"]}"#,
        r#"{"text": "\ud800 bonjour", "targetLanguages": ["en"]}"#,
        r#"{"text": "\ud83d\u0041", "targetLanguages": ["en"]}"#,
        r#"{"text": "\udc00", "targetLanguages": ["en"]}"#,
    ] {
        let told = complaint(&["translate", "--request", "-"], json.as_bytes(), 2);
        assert!(told.contains("surrogate"), "{json}: {told}");
    }
}

#[test]
fn bad_usage_and_bad_input_end_with_2_and_say_what() {
    for (args, stdin, word) in [
        (vec!["translate", ARTICLE], "", "--to"),
        (vec!["translate", "--to", "en"], "", "FILE"),
        (vec![], "", "command"),
        (vec!["polish"], "", "polish"),
        (
            vec!["translate", "no-such-file", "--to", "en"],
            "",
            "no-such-file",
        ),
        (
            vec!["translate", ARTICLE, "--to", "not a tag"],
            "",
            "target_languages[0]",
        ),
        (vec!["translate", ARTICLE, "--to", "vi"], "", "install"),
        (vec!["translate", "-", "--to", "en"], " \n", "text"),
        (
            vec!["summarize", ARTICLE, "--sentences", "0"],
            "",
            "max_sentences",
        ),
        (
            vec!["summarize", ARTICLE, "--sentences", "1000000"],
            "",
            "max_sentences",
        ),
        (
            vec!["translate", "--request", "-"],
            "{\"txt\": \"a\"}",
            "txt",
        ),
        (vec!["translate", "--request", "-"], "[", "TranslateRequest"),
        (vec!["serve", "--listen", "nowhere"], "", "nowhere"),
        (
            vec!["serve", "--config", "no-such.toml"],
            "",
            "no-such.toml",
        ),
    ] {
        let told = complaint(&args, stdin.as_bytes(), 2);
        assert!(told.contains(word), "{args:?}: {told}");
    }
}

#[test]
fn text_that_is_not_utf8_is_told_with_the_byte() {
    let told = complaint(&["translate", "-", "--to", "en"], b"caf\xe9", 2);
    assert!(told.contains("byte 3"), "{told}");
}

#[test]
fn other_failures_end_with_1() {
    let told = complaint(
        &[
            "translate",
            ARTICLE,
            "--to",
            "en",
            "--server",
            "127.0.0.1:1",
        ],
        b"",
        1,
    );
    assert!(told.contains("127.0.0.1:1"), "{told}");
    let told = complaint(
        &["translate", ARTICLE, "--to", "en", "--models", "nowhere"],
        b"",
        1,
    );
    assert!(told.contains("nowhere"), "{told}");
}

#[test]
fn a_reader_that_stops_reading_is_no_failure() {
    // More than a pipe holds, so that writing meets the closed end.
    let json = format!(
        "{{\"text\": {:?}, \"targetLanguages\": [\"en\"]}}",
        "Bonjour. ".repeat(2000)
    );
    let request = common::scratch("closed-output").join("request.json");
    std::fs::write(&request, json).unwrap();
    let mut child = depeche()
        .args(["translate", "--json", "--request"])
        .arg(&request)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut told = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut told)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{told}");
    assert_eq!(told, "");
}

#[test]
fn help_names_the_default_of_every_address() {
    let help = stdout(&run(&["serve", "--help"], b""));
    assert!(help.contains("[default: 127.0.0.1:50051]"), "{help}");
    assert!(help.contains("[default: 127.0.0.1:9464]"), "{help}");
}
