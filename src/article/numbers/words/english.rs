//! English number words: `ninety-seven`, `twelve hundred`, `one and a half million`, `a dozen`, `twenty-first`.

use super::{
    super::{Value, digits, scale},
    Phrase, Said,
    sum::Sum,
};

const SMALL: [&str; 19] = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

const TENS: [&str; 8] = [
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];

/// Ordinals that are not the cardinal and `th`.
const ORDINALS: &[(&str, &str)] = &[
    ("third", "three"),
    ("fifth", "five"),
    ("eighth", "eight"),
    ("ninth", "nine"),
    ("twelfth", "twelve"),
];

/// Words that may be said with these numbers in another language, but need not.
const LOOSE: &[(&str, &[u128])] = &[
    ("zero", &[0]),
    ("once", &[1]),
    ("first", &[1]),
    ("single", &[1]),
    ("second", &[2]),
    ("seconds", &[2]),
    ("twice", &[2]),
    ("both", &[2]),
    ("pair", &[2]),
    ("couple", &[2]),
    ("double", &[2]),
    ("half", &[2]),
    ("halves", &[2]),
    ("third", &[3]),
    ("thirds", &[3]),
    ("thrice", &[3]),
    ("triple", &[3]),
    ("trio", &[3]),
    ("triad", &[3]),
    ("quarter", &[3, 4]),
    ("quarters", &[4]),
    ("quartet", &[4]),
    ("fortnight", &[14, 15]),
    ("week", &[7, 8]),
    ("weeks", &[15]),
    ("noon", &[12]),
    ("midnight", &[0, 12, 24]),
    ("dozen", &[10, 12]),
    ("dozens", &[10, 12]),
    ("tens", &[10]),
    ("decade", &[10]),
    ("decades", &[10]),
    ("century", &[100]),
    ("centuries", &[100]),
    ("hundred", &[100]),
    ("hundreds", &[100]),
    ("thousand", &[1000]),
    ("thousands", &[1000]),
    ("million", &[1_000_000]),
    ("millions", &[1_000_000]),
    ("billion", &[1_000_000_000]),
    ("billions", &[1_000_000_000]),
    ("trillion", &[1_000_000_000_000]),
    ("trillions", &[1_000_000_000_000]),
    ("twenties", &[20]),
    ("thirties", &[30]),
    ("forties", &[40]),
    ("fifties", &[50]),
    ("sixties", &[60]),
    ("seventies", &[70]),
    ("eighties", &[80]),
    ("nineties", &[90]),
];

/// The number that begins at a word, if one does.
pub fn said_at(phrase: &Phrase) -> Option<Said> {
    half_a_scale(phrase)
        .or_else(|| cardinal(phrase))
        .or_else(|| loose(phrase.joined(0)?))
}

fn loose(word: &str) -> Option<Said> {
    let found = LOOSE.iter().find(|(loose, _)| *loose == word)?;
    Some(Said::loosely(found.1))
}

/// `half a million`.
fn half_a_scale(phrase: &Phrase) -> Option<Said> {
    let words = [phrase.joined(0)?, phrase.joined(1)?];
    let at = match words {
        ["half", "a"] => 2,
        ["half", _] => 1,
        _ => return None,
    };
    let power = scale::of_word(phrase.joined(at)?, "en").filter(|power| *power >= 3)?;
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
    let mut ordinal = false;
    // A hundred, a million.
    if matches!(phrase.joined(0)?, "a" | "an") {
        if phrase.joined(1) == Some("dozen") {
            return Some(Said {
                words: 2,
                ..Said::loosely(&[12, 10])
            });
        }
        let power = scale::of_word(phrase.joined(1)?, "en")?;
        put(&mut sum, "one");
        words = 1;
        sum.parts = usize::from(power >= 6); // thanks a thousand
    }
    while let Some(word) = phrase.joined(words) {
        // Two hundred and five; but not what is another number: one hundred and two hundred.
        let and = word == "and" && words > 0;
        let word = if and {
            let Some(next) = phrase.joined(words + 1) else {
                break;
            };
            let ends_high = matches!(
                phrase.joined(words - 1),
                Some("hundred" | "thousand" | "million" | "billion")
            );
            let higher = (2..4)
                .filter_map(|ahead| phrase.joined(words + ahead))
                .take_while(|word| is_low(word) || scale::of_word(word, "en").is_some())
                .any(|word| scale::of_word(word, "en").is_some());
            if !ends_high || higher || !is_low(next) {
                break;
            }
            next
        } else {
            word
        };
        let first = match word {
            "first" if sum.low() >= 20 => Some("one".to_owned()),
            "second" if sum.low() >= 20 => Some("two".to_owned()),
            _ => None,
        };
        if let Some(cardinal) = first.or_else(|| of_ordinal(word))
            && put(&mut sum, &cardinal)
        {
            words += 1 + usize::from(and);
            ordinal = true;
            break;
        }
        if !put(&mut sum, word) {
            break;
        }
        words += 1 + usize::from(and);
    }
    if sum.value() == 0 {
        return None;
    }
    let value = sum.value();
    if let Some("dozen") = phrase
        .joined(words)
        .filter(|_| sum.parts == 1 && value < 20)
    {
        return Some(Said {
            words: words + 1,
            values: vec![Value::whole(12 * value), Value::whole(10 * value)],
            binding: true,
            power: 0,
            ordinal: false,
        });
    }
    if let [Some("and"), Some("a"), Some("half"), Some(scale)] =
        [0, 1, 2, 3].map(|ahead| phrase.joined(words + ahead))
        && let Some(power) = scale::of_word(scale, "en")
    {
        return Some(Said {
            words: words + 4,
            values: vec![Value::and_a_half(value).scaled(power)],
            binding: true,
            power,
            ordinal: false,
        });
    }
    let rest = phrase.text_after(words);
    let half = digits::is_and_a_half(rest);
    if let Some(power) = sum.ends_on_scale().filter(|_| half) {
        let count = value / 10u128.pow(power);
        return Some(Said {
            words: words + 3,
            values: vec![Value::and_a_half(count).scaled(power)],
            binding: true,
            power,
            ordinal: false,
        });
    }
    let mut values = vec![Value::whole(value)];
    if half {
        values.push(Value::and_a_half(value));
    }
    if value == 2 && rest.trim_start().starts_with("weeks") {
        values.push(Value::whole(15));
    }
    let often_said_otherwise = match value {
        1 | 2 => true,
        3 => ordinal,
        100 | 1000 => sum.parts <= 1,
        _ => ordinal && value >= 100,
    };
    Some(Said {
        words,
        values,
        binding: sum.parts > 1 && value > 2 || !often_said_otherwise,
        power: sum.ends_on_scale().unwrap_or(0),
        ordinal,
    })
}

/// Whether a word is below a hundred.
fn is_low(word: &str) -> bool {
    let cardinal = of_ordinal(word);
    let word = cardinal.as_deref().unwrap_or(word);
    SMALL.contains(&word) || TENS.contains(&word)
}

/// Adds a word to a number, if it goes on with it.
fn put(sum: &mut Sum, word: &str) -> bool {
    let low = sum.low();
    if let Some(small) = SMALL.iter().position(|small| *small == word) {
        let small = small as u128 + 1;
        let goes_on = low == 0 || small < 10 && low >= 20 && low.is_multiple_of(10);
        if goes_on {
            sum.put_low(low + small);
        }
        return goes_on;
    }
    if let Some(tens) = TENS.iter().position(|tens| *tens == word) {
        if low == 0 {
            sum.put_low((tens as u128 + 2) * 10);
        }
        return low == 0;
    }
    match word {
        "hundred" => sum.value() > 0 && sum.put_hundred(),
        "thousand" | "million" | "billion" | "trillion" => {
            scale::of_word(word, "en").is_some_and(|power| sum.put_scale(power, 0))
        }
        _ => false,
    }
}

/// The cardinal of an ordinal from the third on.
fn of_ordinal(word: &str) -> Option<String> {
    if let Some((_, cardinal)) = ORDINALS.iter().find(|(ordinal, _)| *ordinal == word) {
        return Some((*cardinal).to_owned());
    }
    // Fifths, as in four of them.
    let stem = word
        .strip_suffix("th")
        .or_else(|| word.strip_suffix("ths"))?;
    let tens = stem.strip_suffix("ie").map(|stem| format!("{stem}y"));
    let cardinal = tens.unwrap_or_else(|| stem.to_owned());
    let known = SMALL.contains(&&*cardinal) || TENS.contains(&&*cardinal) || cardinal == "hundred";
    known.then_some(cardinal)
}
