//! Which numbers of a text another text lacks.

use super::{Form, Number, Numbers, Scale, Value};

/// Between two numbers that share a scale: `2 à 3 millions`, `$5-6 billion`.
const CONNECTORS: [&str; 11] = ["à", "a", "et", "ou", "to", "and", "or", "-", "–", "—", "/"];

/// Gives numbers before one with a scale that scale as a second meaning.
pub fn share_scales(text: &str, numbers: &mut [Number]) {
    for at in (1..numbers.len()).rev() {
        let [before, number] = &mut numbers[at - 1..=at] else {
            continue;
        };
        let between = text
            .get(before.span.end..number.span.start)
            .unwrap_or_default()
            .trim_matches(|c: char| c.is_whitespace() || matches!(c, '€' | '$' | '£'));
        if let (Some(0), Some(power @ 3..)) = (before.form.power(), number.form.power())
            && CONNECTORS.contains(&between)
        {
            let scaled = before.values[0].clone().scaled(power);
            before.values.push(scaled);
        }
    }
}

/// Whether two numbers may mean the same.
pub fn says_the_same(a: &Number, b: &Number) -> bool {
    let equal = a.values.iter().any(|value| b.values.contains(value));
    equal || is_decade(a, b) || is_decade(b, a) || scaled_by_unread_words(a, b)
}

/// Les années 60 are the 1960s.
fn is_decade(short: &Number, long: &Number) -> bool {
    let whole = |number: &Number| number.values[0].as_whole();
    let (Some(short), Some(long)) = (whole(short), whole(long)) else {
        return false;
    };
    (10..100).contains(&short)
        && short % 10 == 0
        && matches!(long.checked_sub(short), Some(1800 | 1900 | 2000))
}

/// 1 200 mil millones are 1.2 trillion, as far as can be told: only zeros differ.
fn scaled_by_unread_words(a: &Number, b: &Number) -> bool {
    let (Form::Digits(ours), Form::Digits(theirs)) = (&a.form, &b.form) else {
        return false;
    };
    let unread = ours.scale == Scale::Unknown || theirs.scale == Scale::Unknown;
    unread && ours.digits.trim_end_matches('0') == theirs.digits.trim_end_matches('0')
}

/// The binding numbers of `ours` that `theirs` lacks, and the other way round. Each is matched once, with the same in
/// digits if it is in digits and there is one; but one that is in words on either side may be said twice.
pub fn differences<'a>(
    ours: &'a Numbers,
    theirs: &'a Numbers,
) -> (Vec<&'a Number>, Vec<&'a Number>) {
    let mut missing: Vec<&Number> = ours.all.iter().collect();
    let mut extra: Vec<&Number> = theirs.all.iter().collect();
    let exactly =
        |a: &Number, b: &Number| a.is_in_words() == b.is_in_words() && a.values[0] == b.values[0];
    let bound = |a: &Number, b: &Number| a.binding && b.binding && says_the_same(a, b);
    for same in [
        &exactly as &dyn Fn(&Number, &Number) -> bool,
        &bound,
        &says_the_same,
    ] {
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
    let (unmatched, too_many) = (missing.clone(), extra.clone());
    missing.retain(|number| number.binding && !is_excused(number, theirs, &too_many));
    extra.retain(|number| number.binding && !is_excused(number, ours, &unmatched));
    (missing, extra)
}

/// Whether `others`, in the other language, say a number that none of them was left to match.
fn is_excused(number: &Number, others: &Numbers, unmatched: &[&Number]) -> bool {
    let in_words = |other: &&Number| number.is_in_words() || other.is_in_words();
    let said = others.all.iter().filter(in_words);
    let said = said.into_iter().any(|other| says_the_same(number, other));
    let unread = !others.with_words && number.is_small();
    said || unread || is_in_parts(number, others) || is_part_of_one(number, unmatched)
}

/// 2h45 said as two hours and forty-five minutes.
fn is_in_parts(number: &Number, others: &Numbers) -> bool {
    let Value::Pair(hours, minutes) = number.values[0] else {
        return false;
    };
    let has = |part: u32| {
        let part = Value::whole(part.into());
        others.all.iter().any(|other| other.values.contains(&part))
    };
    has(hours) && has(minutes)
}

/// The hours or the minutes of a time that the other text has in one.
fn is_part_of_one(number: &Number, unmatched: &[&Number]) -> bool {
    unmatched.iter().any(|other| match other.values[0] {
        Value::Pair(hours, minutes) => [hours, minutes]
            .iter()
            .any(|part| number.values.contains(&Value::whole((*part).into()))),
        Value::Decimal { .. } => false,
    })
}
