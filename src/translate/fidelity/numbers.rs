//! Numbers: the same values in the source and in the translation, however each language writes
//! them.

#[cfg(test)]
mod test;
mod words;

use super::{Check, Fault, Verdict};
use crate::{
    model::Student,
    translate::{
        WarningKind,
        alignment::{Source, Translation},
        prepare::Reason,
    },
};
use std::ops::Range;
use words::said_in_words;

pub struct Numbers;

impl Check for Numbers {
    fn kind(&self) -> WarningKind {
        WarningKind::Number
    }

    fn check(&self, model: &Student, source: &Source, translation: &mut Translation) -> Verdict {
        let (from, to) = (&model.config.source_lang, &model.config.target_lang);
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
pub fn rewritten(stretch: &str, model: &Student) -> String {
    match &numbers(stretch, Writing::of(&model.config.source_lang))[..] {
        [number] if number.span == (0..stretch.len()) => {
            number.written(Writing::of(&model.config.target_lang))
        }
        _ => stretch.to_owned(),
    }
}

/// How a language writes numbers.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Writing {
    /// Thousands by spaces or full stops, a decimal comma, hours as `14 h 30`.
    Comma,
    /// Thousands by commas or spaces, a decimal point, hours as `14:30` or `2.30 p.m.`
    Point,
}

impl Writing {
    fn of(language: &str) -> Self {
        match language {
            "en" | "ga" | "he" | "hi" | "ja" | "ko" | "ms" | "ta" | "th" | "zh" => Writing::Point,
            _ => Writing::Comma,
        }
    }
}

#[derive(Debug, PartialEq)]
struct Number {
    span: Range<usize>,
    /// Without separators of any kind, so that 1,5 is 1.5 and 14 h 30 is 14:30.
    digits: String,
    /// How many of the digits stand before the decimal mark, or before the minutes.
    whole: usize,
    /// Whether the thousands stand apart.
    grouped: bool,
    /// Hours with or without minutes, told by an `h`.
    is_time: bool,
    /// Followed by a word such as million.
    is_scaled: bool,
}

impl Number {
    fn written(&self, writing: Writing) -> String {
        let (group, decimal) = match writing {
            Writing::Comma => ('.', ','),
            Writing::Point => (',', '.'),
        };
        let (whole, fraction) = self.digits.split_at(self.whole);
        let mut out = String::new();
        for (i, digit) in whole.chars().enumerate() {
            if self.grouped && i > 0 && (whole.len() - i) % 3 == 0 {
                out.push(group);
            }
            out.push(digit);
        }
        if !fraction.is_empty() {
            out.push(if self.is_time { ':' } else { decimal });
            out.push_str(fraction);
        }
        out
    }
}

/// The numbers of a text, their groups joined.
fn numbers(text: &str, writing: Writing) -> Vec<Number> {
    let mut numbers: Vec<Number> = Vec::new();
    let mut rest = 0;
    while let Some(start) = text[rest..]
        .find(|c: char| c.is_ascii_digit())
        .map(|at| rest + at)
    {
        let first = run_end(text, start) - start;
        let mut end = start + first;
        let mut digits = text[start..end].to_owned();
        // Groups of three, as long as the first has at most three.
        while first <= 3
            && let Some(next) = after_separator(text, end, |c| separates_thousands(writing, c))
            && run_end(text, next) - next == 3
        {
            digits.push_str(&text[next..next + 3]);
            end = next + 3;
        }
        let (whole, grouped) = (digits.len(), digits.len() > first);
        let minutes = after_hour(text, end).filter(|_| writing == Writing::Comma);
        let decimals = after_separator(text, end, |c| separates_decimals(writing, c));
        if let Some(next) = decimals.or(minutes) {
            let fraction_end = run_end(text, next);
            digits.push_str(&text[next..fraction_end]);
            end = fraction_end;
        }
        let is_time = writing == Writing::Comma
            && decimals.is_none()
            && (minutes.is_some() || is_hour(&text[end..]));
        numbers.push(Number {
            span: start..end,
            digits,
            whole,
            grouped,
            is_time,
            is_scaled: is_scale(&text[end..]),
        });
        rest = end;
    }
    numbers
}

fn run_end(text: &str, start: usize) -> usize {
    text[start..]
        .find(|c: char| !c.is_ascii_digit())
        .map_or(text.len(), |at| start + at)
}

fn separates_thousands(writing: Writing, c: char) -> bool {
    let mark = match writing {
        Writing::Comma => '.',
        Writing::Point => ',',
    };
    c == mark || c.is_whitespace() && c != '\n'
}

fn separates_decimals(writing: Writing, c: char) -> bool {
    matches!(c, '.' | ':') || writing == Writing::Comma && c == ','
}

/// Start of the digits right after one of the separators at `at`.
fn after_separator(text: &str, at: usize, separates: impl Fn(char) -> bool) -> Option<usize> {
    let separator = text[at..].chars().next().filter(|c| separates(*c))?;
    let next = at + separator.len_utf8();
    text[next..]
        .starts_with(|c: char| c.is_ascii_digit())
        .then_some(next)
}

/// Beginnings of the words for a thousand and more, in the languages of Europe.
const SCALES: [&str; 7] = ["thousand", "mil", "mld", "bil", "bn", "trill", "hundred"];

/// Whether a word such as million follows.
fn is_scale(rest: &str) -> bool {
    let rest = rest.trim_start().to_lowercase();
    SCALES.iter().any(|scale| rest.starts_with(scale))
}

/// Whether what follows a number makes it an hour: `14 h`, `14 heures`.
fn is_hour(rest: &str) -> bool {
    let rest = rest.trim_start();
    let word = rest
        .split(|c: char| !c.is_alphabetic())
        .next()
        .unwrap_or("");
    matches!(word, "h" | "heure" | "heures")
}

/// Start of the minutes in `14 h 30`, `14h30`.
fn after_hour(text: &str, at: usize) -> Option<usize> {
    let rest = text[at..].trim_start();
    let minutes = rest.strip_prefix('h')?.trim_start();
    minutes
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| text.len() - minutes.len())
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

/// Equal but for leading zeros, for what a scale word holds (1 200 milliards is 1.2 trillion), for
/// twelve hours (14 h 30 is 2:30), or for the century (les années 60 are the 1960s).
fn says_the_same(french: &Number, english: &Number) -> bool {
    let (a, b) = (
        french.digits.trim_start_matches('0'),
        english.digits.trim_start_matches('0'),
    );
    let scaled = (french.is_scaled || english.is_scaled)
        && a.trim_end_matches('0') == b.trim_end_matches('0');
    let century = a.len() == 2 && matches!(b.strip_suffix(a), Some("18" | "19" | "20"));
    let minutes = |digits: &str| match digits.len() {
        1 | 2 => digits.parse::<u32>().ok().map(|hours| hours * 100),
        3 | 4 => digits.parse::<u32>().ok(),
        _ => None,
    };
    let half_a_day =
        french.is_time && matches!((minutes(a), minutes(b)), (Some(a), Some(b)) if a == b + 1200);
    a == b || scaled || century || half_a_day
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
