//! Numbers: the same values in the source and in the translation, however each language writes
//! them.

#[cfg(test)]
mod test;

use super::{Check, Fault, Verdict};
use crate::article::numbers::{Number, Writing, numbers, said_in_words, says_the_same};
use crate::translate::{
    WarningKind,
    alignment::{Source, Translation},
    prepare::Reason,
    route::LoadedHop,
};
use std::ops::Range;

pub struct Numbers;

impl Check for Numbers {
    fn kind(&self) -> WarningKind {
        WarningKind::Number
    }

    fn check(&self, hop: &LoadedHop, source: &Source, translation: &mut Translation) -> Verdict {
        let (from, to) = (hop.hop.source.primary(), hop.hop.target.primary());
        let protected = |number: &Number| {
            source.prepared.protected.iter().any(|p| {
                p.reason != Reason::Lost
                    && p.span.start < number.span.end
                    && number.span.start < p.span.end
            })
        };
        let ours: Vec<Number> = numbers(source.text, Writing::of(from))
            .into_iter()
            .filter(|n| !protected(n))
            .collect();
        let kept: Vec<&str> = source
            .prepared
            .protected
            .iter()
            .filter(|p| p.reason != Reason::Lost)
            .map(|p| &source.text[p.span.clone()])
            .collect();
        let theirs: Vec<Number> = numbers(&translation.text, Writing::of(to))
            .into_iter()
            .filter(|number| !inside_any(&translation.text, &kept, &number.span))
            .collect();
        let (missing, extra) = differences(&ours, &theirs);
        let missing: Vec<_> = missing
            .into_iter()
            .filter(|n| !said_in_words(&n.digits, &translation.text, to))
            .collect();
        let extra: Vec<_> = extra
            .into_iter()
            .filter(|n| !said_in_words(&n.digits, source.text, from))
            .collect();
        match (&missing[..], &extra[..]) {
            ([], []) => Verdict::Faithful,
            ([number], [wrong]) if looks_at(translation, source, wrong, number) => {
                translation.replace(wrong.span.clone(), &number.written(Writing::of(to)));
                Verdict::Repaired
            }
            _ => {
                let list = |numbers: &[&Number], text: &str| {
                    numbers
                        .iter()
                        .map(|n| &text[n.span.clone()])
                        .collect::<Vec<_>>()
                        .join(", ")
                };
                let mut message = Vec::new();
                if !missing.is_empty() {
                    message.push(format!(
                        "a number may be missing: {}",
                        list(&missing, source.text)
                    ));
                }
                if !extra.is_empty() {
                    message.push(format!(
                        "a number is not in the source: {}",
                        list(&extra, &translation.text)
                    ));
                }
                let lost = missing.iter().map(|n| n.span.clone()).collect();
                Verdict::Unfaithful(Fault {
                    message: message.join("; "),
                    lost,
                })
            }
        }
    }
}

/// A stretch of the source as the translation writes it: a number in the other writing, anything
/// else as it is.
pub fn rewritten(stretch: &str, hop: &LoadedHop) -> String {
    match &numbers(stretch, Writing::of(hop.hop.source.primary()))[..] {
        [number] if number.span == (0..stretch.len()) => {
            number.written(Writing::of(hop.hop.target.primary()))
        }
        _ => stretch.to_owned(),
    }
}

/// Those of `ours` without an equal in `theirs`, and the other way round. Each is matched once:
/// with the same number if there is one, else with one that may say the same.
fn differences<'a>(ours: &'a [Number], theirs: &'a [Number]) -> (Vec<&'a Number>, Vec<&'a Number>) {
    let mut extra: Vec<&Number> = theirs.iter().collect();
    let mut missing: Vec<&Number> = ours.iter().collect();
    let exactly = |a: &Number, b: &Number| a.digits == b.digits;
    for same in [exactly, says_the_same] {
        missing.retain(
            |number| match extra.iter().position(|other| same(number, other)) {
                Some(at) => {
                    extra.remove(at);
                    false
                }
                None => true,
            },
        );
    }
    (missing, extra)
}

fn inside_any(text: &str, kept: &[&str], span: &Range<usize>) -> bool {
    kept.iter().any(|kept| {
        text.match_indices(kept)
            .any(|(at, _)| at <= span.start && span.end <= at + kept.len())
    })
}

/// The wrong number was written while looking at the right one.
fn looks_at(translation: &Translation, source: &Source, wrong: &Number, right: &Number) -> bool {
    translation.attention(&wrong.span, &source.tokens_in(&right.span)) > 0.3
}
