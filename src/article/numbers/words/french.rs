//! French number words: `quatre-vingt-dix-sept`, `mille deux cents`, `deux millions et demi`, `une trentaine`.

use super::{
    super::{Value, digits, scale},
    Phrase, Said,
    sum::Sum,
};

const UNITS: [&str; 9] = [
    "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf",
];

const TEENS: [&str; 6] = ["onze", "douze", "treize", "quatorze", "quinze", "seize"];

const TENS: &[(&str, u128)] = &[
    ("trente", 30),
    ("quarante", 40),
    ("cinquante", 50),
    ("soixante", 60),
    ("septante", 70),
    ("huitante", 80),
    ("octante", 80),
    ("nonante", 90),
];

/// About so many, and which of them have to be said.
const COLLECTIVE: &[(&str, u128, bool)] = &[
    ("dizaine", 10, false),
    ("douzaine", 12, false),
    ("quinzaine", 15, false),
    ("vingtaine", 20, true),
    ("trentaine", 30, true),
    ("quarantaine", 40, false),
    ("cinquantaine", 50, true),
    ("soixantaine", 60, true),
    ("centaine", 100, false),
    ("millier", 1000, false),
];

/// Words that may be said with these numbers in another language, but need not.
const LOOSE: &[(&str, &[u128])] = &[
    ("zéro", &[0]),
    ("premier", &[1]),
    ("première", &[1]),
    ("premiers", &[1]),
    ("premières", &[1]),
    ("demi", &[2]),
    ("demie", &[2]),
    ("moitié", &[2, 50]),
    ("second", &[2]),
    ("seconde", &[2]),
    ("double", &[2]),
    ("doublé", &[2]),
    ("bimensuel", &[2]),
    ("biennal", &[2]),
    ("tiers", &[3]),
    ("triple", &[3]),
    ("triplé", &[3]),
    ("trio", &[3]),
    ("triade", &[3]),
    ("trimestre", &[3]),
    ("trimestriel", &[3]),
    ("triennal", &[3]),
    ("quart", &[4, 15]),
    ("quarts", &[4]),
    ("quatuor", &[4]),
    ("quadruple", &[4]),
    ("quadruplé", &[4]),
    ("quintuple", &[5]),
    ("quinquennat", &[5]),
    ("quinquennal", &[5]),
    ("quinquennale", &[5]),
    ("semestre", &[6]),
    ("semestriel", &[6]),
    ("septennat", &[7]),
    ("semaine", &[7, 8]),
    ("décennie", &[10]),
    ("décennies", &[10]),
    ("décuplé", &[10]),
    ("midi", &[12, 0]),
    ("minuit", &[12, 0, 24]),
    ("trentenaire", &[30]),
    ("quadragénaire", &[40]),
    ("quinquagénaire", &[50]),
    ("sexagénaire", &[60]),
    ("septuagénaire", &[70]),
    ("octogénaire", &[80]),
    ("nonagénaire", &[90]),
    ("centenaire", &[100]),
    ("siècle", &[100]),
    ("siècles", &[100]),
    ("dizaines", &[10, 12]),
    ("douzaines", &[12]),
    ("centaines", &[100]),
    ("milliers", &[1000]),
    ("millénaire", &[1000]),
    ("millions", &[1_000_000]),
    ("million", &[1_000_000]),
    ("milliards", &[1_000_000_000]),
    ("milliard", &[1_000_000_000]),
];

/// The number that begins at a word, if one does.
pub fn said_at(phrase: &Phrase) -> Option<Said> {
    let first = phrase.joined(0)?;
    // Dix pour cent is a sign, un cent a coin, sept. a month.
    if first == "cent" && (phrase.before() == "un" || is_percent(phrase)) {
        return None;
    }
    let month = first == "sept" && phrase.text_after(1).starts_with('.');
    if month
        && phrase
            .text_before()
            .trim_end()
            .ends_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    if let Some(half) = half_a_scale(phrase, first) {
        return Some(half);
    }
    ordinal(phrase)
        .or_else(|| cardinal(phrase))
        .or_else(|| collective(first, 1, 1))
        .or_else(|| loose(first))
}

/// An ordinal that other languages say otherwise: `quatre cinquièmes`, `huitièmes de finale`.
fn is_fraction(phrase: &Phrase, words: usize) -> bool {
    let before = phrase.text_before().trim_end();
    before.ends_with(|c: char| c.is_ascii_digit())
        || put(&mut Sum::default(), phrase.before(), false)
        || phrase.text_after(words).starts_with(" de finale")
}

/// The `cent` of `dix pour cent`, which is not that of `pour cent euros`.
fn is_percent(phrase: &Phrase) -> bool {
    let text = phrase.text_before().trim_end();
    let Some(before) = text.strip_suffix("pour") else {
        return false;
    };
    let before = before.trim_end();
    let word = before
        .rsplit(|c: char| !c.is_alphabetic())
        .next()
        .unwrap_or("");
    let word = word.to_lowercase();
    before.ends_with(|c: char| c.is_numeric())
        || put(&mut Sum::default(), &word, false)
        || matches!(&*word, "quelques" | "plusieurs" | "de" | "demi" | "en")
}

fn loose(word: &str) -> Option<Said> {
    let found = LOOSE.iter().find(|(loose, _)| {
        word.strip_prefix(loose)
            .is_some_and(|ending| matches!(ending, "" | "s"))
    })?;
    Some(Said::loosely(found.1))
}

/// `demi-million`, after `un` or without.
fn half_a_scale(phrase: &Phrase, first: &str) -> Option<Said> {
    let (half, at) = match first {
        "demi" => (first, 1),
        "un" => (phrase.joined(1)?, 2),
        _ => return None,
    };
    let power = scale::of_word(phrase.joined(at)?, "fr").filter(|_| half == "demi")?;
    Some(Said {
        words: at + 1,
        values: vec![Value::and_a_half(0).scaled(power)],
        binding: true,
        power,
        ordinal: false,
    })
}

fn cardinal(phrase: &Phrase) -> Option<Said> {
    let mut sum = Sum::default();
    let mut words = 0;
    while let Some(word) = phrase.joined(words) {
        // Vingt et un, soixante et onze, mille et une.
        let after_and = (words > 0 && word == "et")
            .then(|| phrase.joined(words + 1))
            .flatten();
        let fits = match after_and {
            Some(next @ ("un" | "une")) => {
                let tens = sum.low() >= 20 && sum.low() % 10 == 0;
                (tens
                    || sum.low() == 0 && matches!(phrase.joined(words - 1), Some("mille" | "mil")))
                    && put(&mut sum, next, true)
            }
            Some("onze") => sum.low() == 60 && put(&mut sum, "onze", true),
            Some(_) => false,
            None => put(&mut sum, word, words > 0),
        };
        if !fits {
            break;
        }
        words += if after_and.is_some() { 2 } else { 1 };
    }
    if words == 0 {
        return None;
    }
    if let Some(many) = phrase
        .joined(words)
        .filter(|_| sum.parts == 1 && sum.value() < 100)
        .and_then(|word| collective(word, sum.value(), words + 1))
    {
        return Some(many);
    }
    let value = sum.value();
    let rest = phrase.text_after(words);
    let mut values = vec![Value::whole(value)];
    let next = [phrase.joined(words), phrase.joined(words + 1)];
    if let (Some(power), [Some("et"), Some("demi" | "demie")]) =
        (sum.ends_on_scale().filter(|power| *power >= 6), next)
    {
        let count = value / 10u128.pow(power);
        return Some(Said {
            words: words + 2,
            values: vec![Value::and_a_half(count).scaled(power)],
            binding: true,
            power,
            ordinal: false,
        });
    }
    if digits::is_and_a_half(rest) {
        values.push(Value::and_a_half(value));
    }
    if digits::is_hour(rest)
        && let Some(hours) = u32::try_from(value).ok().and_then(digits::other_clock)
    {
        values.push(Value::whole(hours.into()));
    }
    let binding = sum.parts > 1 || !is_loose(phrase, value, rest);
    Some(Said {
        words,
        values,
        binding,
        power: sum.ends_on_scale().unwrap_or(0),
        ordinal: false,
    })
}

/// Numbers of one word that are often said otherwise: `un`, `deux`, `neuf` (new), `mille`, `quinze jours`.
fn is_loose(phrase: &Phrase, value: u128, rest: &str) -> bool {
    let next = phrase.joined(1).unwrap_or("");
    match value {
        0..=2 | 1000 => true,
        9 => !next.ends_with(['s', 'x']),
        8 | 15 => rest.trim_start().starts_with("jours"),
        _ => false,
    }
}

/// Adds a word to a number, if it goes on with it.
fn put(sum: &mut Sum, word: &str, inside: bool) -> bool {
    let low = sum.low();
    let unit = |word: &str| UNITS.iter().position(|unit| *unit == word);
    let word_or_one = if word == "une" { "un" } else { word };
    if let Some(unit) = unit(word_or_one) {
        let unit = unit as u128 + 1;
        let goes_on = match low {
            0 => true,
            10 | 70 | 90 => unit >= 7 || low != 10,
            _ => low >= 20 && low.is_multiple_of(10),
        };
        return goes_on && {
            sum.put_low(low + unit);
            true
        };
    }
    if let Some(teen) = TEENS.iter().position(|teen| *teen == word) {
        let goes_on = matches!(low, 0 | 60 | 80);
        return goes_on && {
            sum.put_low(low + teen as u128 + 11);
            true
        };
    }
    match word {
        "dix" if matches!(low, 0 | 60 | 80) => sum.put_low(low + 10),
        "vingt" | "vingts" if low == 4 => sum.put_low(80),
        "vingt" if low == 0 => sum.put_low(20),
        "cent" | "cents" => {
            return (inside || word == "cent") && low != 1 && sum.put_hundred();
        }
        "mille" | "mil" => return sum.put_scale(3, 1),
        _ => {
            if let Some((_, tens)) = TENS.iter().find(|(tens, _)| *tens == word) {
                return low == 0 && {
                    sum.put_low(*tens);
                    true
                };
            }
            let power =
                scale::of_word(word, "fr").filter(|_| inside && !word.starts_with("millier"));
            return power.is_some_and(|power| sum.put_scale(power, 0));
        }
    }
    true
}

/// So many dozens and the like.
fn collective(word: &str, count: u128, words: usize) -> Option<Said> {
    let (_, value, binding) = COLLECTIVE.iter().find(|(collective, ..)| {
        word == *collective || count > 1 && word.strip_suffix('s') == Some(collective)
    })?;
    let mut values = vec![Value::whole(value.saturating_mul(count))];
    if *value == 10 {
        values.push(Value::whole(count.saturating_mul(12)));
    }
    Some(Said {
        words,
        values,
        binding: *binding || count > 1,
        power: 0,
        ordinal: false,
    })
}

/// `troisième`, `vingt-cinquième`, `quatre-vingt-dixième`.
fn ordinal(phrase: &Phrase) -> Option<Said> {
    let mut sum = Sum::default();
    let mut words = 0;
    loop {
        let word = phrase.joined(words)?;
        let stem = word.trim_end_matches('s').strip_suffix("ième");
        if let Some(stem) = stem {
            let whole = match stem {
                "un" => "un".to_owned(),
                "cinqu" => "cinq".to_owned(),
                "neuv" => "neuf".to_owned(),
                "quatr" | "mill" | "trent" | "quarant" | "cinquant" | "soixant" | "onz"
                | "douz" | "treiz" | "quatorz" | "quinz" | "seiz" => format!("{stem}e"),
                other => other.to_owned(),
            };
            if !put(&mut sum, &whole, words > 0) {
                return None;
            }
            let value = sum.value();
            return Some(Said {
                words: words + 1,
                values: vec![Value::whole(value)],
                binding: value > 2 && value < 100 && !is_fraction(phrase, words + 1),
                power: 0,
                ordinal: true,
            });
        }
        let and = word == "et" && words > 0;
        if !and && !put(&mut sum, word, words > 0) {
            return None;
        }
        words += 1;
    }
}
