use super::*;

fn model_folder() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/fr-en")
}

fn tokenizer(name: &str) -> Tokenizer {
    Tokenizer::from_bytes(&std::fs::read(model_folder().join(name)).unwrap()).unwrap()
}

#[test]
fn golden_pieces_and_ids_are_those_of_sentencepiece() {
    #[derive(serde::Deserialize)]
    struct Line {
        text: String,
        pieces: Vec<String>,
        ids: Vec<u32>,
    }
    let tokenizer = tokenizer("source.spm");
    let lines = std::fs::read_to_string(model_folder().join("tokens.jsonl")).unwrap();
    let mut checked = 0;
    for line in lines.lines() {
        let line: Line = serde_json::from_str(line).unwrap();
        let tokens = tokenizer.encode(&line.text);
        let ids: Vec<u32> = tokens.iter().map(|token| token.id.0).collect();
        assert_eq!(ids, line.ids, "{}", line.text);
        for (token, piece) in tokens.iter().zip(&line.pieces) {
            if token.id != tokenizer.unknown() {
                assert_eq!(tokenizer.piece(token.id), piece);
            }
        }
        checked += 1;
    }
    assert!(checked > 50);
}

#[test]
fn spans_follow_each_other_and_cover_every_word() {
    let tokenizer = tokenizer("source.spm");
    for text in [
        "L’été dernier, « Marie » a  envoyé 12\u{a0}345 € à José Ñandú. 😀",
        "  œuvre  ",
        "ﬁn Ελλάδα",
        "",
    ] {
        let (mut start, mut end) = (0, 0);
        let mut covered = String::new();
        for token in tokenizer.encode(text) {
            assert!(token.span.start >= start, "{text}");
            start = token.span.start;
            assert!(token.span.start <= token.span.end);
            covered.push_str(&text[token.span.start.max(end)..token.span.end.max(end)]);
            end = end.max(token.span.end);
        }
        let letters = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(letters(&covered), letters(text));
    }
}

#[test]
fn decoding_gives_back_the_text() {
    let tokenizer = tokenizer("target.spm");
    for text in [
        "Hello, world.",
        "Last summer, \"Marie\" sent 12 things to José.",
    ] {
        let ids: Vec<TokenId> = tokenizer
            .encode(text)
            .iter()
            .map(|token| token.id)
            .collect();
        assert_eq!(tokenizer.decode(&ids), text);
    }
}

#[test]
fn a_damaged_vocabulary_is_an_error_and_no_panic() {
    let bytes = std::fs::read(model_folder().join("target.spm")).unwrap();
    for cut in [0, 1, 10, 1000, bytes.len() / 2, bytes.len() - 1] {
        if let Ok(tokenizer) = Tokenizer::from_bytes(&bytes[..cut]) {
            tokenizer.encode("L’été dernier, à Paris.");
        }
    }
    assert!(Tokenizer::from_bytes(b"not a model").is_err());
}

#[test]
fn a_tokenizer_that_does_what_sentencepiece_does_not_is_refused_with_what_it_does() {
    let path = "tests/golden/t5/gguf-hugging/tokenizer.json";
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let written = std::fs::read_to_string(path).unwrap();
    let cases = [
        ("\"type\": \"Unigram\"", "\"type\": \"BPE\"", "\"BPE\""),
        (
            "\"type\": \"Strip\"",
            "\"type\": \"Lowercase\"",
            "`Lowercase`",
        ),
        (" {2,}", "[aeiou]", "replaces more than spaces"),
        ("\"model\"", "\"modal\"", "missing field `model`"),
    ];
    for (from, to, part) in cases {
        assert!(written.contains(from), "{from}");
        let changed = written.replace(from, to);
        let error = Tokenizer::from_json(changed.as_bytes()).err().unwrap();
        let message = error.to_string();
        assert!(
            message.contains(part) && message.contains("spiece.model"),
            "{message}"
        );
    }
}
