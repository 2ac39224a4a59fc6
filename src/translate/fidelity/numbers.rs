//! Numbers: the same values in the source and in the translation, in digits or in words, however each language writes
//! them.

use super::{Check, Fault, Verdict};
use crate::{
    article::{
        Language,
        numbers::{Number, Numbers as Found, Writing, differences},
    },
    translate::{
        WarningKind,
        alignment::{Source, Translation},
        prepare::{Lost, Reason},
        route::LoadedHop,
    },
};
use std::ops::Range;

pub struct Numbers;

/// Share of attention from which on a number was written while looking at another.
const LOOKED_AT: f32 = 0.3;

impl Check for Numbers {
    fn kind(&self) -> WarningKind {
        WarningKind::Number
    }

    fn check(&self, hop: &LoadedHop, source: &Source, translation: &mut Translation) -> Verdict {
        let (from, to) = (hop.hop.source.primary(), hop.hop.target.primary());
        let mut ours = Found::of(source.text, from);
        let kept = || {
            let protected = source.prepared.protected.iter();
            protected.filter(|protected| protected.reason != Reason::Lost)
        };
        ours.all.retain(|number| {
            !kept().any(|p| p.span.start < number.span.end && number.span.start < p.span.end)
        });
        let stretches: Vec<&str> = kept().map(|p| &source.text[p.span.clone()]).collect();
        // Each repair changes the text, and with it what there is to compare.
        let mut repairs = 0;
        loop {
            let repaired = repairs > 0;
            let mut theirs = Found::of(&translation.text, to);
            theirs
                .all
                .retain(|number| !inside_any(&translation.text, &stretches, &number.span));
            let (missing, extra) = differences(&ours, &theirs);
            let Some((right, wrong)) = repairable(&missing, &extra, source, translation) else {
                return verdict(&missing, &extra, source, translation, hop, repaired);
            };
            let written = right.written(Writing::of(to));
            if repairs > ours.all.len() || translation.text[wrong.span.clone()] == written {
                return verdict(&missing, &extra, source, translation, hop, repaired);
            }
            let span = wrong.span.clone();
            translation.replace(span, &written);
            repairs += 1;
        }
    }
}

/// A number of the source and the wrong one that stands in its place: with the same digits and other separators; or the
/// only ones, if it was written while looking at the other.
fn repairable<'a>(
    missing: &[&'a Number],
    extra: &[&'a Number],
    source: &Source,
    translation: &Translation,
) -> Option<(&'a Number, &'a Number)> {
    let pairs = missing
        .iter()
        .flat_map(|right| extra.iter().map(move |wrong| (*right, *wrong)));
    let mut pairs = pairs.filter(|(right, wrong)| right.can_stand_for(wrong));
    if let Some(pair) = pairs
        .clone()
        .find(|(right, wrong)| right.has_the_digits_of(wrong))
    {
        return Some(pair);
    }
    let only = missing.len() == 1 && extra.len() == 1;
    pairs.next().filter(|(right, wrong)| {
        only && translation.attention(&wrong.span, &source.tokens_in(&right.span)) > LOOKED_AT
    })
}

fn verdict(
    missing: &[&Number],
    extra: &[&Number],
    source: &Source,
    translation: &Translation,
    hop: &LoadedHop,
    repaired: bool,
) -> Verdict {
    let message = told(missing, extra, source.text, &translation.text);
    match (message.is_empty(), repaired) {
        (true, false) => Verdict::Faithful,
        (true, true) => Verdict::Repaired,
        (false, _) => Verdict::Unfaithful(Fault {
            message,
            lost: missing
                .iter()
                .filter_map(|number| lost(number, hop))
                .collect(),
        }),
    }
}

/// What is missing and what is not in the source, in words; empty where nothing is.
fn told(missing: &[&Number], extra: &[&Number], source: &str, translation: &str) -> String {
    let list = |numbers: &[&Number], text: &str| {
        let numbers = numbers.iter().map(|n| &text[n.span.clone()]);
        numbers.collect::<Vec<_>>().join(", ")
    };
    let mut message = Vec::new();
    if !missing.is_empty() {
        let missing = list(missing, source);
        message.push(format!("a number may be missing: {missing}"));
    }
    if !extra.is_empty() {
        let extra = list(extra, translation);
        message.push(format!("a number is not in the source: {extra}"));
    }
    message.join("; ")
}

/// In words, where the numbers of two texts in these languages are not the same.
pub fn problem(
    source: &str,
    translation: &str,
    (from, to): (&Language, &Language),
) -> Option<String> {
    let ours = Found::of(source, from.primary());
    let theirs = Found::of(translation, to.primary());
    let (missing, extra) = differences(&ours, &theirs);
    let message = told(&missing, &extra, source, translation);
    (!message.is_empty()).then_some(message)
}

/// A number for another attempt: what is in words is shown in digits, which the model copies.
fn lost(number: &Number, hop: &LoadedHop) -> Option<Lost> {
    let digits = || {
        let writing = Writing::of(hop.hop.source.primary());
        let written = number.written(writing);
        match writing {
            Writing::Comma => written.replace('.', " "),
            Writing::Point => written,
        }
    };
    (!number.is_ordinal()).then(|| Lost {
        span: number.span.clone(),
        read_as: number.is_in_words().then(digits),
    })
}

/// A stretch of the source as the translation writes it: a number in the other writing, anything
/// else as it is.
pub fn rewritten(stretch: &str, hop: &LoadedHop) -> String {
    match &Found::of(stretch, hop.hop.source.primary()).all[..] {
        [number] if number.span == (0..stretch.len()) && !number.is_in_words() => {
            number.written(Writing::of(hop.hop.target.primary()))
        }
        _ => stretch.to_owned(),
    }
}

fn inside_any(text: &str, kept: &[&str], span: &Range<usize>) -> bool {
    kept.iter().any(|kept| {
        text.match_indices(kept)
            .any(|(at, _)| at <= span.start && span.end <= at + kept.len())
    })
}
