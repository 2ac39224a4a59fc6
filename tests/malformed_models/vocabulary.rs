//! SentencePiece vocabularies.

use crate::{
    memory::alone,
    models::{Scratch, VOCABULARY, marian},
};
use depeche::model::ComputeType;

#[test]
fn a_vocabulary_cut_anywhere_is_an_error_that_names_it() {
    let _alone = alone();
    let scratch = Scratch::new("cut-vocabulary");
    let whole = marian();
    for end in 0..whole[VOCABULARY].len() {
        let mut files = whole.clone();
        files.get_mut(VOCABULARY).unwrap().truncate(end);
        // What follows the pieces may be left out whole: it has defaults.
        if let Err(error) = scratch.load(&files, ComputeType::Int8) {
            let error = error.to_string();
            let told = [
                "not a SentencePiece model",
                "it is a SentencePiece model, but",
                "pieces where the weights have 64",
            ];
            assert!(
                error.contains(VOCABULARY) && told.iter().any(|told| error.contains(told)),
                "cut at {end}: {error}"
            );
        } else {
            assert!(end > whole[VOCABULARY].len() - 100, "cut at {end}: loaded");
        }
    }
}

/// A field of a protobuf message whose value is bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 0x7f {
        field.push(length as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend(bytes);
    field
}

/// A piece with its score and its kind.
fn piece(text: &[u8], score: f32, kind: u8) -> Vec<u8> {
    let mut message = field(1, text);
    message.push(2 << 3 | 5);
    message.extend(score.to_le_bytes());
    message.extend([3 << 3, kind]);
    field(1, &message)
}

#[test]
fn absurd_vocabularies_are_errors_that_say_why() {
    let _alone = alone();
    let scratch = Scratch::new("absurd-vocabulary");
    let end = piece(b"</s>", 0.0, 3);
    let unknown = piece(b"<unk>", 0.0, 2);
    let letters: Vec<u8> = (0..62)
        .flat_map(|i| piece(format!("▁{i}").as_bytes(), -1.0, 1))
        .collect();
    let sane = [end.clone(), unknown.clone(), letters.clone()].concat();
    let with = |more: Vec<u8>| [sane.clone(), more].concat();
    let normalizer = |charsmap: &[u8]| field(3, &field(2, charsmap));
    // A trie as long as the whole table, and one longer than it.
    let cut = [&100u32.to_le_bytes()[..], &[0; 8]].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "without a piece for the unknown"),
        ("text", b"not a model".to_vec(), "not a SentencePiece model"),
        (
            "no-unknown",
            [end.clone(), letters.clone()].concat(),
            "without a piece for the unknown",
        ),
        (
            "too-few",
            [end.clone(), unknown.clone()].concat(),
            "it holds 2 pieces where the weights have 64",
        ),
        (
            "a-piece-too-many",
            with(piece(b"z", -1.0, 1)),
            "it holds 65 pieces where the weights have 64",
        ),
        (
            "twice",
            with(piece("▁7".as_bytes(), -1.0, 1)),
            "its piece \"▁7\" stands twice",
        ),
        (
            "no-number",
            with(piece(b"z", f32::NAN, 1)),
            "with a score that is not a number",
        ),
        (
            "not-text",
            with(piece(&[0xff, 0xfe], -1.0, 1)),
            "not a SentencePiece model",
        ),
        (
            "bpe",
            with(field(2, &[3 << 3, 2])),
            "not of the unigram type",
        ),
        (
            "longer-than-the-file",
            with(vec![1 << 3 | 2, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            "not a SentencePiece model",
        ),
        (
            "charsmap-of-three-bytes",
            with(normalizer(&[1, 2, 3])),
            "its table of character replacements is cut short",
        ),
        (
            "charsmap-cut",
            with(normalizer(&cut)),
            "its table of character replacements is cut short",
        ),
        (
            "two-million",
            [1 << 3 | 2, 0].repeat(2_000_000),
            "it says that it holds 2000000 pieces",
        ),
        (
            "half-a-million",
            [1 << 3 | 2, 0].repeat(500_000),
            "without a piece for the unknown",
        ),
    ];
    for (name, vocabulary, expected) in cases {
        let mut files = marian();
        files.insert(VOCABULARY.into(), vocabulary);
        let error = scratch.error(&files, name);
        assert!(
            error.contains(VOCABULARY) && error.contains(expected),
            "{name}: {expected} is not in {error}"
        );
    }
}
