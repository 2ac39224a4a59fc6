//! `<unk>` never reaches a reader: a word that holds it is written as the source writes it.

#[cfg(test)]
mod test;

use super::{Check, Verdict};
use crate::translate::{
    WarningKind,
    alignment::{Source, Translation, UNKNOWN, words},
    route::LoadedHop,
};

pub struct Unknown;

impl Check for Unknown {
    fn kind(&self) -> WarningKind {
        WarningKind::Unknown
    }

    fn check(&self, _: &LoadedHop, source: &Source, translation: &mut Translation) -> Verdict {
        let mut verdict = Verdict::Faithful;
        while let Some(at) = translation.text.find(UNKNOWN) {
            let Some(word) = words(&translation.text)
                .into_iter()
                .find(|word| word.contains(&at))
            else {
                break;
            };
            let written = translation.text[word.clone()].to_owned();
            let fits = |candidate: &str| matches_around_unknown(&written, candidate);
            let candidate = words(source.text)
                .into_iter()
                .filter(|candidate| fits(&source.text[candidate.clone()]))
                .map(|candidate| {
                    (
                        translation.attention(&word, &source.tokens_in(&candidate)),
                        candidate,
                    )
                })
                .max_by(|a, b| a.0.total_cmp(&b.0));
            // A bare unknown fits every word: it must be looked at, and not be there already.
            let candidate = candidate.filter(|(attention, candidate)| {
                let bare = written.chars().all(|c| c == UNKNOWN);
                let word = &source.text[candidate.clone()];
                !bare
                    || *attention > 0.5
                        && !translation.text.contains(word)
                        && word.starts_with(char::is_uppercase)
            });
            match candidate {
                Some((_, candidate)) => {
                    translation.replace(word, &source.text[candidate]);
                    if verdict == Verdict::Faithful {
                        verdict = Verdict::Repaired;
                    }
                }
                None => {
                    let rest = written.replace(UNKNOWN, "");
                    let glued = rest.is_empty() && translation.text[..word.start].ends_with(' ');
                    translation.replace(word.start - usize::from(glued)..word.end, &rest);
                    verdict = Verdict::unfaithful("the model had no letters for a part of it");
                }
            }
        }
        verdict
    }
}

/// Whether `candidate` is `written` with letters in place of each unknown.
fn matches_around_unknown(written: &str, candidate: &str) -> bool {
    let mut parts = written.split(UNKNOWN);
    let Some(mut rest) = parts.next().and_then(|first| candidate.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        // The unknown itself is one letter or more.
        let Some(skipped) = rest
            .char_indices()
            .nth(1)
            .map(|(at, _)| at)
            .or((!rest.is_empty()).then_some(rest.len()))
        else {
            return false;
        };
        let last = parts.peek().is_none();
        let found = if last && rest[skipped..].ends_with(part) {
            Some(rest.len() - part.len())
        } else {
            rest[skipped..].find(part).map(|at| at + skipped)
        };
        match found {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}
