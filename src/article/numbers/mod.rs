//! The numbers of a text, however its language writes them, and whether two say the same.

#[cfg(test)]
mod test;
mod words;

pub use words::said_in_words;

use std::ops::Range;

/// How a language writes numbers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Writing {
    /// Thousands by spaces or full stops, a decimal comma, hours as `14 h 30`.
    Comma,
    /// Thousands by commas or spaces, a decimal point, hours as `14:30` or `2.30 p.m.`
    Point,
}

impl Writing {
    /// `language`: a tag's first part.
    pub fn of(language: &str) -> Self {
        match language {
            "en" | "ga" | "he" | "hi" | "ja" | "ko" | "ms" | "ta" | "th" | "zh" => Writing::Point,
            _ => Writing::Comma,
        }
    }
}

/// A number as it stands in a text.
#[derive(Debug, PartialEq)]
pub struct Number {
    /// Bytes of the text.
    pub span: Range<usize>,
    /// Without separators of any kind, so that 1,5 is 1.5 and 14 h 30 is 14:30.
    pub digits: String,
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
    /// The same in another writing.
    pub fn written(&self, writing: Writing) -> String {
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
pub fn numbers(text: &str, writing: Writing) -> Vec<Number> {
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

/// Equal but for leading zeros, for what a scale word holds (1 200 milliards is 1.2 trillion), for
/// twelve hours (14 h 30 is 2:30), or for the century (les années 60 are the 1960s).
pub fn says_the_same(french: &Number, english: &Number) -> bool {
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
