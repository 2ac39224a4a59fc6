//! Addresses, words in other scripts and signs: as they were, once, at their place.

use super::{Check, Fault, Verdict, numbers};
use crate::translate::{
    WarningKind,
    alignment::{Source, Translation, words},
    prepare::{Place, Reason},
    route::LoadedHop,
};
use std::ops::Range;

pub struct Protected;

impl Check for Protected {
    fn kind(&self) -> WarningKind {
        WarningKind::Protected
    }

    fn check(&self, hop: &LoadedHop, source: &Source, translation: &mut Translation) -> Verdict {
        let mut lost = Vec::new();
        // Where the next sign of the sentence's start goes: after those before it.
        let mut start = 0;
        for protected in &source.prepared.protected {
            let original = &match protected.reason {
                Reason::Lost => numbers::rewritten(&source.text[protected.span.clone()], hop),
                _ => source.text[protected.span.clone()].to_owned(),
            };
            let tokens = source.tokens_in(&protected.span);
            let put_back = match &protected.place {
                Place::Placeholder(word) => {
                    let mut places = occurrences(&translation.text, word);
                    if places.is_empty() {
                        places = mangled(&translation.text, word, source.text);
                    }
                    let attention = |place: &Range<usize>| translation.attention(place, &tokens);
                    let best = places
                        .iter()
                        .cloned()
                        .max_by(|a, b| attention(a).total_cmp(&attention(b)));
                    for place in places.into_iter().rev() {
                        if Some(&place) == best.as_ref() {
                            translation.replace(place, original);
                        } else {
                            let space = translation.text[..place.start].ends_with(' ');
                            translation.replace(place.start - usize::from(space)..place.end, "");
                        }
                    }
                    best.is_some()
                }
                // The model translates it; the other checks see how.
                Place::Read(_) => true,
                Place::Attention => {
                    if !put_beside_its_number(source.text, &protected.span, translation) {
                        translation.insert_where_attention_meets(original, tokens.start);
                    }
                    true
                }
                Place::Start => {
                    let gap = if source.text[protected.span.end..].starts_with(char::is_whitespace)
                    {
                        " "
                    } else {
                        ""
                    };
                    let sign = format!("{original}{gap}");
                    translation.replace(start..start, &sign);
                    start += sign.len();
                    true
                }
                Place::End => {
                    let gap = if source.text[..protected.span.start].ends_with(char::is_whitespace)
                    {
                        " "
                    } else {
                        ""
                    };
                    let end =
                        closing_punctuation(&source.text[protected.span.end..], &translation.text);
                    translation.replace(end..end, &format!("{gap}{original}"));
                    true
                }
            };
            if !put_back {
                lost.push(protected.span.clone());
                translation.insert_where_attention_meets(original, tokens.start);
            }
        }
        match &lost[..] {
            [] => Verdict::Faithful,
            spans => {
                let what: Vec<_> = spans
                    .iter()
                    .map(|span| &source.text[span.clone()])
                    .collect();
                Verdict::Unfaithful(Fault {
                    message: format!("put back where it may not belong: {}", what.join(", ")),
                    lost: vec![],
                })
            }
        }
    }
}

/// Where the model wrote the first letters of a placeholder, or more than it: words of the
/// translation that are no words of the source.
fn mangled(translation: &str, placeholder: &str, source: &str) -> Vec<Range<usize>> {
    let like = |word: &str| {
        word.len() >= 2 && (placeholder.starts_with(word) || word.starts_with(placeholder))
    };
    words(translation)
        .into_iter()
        .filter(|word| {
            like(&translation[word.clone()])
                && occurrences(source, &translation[word.clone()]).is_empty()
        })
        .collect()
}

/// Puts a sign that touches a number (`£3.50`, `10⁻³`) beside the same number of the translation.
fn put_beside_its_number(source: &str, sign: &Range<usize>, translation: &mut Translation) -> bool {
    let of_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
    let after = source[sign.end..].trim_start_matches(of_number).len();
    let after = source[sign.end..source.len() - after].trim_end_matches(['.', ',']);
    let before = source[..sign.start].trim_end_matches(of_number).len();
    let before = source[before..sign.start].trim_start_matches(['.', ',']);
    let original = &source[sign.clone()];
    if let Some(number) = occurrences(&translation.text, after)
        .into_iter()
        .next()
        .filter(|_| !after.is_empty())
    {
        translation.replace(number.start..number.start, original);
    } else if let Some(number) = occurrences(&translation.text, before)
        .into_iter()
        .next()
        .filter(|_| !before.is_empty())
    {
        translation.replace(number.end..number.end, original);
    } else {
        return false;
    }
    true
}

/// Where `word` stands as a word of its own.
fn occurrences(text: &str, word: &str) -> Vec<Range<usize>> {
    let part_of_word = |c: char| c.is_alphanumeric();
    text.match_indices(word)
        .map(|(start, _)| start..start + word.len())
        .filter(|place| {
            !text[..place.start].ends_with(part_of_word)
                && !text[place.end..].starts_with(part_of_word)
        })
        .collect()
}

/// Where the translation's closing punctuation starts, if the source has some after the sign.
fn closing_punctuation(source_rest: &str, translation: &str) -> usize {
    if source_rest.trim().is_empty() {
        return translation.len();
    }
    translation
        .trim_end_matches(|c: char| c.is_ascii_punctuation() || c.is_whitespace() || c == '…')
        .len()
}
