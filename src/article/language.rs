//! Languages as BCP-47 tags, and which language a text is in.

mod codes;
mod identify;
#[cfg(test)]
mod test;
mod words;

pub use self::identify::{Detected, detect};

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A well-formed BCP-47 tag (RFC 5646) in canonical case: `fr`, `pt-BR`, `zh-Hant`, `sr-Latn-RS`.
///
/// Three-letter codes of languages that have a two-letter one are shortened, as the RFC asks: `fra` is `fr`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language(Cow<'static, str>);

/// Why a string is not a language tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LanguageError {
    /// There is no tag.
    #[error(
        "the language tag is empty: write a BCP-47 tag such as \"fr\", \"pt-BR\" or \"zh-Hant\""
    )]
    Empty,
    /// The tag breaks the grammar of RFC 5646.
    #[error(
        "\"{tag}\" is not a language tag: {problem}; write a BCP-47 tag such as \"fr\", \"pt-BR\" or \"zh-Hant\""
    )]
    Malformed {
        /// The tag as given, shortened if it is very long.
        tag: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Language {
    /// `nl`
    pub const DUTCH: Language = Language(Cow::Borrowed("nl"));
    /// `en`
    pub const ENGLISH: Language = Language(Cow::Borrowed("en"));
    /// `fr`
    pub const FRENCH: Language = Language(Cow::Borrowed("fr"));
    /// `de`
    pub const GERMAN: Language = Language(Cow::Borrowed("de"));
    /// `it`
    pub const ITALIAN: Language = Language(Cow::Borrowed("it"));
    /// `pl`
    pub const POLISH: Language = Language(Cow::Borrowed("pl"));
    /// `pt`
    pub const PORTUGUESE: Language = Language(Cow::Borrowed("pt"));
    /// `ru`
    pub const RUSSIAN: Language = Language(Cow::Borrowed("ru"));
    /// `es`
    pub const SPANISH: Language = Language(Cow::Borrowed("es"));
    /// `und`: a language that is not known.
    pub const UNDETERMINED: Language = Language(Cow::Borrowed("und"));
    /// `vi`
    pub const VIETNAMESE: Language = Language(Cow::Borrowed("vi"));

    /// Reads a tag in any case.
    ///
    /// # Errors
    /// [`LanguageError`] if the tag is not well-formed: subtags of wrong length or order, doubled variants, characters
    /// other than ASCII letters, digits and `-`.
    pub fn parse(tag: &str) -> Result<Language, LanguageError> {
        if tag.is_empty() {
            return Err(LanguageError::Empty);
        }
        canonical(tag)
            .map(|tag| Language(Cow::Owned(tag)))
            .map_err(|problem| LanguageError::Malformed {
                tag: tag.escape_debug().take(40).collect(),
                problem,
            })
    }

    /// The whole tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether something made for this language serves who asks for `wanted`: the same tag, or, where this names a
    /// language alone, any script, region or variant of it.
    pub fn serves(&self, wanted: &Language) -> bool {
        self == wanted || self.as_str() == self.primary() && self.primary() == wanted.primary()
    }

    /// Its codes of three letters; several where standards differ.
    pub fn three_letters(&self) -> impl Iterator<Item = &'static str> {
        codes::three_letters(self.primary())
    }

    /// Its name in English; the tag itself where that is not known.
    pub fn english_name(&self) -> String {
        let name = self.three_letters().find_map(identify::english_name);
        name.map_or_else(|| self.to_string(), str::to_owned)
    }

    /// The language subtag alone: `pt` of `pt-BR`.
    pub fn primary(&self) -> &str {
        self.0.split('-').next().unwrap_or(&self.0)
    }

    /// Whether the tag says that the language is not known: `und`, `und-Cyrl`.
    pub fn is_undetermined(&self) -> bool {
        self.primary() == "und"
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Language {
    type Err = LanguageError;

    fn from_str(tag: &str) -> Result<Language, LanguageError> {
        Language::parse(tag)
    }
}

/// The parts of a tag, in the order in which they may come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Language,
    /// The RFC allows three extended-language subtags.
    Extended(u8),
    Script,
    Region,
    Variant,
}

/// The tag in canonical case, or what is wrong with it.
fn canonical(tag: &str) -> Result<String, String> {
    if tag.contains('_') {
        return Err("its parts are joined by \"-\", not \"_\"".to_owned());
    }
    let mut subtags = tag.split('-');
    let first = subtags.next().unwrap_or_default().to_ascii_lowercase();
    if first == "x" {
        return private(first, subtags);
    }
    if !(2..=8).contains(&first.len()) || !first.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err("it must open with a language of two to eight letters".to_owned());
    }
    let mut written = codes::shortest(&first).to_owned();
    let mut last = Part::Language;
    let mut seen: Vec<String> = Vec::new();
    while let Some(subtag) = subtags.next() {
        if subtag.len() == 1 {
            return extensions(written, subtag, subtags);
        }
        let Some((part, subtag)) = part(subtag, last, first.len()) else {
            return Err(format!(
                "its part \"{}\" is malformed or out of place",
                shortened(subtag)
            ));
        };
        if part == Part::Variant && seen.contains(&subtag) {
            return Err(format!("its part \"{subtag}\" stands twice"));
        }
        written.push('-');
        written.push_str(&subtag);
        seen.push(subtag);
        last = part;
    }
    Ok(written)
}

/// Which part a subtag is after `last`, and its canonical case.
fn part(subtag: &str, last: Part, language: usize) -> Option<(Part, String)> {
    let alphabetic = subtag.bytes().all(|b| b.is_ascii_alphabetic());
    let numeric = subtag.bytes().all(|b| b.is_ascii_digit());
    let alphanumeric = subtag.bytes().all(|b| b.is_ascii_alphanumeric());
    let lower = subtag.to_ascii_lowercase();
    let extended = match last {
        Part::Language if language <= 3 => Some(1),
        Part::Extended(n) if n < 3 => Some(n + 1),
        _ => None,
    };
    match (subtag.len(), extended) {
        (3, Some(n)) if alphabetic => Some((Part::Extended(n), lower)),
        (4, _) if alphabetic && last < Part::Script => {
            let (initial, rest) = lower.split_at(1);
            Some((Part::Script, initial.to_ascii_uppercase() + rest))
        }
        (2, _) if alphabetic && last < Part::Region => {
            Some((Part::Region, subtag.to_ascii_uppercase()))
        }
        (3, _) if numeric && last < Part::Region => Some((Part::Region, lower)),
        (5..=8, _) if alphanumeric => Some((Part::Variant, lower)),
        (4, _) if alphanumeric && subtag.starts_with(|c: char| c.is_ascii_digit()) => {
            Some((Part::Variant, lower))
        }
        _ => None,
    }
}

/// `-u-co-phonebk`, `-x-internal`: a single character, then at least one subtag of its own.
fn extensions<'a>(
    mut written: String,
    first: &str,
    mut subtags: impl Iterator<Item = &'a str>,
) -> Result<String, String> {
    let mut singletons: Vec<String> = Vec::new();
    let mut singleton = first.to_ascii_lowercase();
    loop {
        if singleton == "x" {
            return private(written + "-x", subtags);
        }
        if !singleton.bytes().all(|b| b.is_ascii_alphanumeric()) || singletons.contains(&singleton)
        {
            return Err(format!(
                "its extension \"{singleton}\" is malformed or stands twice"
            ));
        }
        written.push('-');
        written.push_str(&singleton);
        singletons.push(singleton);
        let mut length = 0;
        let next = loop {
            match subtags.next() {
                Some(subtag) if subtag.len() == 1 => break Some(subtag.to_ascii_lowercase()),
                Some(subtag) => push_free(&mut written, subtag)?,
                None => break None,
            }
            length += 1;
        };
        match next {
            _ if length == 0 => return Err("it has an extension without a value".to_owned()),
            Some(next) => singleton = next,
            None => return Ok(written),
        }
    }
}

fn private<'a>(
    mut written: String,
    subtags: impl Iterator<Item = &'a str>,
) -> Result<String, String> {
    let before = written.len();
    for subtag in subtags {
        push_free(&mut written, subtag)?;
    }
    match written.len() > before {
        true => Ok(written),
        false => Err("\"x\" must be followed by a private part".to_owned()),
    }
}

/// Adds a subtag of an extension: one to eight letters and digits.
fn push_free(written: &mut String, subtag: &str) -> Result<(), String> {
    if !(1..=8).contains(&subtag.len()) || !subtag.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(format!("its part \"{}\" is malformed", shortened(subtag)));
    }
    written.push('-');
    written.push_str(&subtag.to_ascii_lowercase());
    Ok(())
}

fn shortened(subtag: &str) -> String {
    subtag.chars().take(12).collect()
}
