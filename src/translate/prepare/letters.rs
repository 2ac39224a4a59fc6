//! Letters and signs that a vocabulary may lack, or reads as something else.

use crate::model::Tokenizer;
use std::ops::Range;
use unicode_normalization::UnicodeNormalization;

/// The most words of a label, such as `Température : 25 °C`.
const LONGEST_LABEL: usize = 3;

/// The capital of a label whose first word is common, by its place, and its small letter: with the capital the
/// vocabulary has the word only in pieces, and without a sentence around them the model guesses what they are.
pub fn needless_capital(source: &str, tokenizer: &Tokenizer) -> Option<(usize, String)> {
    let mut words = source
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty());
    let first = words.next()?;
    let at = source.find(first)?;
    let letter = first.chars().next().filter(|c| c.is_uppercase())?;
    let lower = first.to_lowercase();
    let is_label = words.count() < LONGEST_LABEL && !source.trim_end().ends_with(['!', '?']);
    let has = |word: &str| tokenizer.has_piece(&format!("▁{word}"));
    let common = has(&lower) && !has(first);
    let alone = !source[..at].contains(char::is_alphanumeric);
    (is_label && common && alone).then(|| (at, letter.to_lowercase().collect()))
}

/// Longest measure, variable or number whose square or cube is kept whole, in characters: a word with a footnote's sign
/// is longer.
const LONGEST_POWER: usize = 3;

/// `m²`, `km³`, `10²`: vocabularies read the sign as a digit.
pub fn powers(source: &str) -> Vec<Range<usize>> {
    let signs = source.match_indices(['²', '³']);
    let powers = signs.map(|(at, sign)| {
        let before = source[..at].chars().rev();
        let letters = before.take_while(|c| c.is_alphanumeric());
        let start = at - letters.map(char::len_utf8).sum::<usize>();
        start..at + sign.len()
    });
    let is_short = |power: &Range<usize>| {
        let length = source[power.clone()].chars().count() - 1;
        (1..=LONGEST_POWER).contains(&length)
    };
    powers.filter(is_short).collect()
}

/// Letters and digits of the Latin script.
pub fn is_latin(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '\u{aa}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}') && c.is_alphabetic()
}

/// General punctuation and the guillemets; an invisible joiner inside an emoji is none.
pub fn is_punctuation(c: char) -> bool {
    matches!(c, '«' | '»' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3000}'..='\u{3003}')
}

/// A Latin letter without what the vocabulary may lack: its accents, or its foreign shape.
pub fn fold(c: char) -> Option<String> {
    if c.is_ascii() || !is_latin(c) {
        return None;
    }
    let base: String = match c {
        'ø' => "o".into(),
        'Ø' => "O".into(),
        'ł' => "l".into(),
        'Ł' => "L".into(),
        'đ' | 'ð' => "d".into(),
        'Đ' | 'Ð' => "D".into(),
        'ı' => "i".into(),
        'ß' => "ss".into(),
        'þ' => "th".into(),
        'Þ' => "Th".into(),
        'æ' => "ae".into(),
        'Æ' => "Ae".into(),
        'œ' => "oe".into(),
        'Œ' => "Oe".into(),
        'ə' => "e".into(),
        _ => c
            .nfd()
            .filter(|c| !unicode_normalization::char::is_combining_mark(*c))
            .collect(),
    };
    (!base.is_empty() && !base.starts_with(c)).then_some(base)
}

/// A quotation mark or a dash as a typewriter has it.
pub fn plain_mark(c: char) -> Option<&'static str> {
    match c {
        '‘' | '’' | '‚' | '‛' | 'ʼ' | '′' => Some("'"),
        '“' | '”' | '„' | '‟' | '«' | '»' | '″' => Some("\""),
        '‐' | '‑' | '‒' | '–' | '−' => Some("-"),
        '—' | '―' => Some(" - "),
        '…' => Some("..."),
        _ => None,
    }
}
