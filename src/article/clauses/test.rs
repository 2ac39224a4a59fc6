use super::*;
use proptest::prelude::*;
use std::cell::Cell;

fn pieces(sentence: &str, longest: usize) -> Vec<&str> {
    split_to_fit(sentence, |piece| piece.chars().count() <= longest)
        .into_iter()
        .map(|range| &sentence[range])
        .collect()
}

#[test]
fn a_sentence_that_fits_is_one_piece() {
    assert_eq!(
        pieces("Il part, et elle reste.", 100),
        ["Il part, et elle reste."]
    );
    assert_eq!(pieces("", 0), [""]);
}

#[test]
fn the_best_place_near_the_middle_is_taken() {
    let table: &[(&str, usize, &[&str])] = &[
        (
            "Il part, dit-elle ; elle reste, dit-il.",
            30,
            &["Il part, dit-elle ;", "elle reste, dit-il."],
        ),
        (
            "Il part demain — elle, non, reste ici.",
            30,
            &["Il part demain", "— elle, non, reste ici."],
        ),
        (
            "Il part demain matin, elle reste ici.",
            30,
            &["Il part demain matin,", "elle reste ici."],
        ),
        (
            "Il part demain matin et elle reste ici.",
            30,
            &["Il part demain matin", "et elle reste ici."],
        ),
        ("un deux trois quatre", 12, &["un deux", "trois quatre"]),
        (
            "Quelle belle journée\u{A0}! dit-il en partant.",
            30,
            &["Quelle belle journée\u{A0}!", "dit-il en partant."],
        ),
        // The comma of a number is no place to cut, nor is the space before a colon.
        (
            "il coûte 3,14 euros net",
            14,
            &["il coûte 3,14", "euros net"],
        ),
    ];
    for (sentence, longest, expected) in table {
        assert_eq!(&pieces(sentence, *longest), expected, "{sentence}");
    }
}

#[test]
fn a_protected_stretch_is_never_cut() {
    let sentence = "voir https://exemple.fr/une/adresse/vraiment/tres/longue pour en savoir plus";
    let pieces = pieces(sentence, 20);
    assert!(
        pieces.contains(&"https://exemple.fr/une/adresse/vraiment/tres/longue"),
        "{pieces:?}"
    );
}

#[test]
fn a_long_sentence_without_punctuation_is_cut_with_few_calls() {
    for sentence in ["mot ".repeat(5_000), "a".repeat(20_000)] {
        let (calls, read) = (Cell::new(0_usize), Cell::new(0_usize));
        let pieces = split_to_fit(&sentence, |piece| {
            calls.set(calls.get() + 1);
            read.set(read.get() + piece.len());
            piece.len() <= 200
        });
        let shortest = pieces.iter().map(Range::len).min();
        assert!(
            shortest.is_some_and(|shortest| shortest >= 70),
            "{shortest:?}"
        );
        assert!(calls.get() <= 2 * pieces.len(), "{} calls", calls.get());
        assert!(read.get() <= 20_000 * 12, "{} characters read", read.get());
    }
}

#[test]
fn what_one_sees_as_one_character_stays_whole() {
    for grapheme in ["e\u{301}", "👩\u{200D}🚀", "👍🏽", "❤\u{FE0F}"] {
        let sentence = grapheme.repeat(7);
        let pieces = split_to_fit(&sentence, |_| false);
        assert_eq!(pieces.len(), 7, "{grapheme}");
        assert!(
            pieces
                .iter()
                .all(|range| &sentence[range.clone()] == grapheme)
        );
    }
}

proptest! {
    #[test]
    fn nothing_is_lost(text in "(\\PC|[ ,;:—]|et |qui |https://a\\.fr/b){0,100}", longest in 0_usize..30) {
        let ranges = split_to_fit(&text, |piece| piece.chars().count() <= longest);
        let protected = protected_spans(&text);
        let mut at = 0;
        for range in &ranges {
            prop_assert!(text[at..range.start].chars().all(char::is_whitespace));
            prop_assert!(text.get(range.clone()).is_some());
            prop_assert!(protected.iter().all(|span| !(span.start < range.start && range.start < span.end)));
            at = range.end;
        }
        prop_assert_eq!(ranges.first().map(|range| range.start), Some(0));
        prop_assert_eq!(at, text.len());
    }
}
