//! What a written sentence says that its document may not say.

use crate::article::{
    Language,
    numbers::{Number, Numbers},
};
use std::collections::HashSet;

/// A number or a name that the document does not seem to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    Number(String),
    Name(String),
}

/// What a document says that a summary can be held to.
pub struct Facts {
    numbers: Numbers,
    /// In small letters, without accents.
    words: HashSet<String>,
    target: Language,
}

/// Shorter words with a capital are articles and initials.
const SHORTEST_NAME: usize = 4;
/// A name may be written otherwise in another language: Téhéran is Tehran.
const ALIKE: f64 = 0.6;

/// Words with a capital that are no names, in English.
const CALENDAR: [&str; 18] = [
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

impl Facts {
    /// Of a document in `source`, for a summary in `target`.
    pub fn of(text: &str, source: &Language, target: &Language) -> Self {
        Facts {
            numbers: Numbers::of(text, source.primary()),
            words: words(text).map(folded).collect(),
            target: target.clone(),
        }
    }

    /// What in a sentence of the summary the document does not seem to say.
    pub fn doubts(&self, sentence: &str) -> Vec<Doubt> {
        let numbers = Numbers::of(sentence, self.target.primary()).all.into_iter();
        let numbers = numbers.filter(|number| !self.has_number(number));
        let mut doubts: Vec<Doubt> = numbers
            .map(|number| Doubt::Number(sentence[number.span.clone()].to_owned()))
            .collect();
        // In German every noun has a capital.
        if self.target.primary() != "de" {
            let inside = words(sentence).skip(1);
            let names = inside.filter(|word| is_name(word) && !self.has_name(word));
            doubts.extend(names.map(|name| Doubt::Name(name.to_owned())));
        }
        doubts
    }

    fn has_number(&self, number: &Number) -> bool {
        !number.binding || self.numbers.say(number)
    }

    fn has_name(&self, name: &str) -> bool {
        let name = folded(name);
        CALENDAR.contains(&name.as_str())
            || self.words.contains(&name)
            || self
                .words
                .iter()
                .any(|word| strsim::normalized_levenshtein(word, &name) >= ALIKE)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
}

/// Whether a word inside a sentence looks like a name.
fn is_name(word: &str) -> bool {
    word.starts_with(char::is_uppercase)
        && word.chars().count() >= SHORTEST_NAME
        && word.is_ascii() | word.chars().any(char::is_lowercase)
}

fn folded(word: &str) -> String {
    use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
    word.nfd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .collect()
}
