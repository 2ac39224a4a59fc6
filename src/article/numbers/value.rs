//! What a number means, exactly.

/// An amount or a time of day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The digits, without zeros at either end, times a power of ten.
    Decimal { digits: String, exponent: i32 },
    /// Hours and minutes, or the two sides of a ratio or a score.
    Pair(u32, u32),
}

impl Value {
    /// Of digits of which the last `fraction` stand behind the decimal mark.
    pub fn decimal(digits: &str, fraction: usize) -> Self {
        let kept = digits.trim_end_matches('0');
        let exponent = (digits.len() - kept.len()) as i32 - fraction as i32;
        let digits = kept.trim_start_matches('0').to_owned();
        Value::Decimal {
            exponent: if digits.is_empty() { 0 } else { exponent },
            digits,
        }
    }

    pub fn whole(value: u128) -> Self {
        Value::decimal(&value.to_string(), 0)
    }

    /// So many, and a half.
    pub fn and_a_half(value: u128) -> Self {
        Value::decimal(&format!("{value}5"), 1)
    }

    /// Times a power of ten; a pair stays.
    pub fn scaled(self, power: u32) -> Self {
        match self {
            Value::Decimal { digits, exponent } if !digits.is_empty() => Value::Decimal {
                exponent: exponent + power as i32,
                digits,
            },
            other => other,
        }
    }

    /// As a whole number, if it is one.
    pub fn as_whole(&self) -> Option<u128> {
        match self {
            Value::Decimal { digits, .. } if digits.is_empty() => Some(0),
            Value::Decimal { digits, exponent } => {
                let power = 10u128.checked_pow(u32::try_from(*exponent).ok()?)?;
                digits.parse::<u128>().ok()?.checked_mul(power)
            }
            Value::Pair(..) => None,
        }
    }

    /// The same as plain digits, and how many of them stand before the decimal mark.
    pub fn plain(&self) -> (String, usize) {
        match self {
            Value::Pair(hours, minutes) => {
                let hours = hours.to_string();
                (format!("{hours}{minutes:02}"), hours.len())
            }
            Value::Decimal { digits, .. } if digits.is_empty() => ("0".to_owned(), 1),
            Value::Decimal { digits, exponent } if *exponent >= 0 => {
                let plain = digits.clone() + &"0".repeat(*exponent as usize);
                let whole = plain.len();
                (plain, whole)
            }
            Value::Decimal { digits, exponent } => {
                let fraction = exponent.unsigned_abs() as usize;
                let missing = (fraction + 1).saturating_sub(digits.len());
                let plain = "0".repeat(missing) + digits;
                let whole = plain.len() - fraction;
                (plain, whole)
            }
        }
    }
}
