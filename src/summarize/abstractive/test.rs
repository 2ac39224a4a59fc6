use super::{
    check::{Doubt, Facts},
    telling::{Piece, Telling},
};
use crate::{article::Language, summarize::Length};
use proptest::prelude::*;
use std::{num::NonZeroUsize, sync::Arc};

const DOCUMENT: &str = "Le président Pezeshkian est arrivé à Moscou le 17 janvier. Il y a signé \
                        douze accords, pour 4,5 milliards d'euros, avec Vladimir Poutine.";
const INSTRUCTIONS: &str = "Summarise the article below in English, in at most 3 sentences. Keep to what \
                            the article says.";

fn facts(target: &str) -> Arc<Facts> {
    let language = |tag: &str| -> Language { tag.parse().unwrap() };
    Arc::new(Facts::of(DOCUMENT, &language("fr"), &language(target)))
}

fn sentences(n: usize) -> Length {
    Length::sentences(NonZeroUsize::new(n).unwrap())
}

/// All pieces of a text that comes in parts.
fn told(length: Length, parts: &[&str]) -> Vec<Piece> {
    let mut telling = Telling::new(length, facts("en"), INSTRUCTIONS);
    let mut pieces: Vec<Piece> = parts.iter().flat_map(|part| telling.push(part)).collect();
    pieces.extend(telling.finish());
    pieces
}

fn text(pieces: &[Piece]) -> String {
    pieces.iter().map(|piece| piece.text.as_str()).collect()
}

fn complete(pieces: &[Piece]) -> Vec<&str> {
    let complete = pieces.iter().filter_map(|piece| piece.sentence.as_ref());
    complete.map(|sentence| sentence.text.as_str()).collect()
}

#[test]
fn a_sentence_is_told_as_it_comes_and_given_whole_at_its_end() {
    let pieces = told(
        sentences(9),
        &["Pu", "tin met", " him. ", "They", " signed."],
    );
    let texts: Vec<&str> = pieces.iter().map(|piece| piece.text.as_str()).collect();
    assert_eq!(
        texts,
        ["Pu", "tin met", " him.", "", " They", " signed.", ""]
    );
    assert_eq!(complete(&pieces), ["Putin met him.", "They signed."]);
}

#[test]
fn no_more_sentences_or_words_than_asked_for_are_told() {
    let parts = ["One two three. Four five", " six. Seven eight. Nine."];
    assert_eq!(
        text(&told(sentences(2), &parts)),
        "One two three. Four five six."
    );
    let words = |n| Length::words(NonZeroUsize::new(n).unwrap());
    assert_eq!(
        text(&told(words(6), &parts)),
        "One two three. Four five six."
    );
    assert_eq!(text(&told(words(5), &parts)), "One two three.");
    // One always.
    assert_eq!(text(&told(words(1), &parts)), "One two three.");
}

#[test]
fn the_instructions_are_not_told() {
    let parts = [
        "Summarise the article ",
        "below in English. ",
        "Keep to what the article says. Putin met him.",
    ];
    assert_eq!(text(&told(sentences(3), &parts)), "Putin met him.");
    // What only begins like them is.
    let parts = ["Keep to ", "what was agreed."];
    assert_eq!(
        text(&told(sentences(3), &parts)),
        "Keep to what was agreed."
    );
}

#[test]
fn a_line_is_a_sentence() {
    let pieces = told(sentences(9), &["- Putin met him\n- They sig", "ned\n\n"]);
    assert_eq!(complete(&pieces), ["- Putin met him", "- They signed"]);
}

#[test]
fn numbers_and_names_that_the_document_lacks_are_doubted() {
    let cases: [(&str, &str, &[Doubt]); 6] = [
        (
            "en",
            "President Pezeshkian met Putin in Moscow on 17 January.",
            &[],
        ),
        (
            "en",
            "They signed 12 agreements worth 4.5 billion euros.",
            &[],
        ),
        (
            "en",
            "They signed 20 agreements.",
            &[Doubt::Number("20".into())],
        ),
        (
            "en",
            "He met Emmanuel there.",
            &[Doubt::Name("Emmanuel".into())],
        ),
        (
            "fr",
            "Ils ont signé 4,5 milliards de contrats avec Poutine.",
            &[],
        ),
        ("de", "Sie unterzeichneten die Verträge.", &[]),
    ];
    for (target, sentence, expected) in cases {
        assert_eq!(facts(target).doubts(sentence), expected, "{sentence}");
    }
}

proptest! {
    #[test]
    fn however_a_text_comes_its_pieces_are_its_sentences(
        parts in prop::collection::vec(
            prop::sample::select(vec!["Le chat", " dort", ". ", "Il a 3 ", "amis", " !", "\n", "M. X", "é", "…"]),
            0..40,
        ),
        most in 1usize..5,
    ) {
        let pieces = told(sentences(most), &parts);
        let complete = complete(&pieces);
        prop_assert!(complete.len() <= most);
        prop_assert_eq!(text(&pieces), complete.join(" "));
        let whole: String = parts.concat();
        let once = told(sentences(most), &[&whole]);
        prop_assert_eq!(text(&once), text(&pieces));
    }
}
