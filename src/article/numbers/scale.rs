//! What stands behind digits and multiplies them: `1,5 million`, `9 000 milliards`, `5bn`, `12 Md€`.

use super::Scale;

/// French words; billion and trillion are of the long scale.
const FRENCH: &[(&str, u32)] = &[
    ("mille", 3),
    ("millier", 3),
    ("milliers", 3),
    ("million", 6),
    ("millions", 6),
    ("milliard", 9),
    ("milliards", 9),
    ("billion", 12),
    ("billions", 12),
    ("billiard", 15),
    ("billiards", 15),
    ("trillion", 18),
    ("trillions", 18),
];

const ENGLISH: &[(&str, u32)] = &[
    ("hundred", 2),
    ("thousand", 3),
    ("million", 6),
    ("millions", 6),
    ("mn", 6),
    ("billion", 9),
    ("billions", 9),
    ("bn", 9),
    ("trillion", 12),
    ("trillions", 12),
    ("tn", 12),
    ("quadrillion", 15),
    ("quintillion", 18),
];

/// Abbreviations in either language, before or after a currency's sign.
const ABBREVIATIONS: &[(&str, u32)] = &[
    ("mrd", 9),
    ("mrds", 9),
    ("mds", 9),
    ("mld", 9),
    ("mlds", 9),
    ("md", 9),
    ("bn", 9),
];

/// Beginnings of the words in the other languages of Europe.
const BEGINNINGS: [&str; 6] = ["mil", "mld", "bil", "bn", "trill", "tys"];

/// The power of ten of a word.
pub fn of_word(word: &str, language: &str) -> Option<u32> {
    let words = match language {
        "fr" => FRENCH,
        "en" => ENGLISH,
        _ => return None,
    };
    let found = words.iter().find(|(scale, _)| *scale == word);
    found.map(|(_, power)| *power)
}

/// A scale behind digits.
pub struct Found {
    pub scale: Scale,
    /// Bytes that it takes.
    pub length: usize,
    /// `M` and `k` may be units, too: the number may mean its bare digits.
    pub certain: bool,
}

/// What multiplies a number that `rest` follows.
pub fn after_digits(rest: &str, language: &str) -> Found {
    let mut found = Found {
        scale: Scale::Known(0),
        length: 0,
        certain: true,
    };
    let mut power = 0;
    let mut at = 0;
    // Several multiply each other: 9 mille milliards.
    while let Some((word, end)) = next_word(rest, at) {
        let lower = word.to_lowercase();
        let known = of_word(&lower, language).or_else(|| abbreviation(&lower));
        if let Some(more) = known {
            power += more;
        } else if at == 0 && matches!(word, "M" | "k" | "K" | "m") {
            let money = rest[end..].trim_start().starts_with(['€', '$', '£']);
            if word == "m" && !money {
                break;
            }
            found.certain = money;
            power = if word.eq_ignore_ascii_case("m") { 6 } else { 3 };
        } else {
            break;
        }
        at = end;
    }
    if power > 0 {
        found.scale = Scale::Known(power);
        found.length = at;
        return found;
    }
    let unread = !matches!(language, "fr" | "en");
    if unread && next_word(rest, 0).is_some_and(|(word, _)| begins_like_a_scale(word)) {
        found.scale = Scale::Unknown;
    }
    found
}

fn abbreviation(word: &str) -> Option<u32> {
    let found = ABBREVIATIONS.iter().find(|(scale, _)| *scale == word);
    found.map(|(_, power)| *power)
}

fn begins_like_a_scale(word: &str) -> bool {
    let word = word.to_lowercase();
    BEGINNINGS.iter().any(|scale| word.starts_with(scale))
}

/// The word after spaces, a hyphen or a currency's sign from `at` on, and where it ends.
fn next_word(rest: &str, at: usize) -> Option<(&str, usize)> {
    let between = |c: char| c.is_whitespace() && c != '\n' || matches!(c, '-' | '€' | '$' | '£');
    let start = rest.len() - rest[at..].trim_start_matches(between).len();
    let length = rest[start..]
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(rest.len() - start);
    (length > 0).then(|| (&rest[start..start + length], start + length))
}
