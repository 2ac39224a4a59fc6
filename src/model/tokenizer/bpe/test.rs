use super::*;
use merge::{Merged, Symbol, merge};

fn letters(text: &str) -> Vec<Symbol> {
    let spans = text
        .char_indices()
        .map(|(start, c)| start..start + c.len_utf8());
    spans.map(|span| Symbol { span, id: None }).collect()
}

#[test]
fn the_best_pair_is_merged_first_and_of_equal_ones_the_left() {
    let table = [("ab", 1), ("bc", 2), ("abc", 3), ("aa", 1)];
    let merged = |text: &str| -> Vec<String> {
        let symbols = merge(letters(text), |left, right| {
            let pair = &text[left.span.start..right.span.end];
            let (_, priority) = *table.iter().find(|(merge, _)| *merge == pair)?;
            let id = TokenId(0);
            Some(Merged { priority, id })
        });
        symbols
            .into_iter()
            .map(|symbol| text[symbol.span].to_owned())
            .collect()
    };
    assert_eq!(merged("abcab"), ["abc", "ab"]);
    assert_eq!(merged("aaa"), ["aa", "a"]);
    assert_eq!(merged(""), [""; 0]);
}

#[test]
fn each_byte_has_a_letter_of_its_own() {
    let letters = bytes::letters();
    let distinct: std::collections::HashSet<char> = letters.into_iter().collect();
    assert_eq!(distinct.len(), 256);
    assert_eq!(
        (letters[0x20], letters[0x0A], letters[b'a' as usize]),
        ('Ġ', 'Ċ', 'a')
    );
}

#[test]
fn greater_scores_are_greater_numbers() {
    let scores = [
        f32::NEG_INFINITY,
        -20.5,
        -1.0,
        -0.25,
        0.0,
        0.25,
        3.0,
        f32::INFINITY,
    ];
    assert!(
        scores
            .windows(2)
            .all(|pair| ordered(pair[0]) < ordered(pair[1]))
    );
}
