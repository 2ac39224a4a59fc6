//! Numbers in digits.

use super::{Digits, Form, Number, Scale, Value, Writing, scale};
use std::ops::Range;

/// A number in digits, and what it takes of the text.
pub struct Found {
    pub number: Number,
    /// With the words that scale it.
    pub with_scale: Range<usize>,
}

/// The numbers of a text, their groups joined.
pub fn find(text: &str, language: &str) -> Vec<Found> {
    let writing = Writing::of(language);
    let mut found: Vec<Found> = Vec::new();
    let mut rest = 0;
    while let Some(start) = text[rest..]
        .find(|c: char| c.is_ascii_digit())
        .map(|at| rest + at)
    {
        let first = run_end(text, start) - start;
        if is_power_of_a_unit(&text[..start], first) {
            rest = start + first;
            continue;
        }
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
        let colon = after_separator(text, end, |c| c == ':');
        let minutes = colon.or_else(|| after_hour(text, end));
        let decimals = after_separator(text, end, |c| separates_decimals(writing, c));
        if let Some(next) = decimals.or(minutes) {
            let fraction_end = run_end(text, next);
            digits.push_str(&text[next..fraction_end]);
            end = fraction_end;
        }
        let scale = scale::after_digits(&text[end..], language);
        let form = Digits {
            whole,
            grouped,
            minutes: decimals.is_none() && minutes.is_some(),
            scale: scale.scale,
            digits,
        };
        let values = values(&form, scale.certain, &text[end..]);
        let with_scale = start..end + scale.length;
        found.push(Found {
            number: Number {
                span: start..end,
                values,
                form: Form::Digits(form),
                binding: !is_round_the_clock(&text[..start], &text[start..end]),
            },
            with_scale,
        });
        rest = end;
    }
    found
}

/// What a number may mean before `rest`, the likeliest first.
fn values(form: &Digits, scale_is_certain: bool, rest: &str) -> Vec<Value> {
    let fraction = form.digits.len() - form.whole;
    let (before, behind) = form.digits.split_at(form.whole);
    let pair = match (before.parse(), behind.parse()) {
        (Ok(before), Ok(behind)) => Some(Value::Pair(before, behind)),
        _ => None,
    };
    let mut values = Vec::new();
    if form.minutes {
        let Some(Value::Pair(hours, minutes)) = pair else {
            return vec![Value::decimal(&form.digits, 0)];
        };
        for hours in [hours].into_iter().chain(other_clock(hours)) {
            values.push(Value::Pair(hours, minutes));
            if minutes == 0 {
                values.push(Value::whole(hours.into()));
            }
        }
        return values;
    }
    let bare = Value::decimal(&form.digits, fraction);
    let power = match form.scale {
        Scale::Known(power) => power,
        Scale::Unknown => 0,
    };
    if fraction == 0
        && power > 0
        && let Some(whole) = bare.as_whole()
        && ["et demi", "and a half"]
            .iter()
            .any(|half| after_words(rest, 1).starts_with(half))
    {
        values.push(Value::and_a_half(whole).scaled(power));
    }
    values.push(bare.clone().scaled(power));
    if !scale_is_certain {
        values.push(bare.clone());
    }
    if fraction == 2 {
        values.extend(pair); // 2.30 p.m.
    }
    if fraction == 0 && power == 0 {
        let hours = bare.as_whole().and_then(|hours| u32::try_from(hours).ok());
        if let Some(hours) = hours.filter(|_| is_hour(rest)) {
            values.extend(other_clock(hours).map(|hours| Value::whole(hours.into())));
        }
        if let Some(whole) = bare.as_whole().filter(|_| is_and_a_half(rest)) {
            values.push(Value::and_a_half(whole));
        }
    }
    values
}

/// Whether a number is the second of `24 heures sur 24`, `7 jours sur 7`, `24h/24`.
fn is_round_the_clock(before: &str, digits: &str) -> bool {
    let before = before.trim_end();
    let before = before.strip_suffix("sur").or(before.strip_suffix('/'));
    let before = before
        .map(|before| before.trim_end_matches(|c: char| c.is_alphabetic() || c.is_whitespace()));
    matches!(digits, "24" | "7") && before.is_some_and(|before| before.ends_with(digits))
}

/// The hour on a dial of twelve hours, or of 24.
pub fn other_clock(hours: u32) -> Option<u32> {
    match hours {
        0 => Some(12),
        1..=12 => None,
        13..=24 => Some(hours - 12),
        _ => None,
    }
}

/// Whether a half follows, with one word between at the most: `3 ans et demi`.
pub fn is_and_a_half(rest: &str) -> bool {
    ["et demi", "and a half"].iter().any(|half| {
        after_words(rest, 0).starts_with(half) || after_words(rest, 1).starts_with(half)
    })
}

/// The text after so many words.
fn after_words(rest: &str, words: usize) -> &str {
    let mut rest = rest.trim_start();
    for _ in 0..words {
        rest = rest
            .trim_start_matches(|c: char| c.is_alphabetic())
            .trim_start();
    }
    rest
}

/// Whether one digit is the square or the cube of a measure: `km2`.
fn is_power_of_a_unit(before: &str, length: usize) -> bool {
    let unit = before.rsplit(|c: char| !c.is_alphabetic()).next();
    length == 1 && matches!(unit, Some("m" | "km" | "cm" | "mm" | "dm" | "ft" | "mi"))
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
    c == '.' || writing == Writing::Comma && c == ','
}

/// Start of the digits right after one of the separators at `at`.
fn after_separator(text: &str, at: usize, separates: impl Fn(char) -> bool) -> Option<usize> {
    let separator = text[at..].chars().next().filter(|c| separates(*c))?;
    let next = at + separator.len_utf8();
    text[next..]
        .starts_with(|c: char| c.is_ascii_digit())
        .then_some(next)
}

/// Whether what follows a number makes it an hour of the day, and not so many hours of something: `14 h`, `14 heures`,
/// `2 p.m.`
pub fn is_hour(rest: &str) -> bool {
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '-');
    let length = rest
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(rest.len());
    let of_work = rest[length..].starts_with(" de ");
    matches!(&rest[..length], "h" | "heure" | "heures") && !of_work
}

/// Start of the minutes in `14 h 30`, `14h30`, `2 heures 45`, `2 hours and 45 minutes`.
fn after_hour(text: &str, at: usize) -> Option<usize> {
    let rest = text[at..].trim_start();
    let words = ["heures", "heure", "hours", "hour", "h"];
    let after = words.iter().find_map(|word| rest.strip_prefix(word))?;
    let minutes = after.trim_start();
    let minutes = ["and ", "et "]
        .iter()
        .find_map(|and| minutes.strip_prefix(and))
        .unwrap_or(minutes);
    let length = minutes.bytes().take_while(u8::is_ascii_digit).count();
    // Two digits, not the beginning of another number.
    let whole = !minutes[length..].starts_with([',', '.'])
        || !minutes[length + 1..].starts_with(|c: char| c.is_ascii_digit());
    (length == 2 && whole).then(|| text.len() - minutes.len())
}
