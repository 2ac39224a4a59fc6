//! What a word looks like: a name, a common word, or one that was made up.

use super::{RARE, folded, similarity};
use crate::{
    article::numbers::roman_value,
    translate::{alignment::words, route::LoadedHop},
};
use std::ops::Range;

/// The words of a sentence, and what the vocabularies know of them.
pub struct Shapes<'a> {
    text: &'a str,
    pub hop: &'a LoadedHop,
    pub words: Vec<Range<usize>>,
    /// Whether capitals tell names in both languages, and rules for it were measured.
    pub are_known: bool,
}

/// In lower case inside of names.
const PARTICLES: [&str; 12] = [
    "von", "van", "der", "den", "di", "da", "dos", "bin", "ben", "al", "el", "ibn",
];

/// The shortest name that is looked for by its shape.
const SHORTEST: usize = 4;

/// A word that is as like one of the source is that word in the other language: César and Caesar.
const RELATED: f64 = 0.6;

/// Words of English institutions that small vocabularies spell out, in small letters, too.
const COMMON: [&str; 3] = ["Judiciary", "Prosecutor", "Ombudsman"];

/// Words that begin sentences and are no names, though French vocabularies spell them out.
const BEGINNINGS: [&str; 5] = ["Aujourd", "Voilà", "Voici", "Quid", "Hormis"];
/// Endings of the participles and adverbs that do.
const PARTICIPLES: [&str; 6] = ["ant", "é", "ée", "és", "ées", "ment"];

impl<'a> Shapes<'a> {
    pub fn of(text: &'a str, hop: &'a LoadedHop) -> Self {
        let (source, target) = (hop.hop.source.primary(), hop.hop.target.primary());
        Shapes {
            text,
            hop,
            words: words(text),
            // English has capitals for days and peoples, German for every noun.
            are_known: source == "fr" && target != "de",
        }
    }

    fn word(&self, at: usize) -> &'a str {
        &self.text[self.words[at].clone()]
    }

    /// A word that the model spells out, in lower case, too: a common word at the start of a sentence
    /// is in the vocabulary.
    pub fn is_rare(&self, name: &str) -> bool {
        let pieces = |word: &str| self.hop.model.source().encode(word).len();
        pieces(name) >= RARE && pieces(&name.to_lowercase()) >= RARE
    }

    /// Whether it is more likely the first word of a French sentence than a name.
    pub fn is_a_beginning(&self, at: usize) -> bool {
        let word = self.word(at);
        let participle = PARTICIPLES.iter().any(|ending| word.ends_with(ending));
        self.are_known
            && self.begins_a_sentence(at)
            && !self.goes_on_as_a_name(at)
            && (BEGINNINGS.contains(&word) || participle)
    }

    /// Whether the source's vocabulary has it in small letters.
    fn is_common(&self, word: &str) -> bool {
        let lower = word.to_lowercase();
        self.hop.model.source().has_piece(&format!("▁{lower}"))
    }

    /// Whether a capitalised word is no common one: where its capital is not the sentence's, or it begins a longer name.
    pub fn is_name(&self, at: usize) -> bool {
        let word = self.word(at);
        self.are_known
            && is_capitalised(word)
            && word.chars().count() >= SHORTEST
            && roman_value(word).is_none()
            && !self.is_common(word)
            && (!self.begins_a_sentence(at) || self.goes_on_as_a_name(at))
    }

    /// Whether a word, though it may be common, follows a name that the translation has: `Élisabeth Borne`.
    pub fn is_surname(&self, at: usize, translation: &str) -> bool {
        let Some(before) = at.checked_sub(1).filter(|_| self.are_known) else {
            return false;
        };
        let first = self.word(before);
        self.gap(before) == " "
            && is_capitalised(first)
            && is_capitalised(self.word(at))
            && first.chars().count() >= SHORTEST
            && !self.is_common(first)
            && translation.contains(first)
    }

    /// The whole name that a word is a part of.
    pub fn whole_name(&self, at: usize) -> Range<usize> {
        let (mut first, mut last) = (at, at);
        while self.are_known
            && let Some(before) = first.checked_sub(1)
            && matches!(self.gap(before), " " | "-")
        {
            let word = self.word(before);
            let particle = PARTICLES.contains(&word);
            if !particle && (!is_capitalised(word) || self.is_common(word)) {
                break;
            }
            first = before;
        }
        while self.are_known && last + 1 < self.words.len() && matches!(self.gap(last), " " | "-") {
            let word = self.word(last + 1);
            if !PARTICLES.contains(&word) && !is_capitalised(word) {
                break;
            }
            last += 1;
        }
        // A particle ends no name and begins none.
        while last > at && !is_capitalised(self.word(last)) {
            last -= 1;
        }
        while first < at && !is_capitalised(self.word(first)) {
            first += 1;
        }
        self.words[first].start..self.words[last].end
    }

    /// Whether a word of the translation is one of the source, or the relative of one of its names other than the word
    /// `but`.
    pub fn has(&self, written: &str, but: usize) -> bool {
        let folded_written = folded(written);
        (0..self.words.len()).any(|at| {
            let word = self.word(at);
            word.eq_ignore_ascii_case(written)
                || self.are_known
                    && at != but
                    && is_capitalised(word)
                    && word.chars().count() >= SHORTEST
                    && self.text[..self.words[at].start].contains(char::is_alphanumeric)
                    && similarity(&folded(word), &folded_written) > RELATED
        })
    }

    /// Whether a word of the translation is spelled out, in small letters, too: no word that the model knows.
    pub fn is_made_up(&self, written: &str, pieces: usize) -> bool {
        let target = self.hop.model.target();
        let initials = written.trim_end_matches('s').chars();
        pieces >= RARE
            && written.chars().count() >= SHORTEST
            && is_capitalised(written)
            && !COMMON.contains(&written)
            && !initials.clone().all(char::is_uppercase)
            && !target.has_piece(&format!("▁{written}"))
            && target.encode(&written.to_lowercase()).len() >= RARE
    }

    /// Whether a word of the translation is a common one, whose capital is its place's at the beginning.
    pub fn is_the_sentences_capital(&self, translation: &str, word: &Range<usize>) -> bool {
        let lower = translation[word.clone()].to_lowercase();
        self.are_known
            && !translation[..word.start].contains(char::is_alphanumeric)
            && self.hop.model.target().has_piece(&format!("▁{lower}"))
    }

    fn begins_a_sentence(&self, at: usize) -> bool {
        let before = self.text[..self.words[at].start].trim_end();
        let opens = |c: char| ".!?…:;«\"“([–—-•*".contains(c);
        !before.contains(char::is_alphanumeric) || before.ends_with(opens)
    }

    fn goes_on_as_a_name(&self, at: usize) -> bool {
        let next = at + 1;
        next < self.words.len()
            && self.gap(at) == " "
            && (is_capitalised(self.word(next)) || PARTICLES.contains(&self.word(next)))
    }

    /// What stands between a word and the next.
    fn gap(&self, at: usize) -> &'a str {
        self.words
            .get(at + 1)
            .map_or("", |next| &self.text[self.words[at].end..next.start])
    }
}

/// A capital, and small letters.
fn is_capitalised(word: &str) -> bool {
    word.starts_with(char::is_uppercase) && word.contains(char::is_lowercase)
}
