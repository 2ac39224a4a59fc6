//! The numbers of a text, in digits or in words, however its language writes them, and whether two say the same.
//!
//! - `value`: what a number means, exactly
//! - `digits`: numbers in digits, with their groups, decimals, hours and scale (`1,5 million`)
//! - `scale`: the words and abbreviations after digits, and the powers of ten that they are
//! - `words`: numbers in words (`quatre-vingt-dix-sept`, `twelve hundred`), and Roman numerals
//! - `compare`: which numbers of one text the other lacks

mod compare;
mod digits;
mod scale;
#[cfg(test)]
mod test;
mod value;
mod words;

pub use compare::{differences, says_the_same};
pub use value::Value;
pub use words::roman_value;

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
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Bytes of the text; of a number in digits without what scales it.
    pub span: Range<usize>,
    /// What it may mean, what it most likely means first.
    values: Vec<Value>,
    form: Form,
    /// Whether another language must have it, too: a number in digits, or one in words that is not as easily said
    /// otherwise as `un`, `deuxième` and `moitié` are.
    pub binding: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Digits(Digits),
    Words {
        /// The power of ten of the word for a thousand or more that it ends on; 0 without.
        power: u32,
        ordinal: bool,
    },
}

/// How a number in digits is written.
#[derive(Clone, Debug, PartialEq)]
struct Digits {
    /// Without separators.
    digits: String,
    /// How many of them stand before the decimal mark, or before the minutes.
    whole: usize,
    /// Whether the thousands stand apart.
    grouped: bool,
    /// Whether what stands apart at the end are minutes.
    minutes: bool,
    scale: Scale,
}

/// What follows digits.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    /// A power of ten, 0 where nothing follows.
    Known(u32),
    /// A word for a thousand or more in a language whose words are not read here.
    Unknown,
}

impl Form {
    /// What multiplies it, if that is known.
    fn power(&self) -> Option<u32> {
        match self {
            Form::Digits(digits) => match digits.scale {
                Scale::Known(power) => Some(power),
                Scale::Unknown => None,
            },
            Form::Words { power, .. } => Some(*power),
        }
    }
}

/// The numbers of a text.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// In the order of the text.
    pub all: Vec<Number>,
    /// Whether those in words are among them, for the language's words are known.
    with_words: bool,
}

impl Numbers {
    /// `language`: a tag's first part.
    pub fn of(text: &str, language: &str) -> Self {
        let found = digits::find(text, language);
        let taken: Vec<Range<usize>> = found.iter().map(|found| found.with_scale.clone()).collect();
        let mut all: Vec<Number> = found.into_iter().map(|found| found.number).collect();
        let spelled = words::find(text, language, &taken);
        let with_words = spelled.is_some();
        all.extend(spelled.unwrap_or_default());
        all.extend(words::roman_numerals(text));
        all.sort_by_key(|number| number.span.start);
        compare::share_scales(text, &mut all);
        Numbers { all, with_words }
    }
}

impl Numbers {
    /// Whether they may say a number of another text.
    pub fn say(&self, number: &Number) -> bool {
        let unread = !self.with_words && number.is_small();
        unread || self.all.iter().any(|said| says_the_same(said, number))
    }
}

impl Number {
    /// Whether it may be in words, in a language whose words are not known.
    fn is_small(&self) -> bool {
        self.values[0].as_whole().is_some_and(|value| value < 100)
    }

    /// The same in digits, in another writing.
    pub fn written(&self, writing: Writing) -> String {
        let (group, decimal) = match writing {
            Writing::Comma => ('.', ','),
            Writing::Point => (',', '.'),
        };
        let spelled;
        let digits = match &self.form {
            Form::Digits(digits) => digits,
            Form::Words { .. } => {
                spelled = Digits::of(&self.values[0]);
                &spelled
            }
        };
        let (whole, fraction) = digits.digits.split_at(digits.whole);
        let mut out = String::new();
        for (i, digit) in whole.chars().enumerate() {
            if digits.grouped && i > 0 && (whole.len() - i) % 3 == 0 {
                out.push(group);
            }
            out.push(digit);
        }
        if !fraction.is_empty() {
            out.push(if digits.minutes { ':' } else { decimal });
            out.push_str(fraction);
        }
        out
    }

    pub fn is_in_words(&self) -> bool {
        matches!(self.form, Form::Words { .. })
    }

    /// Whether it tells a place in an order, in words.
    pub fn is_ordinal(&self) -> bool {
        matches!(self.form, Form::Words { ordinal: true, .. })
    }

    /// Whether this one, in digits, would mean in the other's place what it means here: scales stay where they are.
    pub fn can_stand_for(&self, other: &Number) -> bool {
        match (&self.form, &other.form) {
            (Form::Digits(ours), Form::Digits(theirs)) => ours.scale == theirs.scale,
            (Form::Words { .. }, Form::Words { .. }) => !self.is_ordinal() && !other.is_ordinal(),
            (Form::Digits(digits), Form::Words { .. })
            | (Form::Words { .. }, Form::Digits(digits)) => {
                digits.scale == Scale::Known(0) && !self.is_ordinal() && !other.is_ordinal()
            }
        }
    }

    /// Whether two in digits differ in nothing but separators.
    pub fn has_the_digits_of(&self, other: &Number) -> bool {
        match (&self.form, &other.form) {
            (Form::Digits(ours), Form::Digits(theirs)) => ours.digits == theirs.digits,
            _ => false,
        }
    }
}

impl Digits {
    /// As a number in words would be written.
    fn of(value: &Value) -> Self {
        let (digits, whole) = value.plain();
        Digits {
            // A year is written without groups, and so are other numbers of four digits.
            grouped: whole > 4,
            digits,
            whole,
            minutes: false,
            scale: Scale::Known(0),
        }
    }
}
