//! A translation that was cut off, or is far shorter or longer than its source.

use super::{Check, Verdict};
use crate::translate::{
    WarningKind,
    alignment::{Source, Translation},
    route::LoadedHop,
};

pub struct Length;

/// Letters and digits of the translation for one of the source. On FLORES dev (French to English)
/// the default model's translations of all 997 lines lie between 0.50 and 1.39.
const FEWEST: f64 = 0.5;
const MOST: f64 = 1.8;
/// Shorter sentences vary more: this many characters are forgiven either way.
const FORGIVEN: f64 = 12.0;

impl Check for Length {
    fn kind(&self) -> WarningKind {
        WarningKind::Length
    }

    fn check(&self, _: &LoadedHop, source: &Source, translation: &mut Translation) -> Verdict {
        match problem(source.text, &translation.text, translation.finished) {
            Some(problem) => Verdict::unfaithful(problem),
            None => Verdict::Faithful,
        }
    }
}

/// In words, where there is one. `finished`: the model came to its end.
pub fn problem(source: &str, translation: &str, finished: bool) -> Option<String> {
    let size = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count() as f64;
    let (from, to) = (size(source), size(translation));
    if !finished {
        Some("the model did not come to an end".to_owned())
    } else if to < FEWEST * from - FORGIVEN || to == 0.0 && from > 0.0 {
        Some(format!("{to} letters for {from}: a part may be missing"))
    } else if to > MOST * from + FORGIVEN {
        Some(format!("{to} letters for {from}: something may be added"))
    } else {
        None
    }
}
