//! Names: as the source writes them where the model scrambled them or lacked their letters, and
//! not dropped.

#[cfg(test)]
mod test;

use super::{Check, Fault, Verdict};
use crate::{
    model::Translator,
    translate::{
        WarningKind,
        alignment::{Source, Translation, words},
        prepare::fold,
        route::LoadedHop,
    },
};
use std::ops::Range;

pub struct Names;

/// Pieces from which on a name is rare: no word of the vocabulary, so spelled out, so at risk.
const RARE: usize = 3;
/// Share of letters that a scrambled name still has of the name.
const SIMILAR: f64 = 0.5;

impl Check for Names {
    fn kind(&self) -> WarningKind {
        WarningKind::Name
    }

    fn check(&self, hop: &LoadedHop, source: &Source, translation: &mut Translation) -> Verdict {
        let mut verdict = Verdict::Faithful;
        let mut lost = Vec::new();
        let source_words = words(source.text);
        for span in &source_words {
            let name = &source.text[span.clone()];
            let protected = source
                .prepared
                .protected
                .iter()
                .any(|p| p.span.start < span.end && span.start < p.span.end);
            if protected || !name.starts_with(char::is_uppercase) || name.chars().count() < 3 {
                continue;
            }
            let target_words = words(&translation.text);
            if target_words
                .iter()
                .any(|word| &translation.text[word.clone()] == name)
            {
                continue;
            }
            if let Some(bare) = target_words
                .iter()
                .find(|word| lacks_only_accents(&translation.text[(*word).clone()], name, hop))
            {
                translation.replace(bare.clone(), name);
                verdict = Verdict::Repaired;
                continue;
            }
            if !is_rare(&hop.model, name) {
                continue;
            }
            let tokens = source.tokens_in(span);
            let known = |word: &str| {
                source_words
                    .iter()
                    .any(|other| source.text[other.clone()].eq_ignore_ascii_case(word))
            };
            let scrambled = target_words
                .iter()
                .filter(|word| {
                    let written = &translation.text[(*word).clone()];
                    written.starts_with(char::is_uppercase) && !known(written)
                })
                .map(|word| (translation.attention(word, &tokens), word.clone()))
                .max_by(|a, b| a.0.total_cmp(&b.0));
            match scrambled {
                Some((attention, word)) if attention > 0.3 => {
                    let written = &translation.text[word.clone()];
                    let alike = similarity(&folded(written), &folded(name));
                    let rightly_other = has_own_form(name, hop.hop.source.primary())
                        && !stands_in_a_name(source.text, span);
                    if alike >= SIMILAR && !rightly_other && translation.piece_count(&word) >= 2 {
                        translation.replace(word, name);
                        verdict = Verdict::Repaired;
                    }
                }
                _ => lost.push(span.clone()),
            }
        }
        if lost.is_empty() {
            return verdict;
        }
        let names: Vec<_> = lost.iter().map(|span| &source.text[span.clone()]).collect();
        Verdict::Unfaithful(Fault {
            message: format!("a name may be missing: {}", names.join(", ")),
            lost,
        })
    }
}

/// A word that the model spells out, in lower case, too: a common word at the start of a sentence
/// is in the vocabulary.
fn is_rare(model: &Translator, name: &str) -> bool {
    let pieces = |word: &str| model.source().encode(word).len();
    pieces(name) >= RARE && pieces(&name.to_lowercase()) >= RARE
}

/// French endings of peoples, countries and adjectives.
const FRENCH_ENDINGS: [&str; 12] = [
    "ien", "iens", "ienne", "iennes", "ais", "aise", "aises", "ain", "ains", "ois", "ie", "ique",
];

/// A name that is French, as Polynésie and Vénézuéliens are, looks scrambled in good English.
fn has_own_form(name: &str, source: &str) -> bool {
    source == "fr"
        && (name.contains(|c| "éèêëàâîïôûùçÉÈÊÎÔ".contains(c))
            || FRENCH_ENDINGS.iter().any(|ending| name.ends_with(ending)))
}

/// Whether another capitalised word stands beside it, as in a person's name.
fn stands_in_a_name(text: &str, span: &Range<usize>) -> bool {
    let before = text[..span.start]
        .trim_end()
        .rsplit(' ')
        .next()
        .unwrap_or("");
    let after = text[span.end..].strip_prefix(' ').unwrap_or("");
    let inside = before.len() < text[..span.start].trim_end().len();
    inside && before.starts_with(char::is_uppercase) || after.starts_with(char::is_uppercase)
}

/// Countries whose English name is the French one without its accent.
const ENGLISH_WITHOUT_ACCENT: [&str; 2] = ["Haïti", "Israël"];

/// Whether `written` is `name` but for letters that the target's vocabulary lacks.
fn lacks_only_accents(written: &str, name: &str, hop: &LoadedHop) -> bool {
    let mut lacking = false;
    let expected: String = name
        .chars()
        .map(|c| match fold(c) {
            Some(base) if !hop.model.target().reads(c.encode_utf8(&mut [0; 4])) => {
                lacking = true;
                base
            }
            _ => c.to_string(),
        })
        .collect();
    lacking
        && !(hop.hop.target.primary() == "en" && ENGLISH_WITHOUT_ACCENT.contains(&name))
        && (written == expected || written == folded(name))
}

fn folded(word: &str) -> String {
    word.chars()
        .map(|c| fold(c).unwrap_or_else(|| c.to_string()))
        .collect()
}

/// 1 − edit distance / length of the longer word; case counts for nothing.
fn similarity(a: &str, b: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (
        a.to_lowercase().chars().collect(),
        b.to_lowercase().chars().collect(),
    );
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    1.0 - row[b.len()] as f64 / a.len().max(b.len()).max(1) as f64
}
