//! Sentences in capitals: the vocabulary spells them letter by letter, and the model loses them. They
//! are read in small letters and written in capitals again.

use crate::article::protected_spans;

/// Fewer words in capitals are an acronym or a name.
const FEWEST_WORDS: usize = 3;

/// Whether all words, and more than a few, are in capitals.
pub fn is_shouted(sentence: &str) -> bool {
    let words = sentence
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| word.chars().count() > 1);
    let loud = |word: &str| word.chars().all(char::is_uppercase);
    words.clone().count() >= FEWEST_WORDS && words.clone().all(loud)
}

/// In small letters but for the first; addresses stay.
pub fn lowered(sentence: &str) -> String {
    let mut first = true;
    outside_addresses(sentence, |part| {
        let lower = part.to_lowercase();
        let at = lower
            .find(char::is_alphabetic)
            .filter(|_| std::mem::take(&mut first));
        match at {
            Some(at) => {
                let mut rest = lower[at..].chars();
                let capital = rest.next().into_iter().flat_map(char::to_uppercase);
                lower[..at].chars().chain(capital).chain(rest).collect()
            }
            None => lower,
        }
    })
}

/// In capitals; addresses stay.
pub fn raised(sentence: &str) -> String {
    outside_addresses(sentence, str::to_uppercase)
}

fn outside_addresses(text: &str, mut change: impl FnMut(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for span in protected_spans(text) {
        out.push_str(&change(&text[at..span.start]));
        out.push_str(&text[span.clone()]);
        at = span.end;
    }
    out.push_str(&change(&text[at..]));
    out
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_headline_in_capitals_is_read_in_small_letters_and_back() {
        let headline = "L'ÉTAT ANNONCE SA RÉFORME : https://Example.org/A";
        assert!(is_shouted("L'ÉTAT ANNONCE SA RÉFORME"));
        assert_eq!(
            lowered(headline),
            "L'état annonce sa réforme : https://Example.org/A"
        );
        assert_eq!(
            raised("The état: https://Example.org/A"),
            "THE ÉTAT: https://Example.org/A"
        );
    }

    #[test]
    fn acronyms_names_and_ordinary_sentences_are_not_shouted() {
        for text in [
            "L'ONU",
            "La FIFA et l'UEFA",
            "Le chat dort.",
            "12 345",
            "A B C",
        ] {
            assert!(!is_shouted(text), "{text}");
        }
    }
}
