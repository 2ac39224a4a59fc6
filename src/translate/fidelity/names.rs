//! Names: as the source writes them where the model scrambled them or lacked their letters, not dropped, and none
//! that the source lacks.
//!
//! - `shape`: what is a name, and what in a translation may stand for one
//! - `restore`: where a name belongs that was lost

mod restore;
mod shape;
#[cfg(test)]
mod test;

use super::{Check, Fault, Verdict};
use crate::translate::{
    WarningKind,
    alignment::{Source, Translation, words},
    prepare::{Lost, fold},
    route::LoadedHop,
};
use shape::Shapes;
use std::ops::Range;

pub struct Names;

/// Pieces from which on a name is rare: no word of the vocabulary, so spelled out, so at risk.
const RARE: usize = 3;
/// Share of letters that a scrambled name still has of the name.
const SIMILAR: f64 = 0.5;
/// Share of attention from which on a word was written for another.
const LOOKED_AT: f32 = 0.3;

impl Check for Names {
    fn kind(&self) -> WarningKind {
        WarningKind::Name
    }

    fn check(&self, hop: &LoadedHop, source: &Source, translation: &mut Translation) -> Verdict {
        let shapes = Shapes::of(source.text, hop);
        let mut repaired = false;
        let (mut lost, mut restored): (Vec<Range<usize>>, Vec<_>) = Default::default();
        for word in 0..shapes.words.len() {
            let span = &shapes.words[word];
            let protected = source.prepared.protected.iter();
            let mut protected = protected.map(|p| &p.span);
            if protected.any(|p| p.start < span.end && span.start < p.end) {
                continue;
            }
            match fate(&shapes, word, source, translation) {
                Fate::Kept => {}
                Fate::Scrambled(written) => {
                    translation.replace(written, &source.text[span.clone()]);
                    repaired = true;
                }
                Fate::Lost => {
                    let whole = shapes.whole_name(word);
                    if let Some(place) = restore::place(&shapes, &whole, source, translation) {
                        translation.replace(place, &source.text[whole.clone()]);
                        restored.push(whole);
                        repaired = true;
                    } else if lost.last() != Some(&whole) {
                        lost.push(whole);
                    }
                }
            }
        }
        // From the last on, so that the places of those before stay.
        for written in invented(&shapes, source, translation).into_iter().rev() {
            if let Some(name) = restore::original(&shapes, &written, source, translation) {
                translation.replace(written, &source.text[name.clone()]);
                restored.push(name);
                repaired = true;
            }
        }
        let invented = invented(&shapes, source, translation);
        let mut message = Vec::new();
        if !lost.is_empty() {
            let names: Vec<_> = lost.iter().map(|span| &source.text[span.clone()]).collect();
            message.push(format!("a name may be missing: {}", names.join(", ")));
        }
        if !invented.is_empty() {
            let names: Vec<_> = invented
                .iter()
                .map(|span| &translation.text[span.clone()])
                .collect();
            message.push(format!("a name is not in the source: {}", names.join(", ")));
        }
        match (message.is_empty(), repaired) {
            (true, false) => Verdict::Faithful,
            (true, true) => Verdict::Repaired,
            (false, _) => {
                // Another attempt could lose the restored ones again.
                let lost = lost.into_iter().chain(restored).map(|span| Lost {
                    span,
                    read_as: None,
                });
                Verdict::Unfaithful(Fault {
                    message: message.join("; "),
                    lost: lost.collect(),
                })
            }
        }
    }
}

/// What became of a word of the source.
enum Fate {
    /// It is there, or need not be.
    Kept,
    /// It was written here, with other letters.
    Scrambled(Range<usize>),
    Lost,
}

fn fate(shapes: &Shapes, word: usize, source: &Source, translation: &Translation) -> Fate {
    let span = &shapes.words[word];
    let name = &source.text[span.clone()];
    if !name.starts_with(char::is_uppercase) || name.chars().count() < 3 {
        return Fate::Kept;
    }
    let written_words = words(&translation.text);
    let written = |word: &Range<usize>| &translation.text[word.clone()];
    if written_words.iter().any(|word| written(word) == name) {
        return Fate::Kept;
    }
    let lacks_accents = |word: &&Range<usize>| lacks_only_accents(written(word), name, shapes.hop);
    if let Some(bare) = written_words.iter().find(lacks_accents) {
        return Fate::Scrambled(bare.clone());
    }
    let rare = shapes.is_rare(name) && !shapes.is_a_beginning(word);
    let is_surname = shapes.is_surname(word, &translation.text);
    if !rare && !is_surname && !shapes.is_name(word) {
        return Fate::Kept;
    }
    let tokens = source.tokens_in(span);
    let candidates = written_words
        .iter()
        .filter(|candidate| written(candidate).starts_with(char::is_uppercase))
        .filter(|candidate| !shapes.is_the_sentences_capital(&translation.text, candidate))
        .filter(|candidate| !shapes.has(written(candidate), word))
        .map(|word| (translation.attention(word, &tokens), word));
    let written_for_it = candidates
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(attention, _)| *attention > LOOKED_AT)
        .map(|(_, word)| word);
    let alike = |word: &Range<usize>| similarity(&folded(written(word)), &folded(name)) >= SIMILAR;
    if let Some(word) = written_for_it.filter(|word| alike(word)) {
        let rightly_other = has_own_form(name, shapes.hop.hop.source.primary())
            && !stands_in_a_name(source.text, span);
        let spelled_out = translation.piece_count(word) >= 2;
        let scrambled = rare || ends_alike(written(word), name);
        return if scrambled && spelled_out && !rightly_other {
            Fate::Scrambled(word.clone())
        } else {
            Fate::Kept
        };
    }
    if written_words.iter().any(alike) {
        return Fate::Kept;
    }
    match written_for_it {
        None => Fate::Lost,
        Some(_) if is_surname => Fate::Lost,
        Some(word) => {
            let made_up = shapes.is_made_up(written(word), translation.piece_count(word));
            if shapes.are_known && made_up {
                Fate::Lost
            } else {
                Fate::Kept
            }
        }
    }
}

/// Words of the translation that look like names, are in no vocabulary and like nothing in the source.
fn invented(shapes: &Shapes, source: &Source, translation: &Translation) -> Vec<Range<usize>> {
    if !shapes.are_known {
        return Vec::new();
    }
    let source_words: Vec<String> = shapes
        .words
        .iter()
        .map(|word| folded(&source.text[word.clone()]))
        .collect();
    let protected = source.prepared.protected.iter();
    let kept: Vec<&str> = protected
        .map(|protected| &source.text[protected.span.clone()])
        .collect();
    let is_invented = |word: &Range<usize>| {
        let written = &translation.text[word.clone()];
        let inside = translation.text[..word.start].contains(char::is_alphanumeric);
        inside
            && written.starts_with(char::is_uppercase)
            && shapes.is_made_up(written, translation.piece_count(word))
            && !kept.iter().any(|kept| kept.contains(written))
            && !source_words
                .iter()
                .any(|word| similarity(word, &folded(written)) >= SIMILAR)
    };
    words(&translation.text)
        .into_iter()
        .filter(is_invented)
        .collect()
}

/// French endings of peoples, countries and adjectives.
const FRENCH_ENDINGS: [&str; 12] = [
    "ien", "iens", "ienne", "iennes", "ais", "aise", "aises", "ain", "ains", "ois", "ie", "ique",
];

/// A name that is French, as Polynésie and Vénézuéliens are, looks scrambled in good English. One that ends on an accent
/// (Mbappé, Pelé) keeps it in English, too.
fn has_own_form(name: &str, source: &str) -> bool {
    source == "fr"
        && !name.ends_with('é')
        && (name.contains(|c| "éèêëàâîïôûùçÉÈÊÎÔ".contains(c))
            || FRENCH_ENDINGS.iter().any(|ending| name.ends_with(ending)))
}

/// A name that ends as it should and is spelled otherwise before is scrambled (Romanville); another language's form of it
/// differs in the ending (Barcelone, Barcelona), or it is a town on -burg.
fn ends_alike(written: &str, name: &str) -> bool {
    let ending =
        |word: &str| -> String { folded(word).to_lowercase().chars().rev().take(2).collect() };
    ending(written) == ending(name) && !name.ends_with("bourg")
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
    if word.is_ascii() {
        return word.to_owned(); // without a string for each letter
    }
    word.chars()
        .map(|c| fold(c).unwrap_or_else(|| c.to_string()))
        .collect()
}

/// 1 − edit distance / length of the longer word; case counts for nothing.
fn similarity(a: &str, b: &str) -> f64 {
    strsim::normalized_levenshtein(&a.to_lowercase(), &b.to_lowercase())
}
