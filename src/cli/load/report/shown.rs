//! Numbers for people: three digits are enough.

use std::time::Duration;

/// `0.85 ms`, `12.3 ms`, `412 ms`, `1.20 s`.
pub fn duration(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1e3;
    match millis < 999.5 {
        true => format!("{} ms", three_digits(millis)),
        false => format!("{} s", three_digits(millis / 1e3)),
    }
}

/// The same of milliseconds; a dash for none.
pub fn millis(millis: Option<f64>) -> String {
    millis.map_or("–".to_owned(), |millis| {
        duration(Duration::from_secs_f64(millis / 1e3))
    })
}

/// `0`, `0.125`, `12.3`, `4567`, without zeros at the end.
pub fn number(number: f64) -> String {
    let digits = three_digits(number);
    match digits.contains('.') {
        true => digits
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
        false => digits,
    }
}

fn three_digits(number: f64) -> String {
    let decimals = match number.abs() {
        n if n >= 99.95 => 0,
        n if n >= 9.995 => 1,
        n if n >= 0.0995 => 2,
        _ => 3,
    };
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        for (micros, expected) in [
            (50, "0.050 ms"),
            (850, "0.85 ms"),
            (6_120, "6.12 ms"),
            (99_960, "100 ms"),
            (412_300, "412 ms"),
            (999_800, "1.00 s"),
            (12_340_000, "12.3 s"),
            (3_600_000_000, "3600 s"),
        ] {
            assert_eq!(duration(Duration::from_micros(micros)), expected);
        }
    }

    #[test]
    fn numbers_have_no_needless_zeros() {
        for (value, expected) in [
            (0.0, "0"),
            (0.1, "0.1"),
            (12.5, "12.5"),
            (40.0, "40"),
            (1234.4, "1234"),
        ] {
            assert_eq!(number(value), expected);
        }
    }
}
