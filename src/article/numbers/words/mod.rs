//! Numbers in words: read as what they mean, so that a number in digits is excused by no other words than its own.

mod english;
mod french;
mod sum;

use super::{Form, Number, Value};
use std::ops::Range;

/// A word of a text, in small letters.
struct Word {
    span: Range<usize>,
    text: String,
}

/// A number that begins at a word.
struct Said {
    /// How many words it takes.
    words: usize,
    values: Vec<Value>,
    binding: bool,
    /// The power of ten of the word for a thousand or more that it ends on; 0 without.
    power: u32,
    ordinal: bool,
}

/// The numbers in words of a text, outside of what is `taken`; none where the language's words are not known.
pub fn find(text: &str, language: &str, taken: &[Range<usize>]) -> Option<Vec<Number>> {
    let said_at: fn(&Phrase) -> Option<Said> = match language {
        "en" => english::said_at,
        "fr" => french::said_at,
        _ => return None,
    };
    let words = words(text, taken);
    let mut numbers = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let phrase = Phrase {
            text,
            words: &words,
            at,
        };
        let Some(said) = said_at(&phrase) else {
            at += 1;
            continue;
        };
        let last = at + said.words - 1;
        numbers.push(Number {
            span: words[at].span.start..words[last].span.end,
            values: said.values,
            form: Form::Words {
                power: said.power,
                ordinal: said.ordinal,
            },
            binding: said.binding && !phrase.is_name(said.words),
        });
        at += said.words;
    }
    Some(numbers)
}

/// Words of a text from one of them on.
struct Phrase<'a> {
    text: &'a str,
    words: &'a [Word],
    at: usize,
}

impl<'a> Phrase<'a> {
    /// The word that comes `ahead` words later, if nothing but spaces or a hyphen stands before it.
    fn joined(&self, ahead: usize) -> Option<&'a str> {
        let at = self.at + ahead;
        let word = self.words.get(at)?;
        if ahead > 0 {
            let gap = &self.text[self.words[at - 1].span.end..word.span.start];
            let tight = matches!(gap, "-" | "\u{2010}" | "\u{2011}");
            let space = !gap.is_empty() && gap.chars().all(|c| c.is_whitespace() && c != '\n');
            if !tight && !space {
                return None;
            }
        }
        Some(&word.text)
    }

    /// Whether one of its first words has a capital as names have it (Trente, les Quatre-Vents): inside a
    /// sentence, before small letters.
    fn is_name(&self, words: usize) -> bool {
        self.words[self.at..self.at + words].iter().any(|word| {
            let before =
                self.text[..word.span.start].trim_end_matches([' ', '\u{a0}', '\u{202f}', '-']);
            let inside = before
                .ends_with(|c: char| c.is_alphanumeric() || matches!(c, ',' | '\u{2019}' | '\''));
            let mut letters = self.text[word.span.clone()].chars();
            let capital = letters.next().is_some_and(char::is_uppercase);
            inside && capital && letters.next().is_some_and(char::is_lowercase)
        })
    }

    /// The word before.
    fn before(&self) -> &'a str {
        self.at.checked_sub(1).map_or("", |at| &self.words[at].text)
    }

    /// What stands before the first word.
    fn text_before(&self) -> &'a str {
        &self.text[..self.words[self.at].span.start]
    }

    /// What stands after so many words.
    fn text_after(&self, words: usize) -> &'a str {
        &self.text[self.words[self.at + words - 1].span.end..]
    }
}

/// Runs of letters that touch no digit and nothing that is taken.
fn words(text: &str, taken: &[Range<usize>]) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut taken: Vec<&Range<usize>> = taken.iter().collect();
    taken.sort_by_key(|span| span.start);
    let mut next_taken = 0;
    let mut rest = 0;
    while let Some(start) = text[rest..].find(char::is_alphabetic).map(|at| rest + at) {
        let length = text[start..].find(|c: char| !c.is_alphabetic());
        let end = length.map_or(text.len(), |length| start + length);
        let digits = text[..start].ends_with(|c: char| c.is_ascii_digit())
            || text[end..].starts_with(|c: char| c.is_ascii_digit());
        while taken.get(next_taken).is_some_and(|span| span.end <= start) {
            next_taken += 1;
        }
        let is_taken = taken.get(next_taken).is_some_and(|span| span.start < end);
        if !digits && !is_taken {
            words.push(Word {
                span: start..end,
                text: text[start..end].to_lowercase(),
            });
        }
        rest = end;
    }
    words
}

impl Said {
    /// One word that may be said in other ways, too.
    fn loosely(values: &[u128]) -> Self {
        Said {
            words: 1,
            values: values.iter().copied().map(Value::whole).collect(),
            binding: false,
            power: 0,
            ordinal: false,
        }
    }
}

/// Roman numerals in capitals; a text in the other language need not have them.
pub fn roman_numerals(text: &str) -> Vec<Number> {
    let mut numerals = Vec::new();
    let mut rest = 0;
    while let Some(start) = text[rest..].find(char::is_alphanumeric).map(|at| rest + at) {
        let length = text[start..].find(|c: char| !c.is_alphanumeric());
        let end = length.map_or(text.len(), |length| start + length);
        if let Some(value) = roman_value(&text[start..end]) {
            numerals.push(Number {
                span: start..end,
                values: vec![Value::whole(value.into())],
                form: Form::Words {
                    power: 0,
                    ordinal: true,
                },
                binding: false,
            });
        }
        rest = end;
    }
    numerals
}

/// Of a Roman numeral in capitals, with the ending of an ordinal (`XIXe`, `Ier`) or without.
pub fn roman_value(word: &str) -> Option<u32> {
    let numeral = word.trim_end_matches(|c: char| c.is_lowercase());
    let ending = &word[numeral.len()..];
    // One letter of these is a French word's (Le, Ce, De, Me) before it is a number's.
    if numeral.is_empty()
        || matches!(numeral, "L" | "C" | "D" | "M")
        || numeral.len() == 1 && ending.is_empty()
        || !matches!(
            ending,
            "" | "e" | "er" | "re" | "ème" | "th" | "st" | "nd" | "rd"
        )
    {
        return None;
    }
    let letter = |c| {
        [
            ('I', 1),
            ('V', 5),
            ('X', 10),
            ('L', 50),
            ('C', 100),
            ('D', 500),
            ('M', 1000),
        ]
        .iter()
        .find(|(l, _)| *l == c)
    };
    let mut total: u32 = 0;
    let mut greatest = 0;
    for c in numeral.chars().rev() {
        let (_, value) = letter(c)?;
        if *value < greatest {
            total = total.checked_sub(*value)?;
        } else {
            total += value;
            greatest = *value;
        }
    }
    Some(total)
}
