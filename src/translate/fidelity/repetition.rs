//! A loop: the same words over and over, which the source does not have.

#[cfg(test)]
mod test;

use super::{Check, Verdict};
use crate::translate::{
    WarningKind,
    alignment::{Source, Translation},
    route::LoadedHop,
};
use std::ops::Range;

pub struct Repetition;

impl Check for Repetition {
    fn kind(&self) -> WarningKind {
        WarningKind::Repetition
    }

    fn check(&self, _: &LoadedHop, source: &Source, translation: &mut Translation) -> Verdict {
        let in_source = longest_loop(source.text).map_or(1, |found| found.times);
        let mut verdict = Verdict::Faithful;
        while let Some(found) = longest_loop(&translation.text)
            && found.times > in_source.max(HARMLESS)
        {
            let message = format!(
                "{:?} was repeated {} times",
                &translation.text[found.once.clone()],
                found.times
            );
            translation.replace(found.once.end..found.end, "");
            // A model that never ended was lost in the loop: what it should have said is missing.
            verdict = if translation.finished {
                Verdict::Repaired
            } else {
                Verdict::unfaithful(message)
            };
        }
        verdict
    }
}

/// In words, where a translation says a phrase over and over that the source does not.
pub fn problem(source: &str, translation: &str) -> Option<String> {
    let in_source = longest_loop(source).map_or(1, |found| found.times);
    let found = longest_loop(translation).filter(|found| found.times > in_source.max(HARMLESS))?;
    let once = &translation[found.once];
    Some(format!("{once:?} was repeated {} times", found.times))
}

/// Words in a loop.
const LONGEST_PERIOD: usize = 8;
/// Times in a row that a phrase may stand in good English ("had had").
const HARMLESS: usize = 2;

/// A phrase said several times in a row.
struct Loop {
    /// Bytes of the first time.
    once: Range<usize>,
    /// Where the last time ends.
    end: usize,
    times: usize,
}

/// Maximal runs of letters and digits: numbers tell one item of a list from another.
fn runs(text: &str) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += c.len_utf8(),
            _ => runs.push(at..at + c.len_utf8()),
        }
    }
    runs
}

/// The phrase of up to `LONGEST_PERIOD` words that is said most often in a row, if one is said twice.
fn longest_loop(text: &str) -> Option<Loop> {
    let words = runs(text);
    let same_word =
        |a: &Range<usize>, b: &Range<usize>| text[a.clone()].eq_ignore_ascii_case(&text[b.clone()]);
    let mut best: Option<Loop> = None;
    for period in 1..=LONGEST_PERIOD {
        let mut same = 0;
        for i in period..words.len() {
            same = if same_word(&words[i], &words[i - period]) {
                same + 1
            } else {
                0
            };
            let times = same / period + 1;
            if times > best.as_ref().map_or(1, |best| best.times) {
                let first = i + 1 - times * period;
                let once = words[first].start..words[first + period - 1].end;
                best = Some(Loop {
                    once,
                    end: words[i].end,
                    times,
                });
            }
        }
    }
    best
}
