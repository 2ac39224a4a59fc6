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
        let size = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count() as f64;
        let (from, to) = (size(source.text), size(&translation.text));
        if !translation.finished {
            Verdict::unfaithful("the model did not come to an end")
        } else if to < FEWEST * from - FORGIVEN || to == 0.0 && from > 0.0 {
            Verdict::unfaithful(format!("{to} letters for {from}: a part may be missing"))
        } else if to > MOST * from + FORGIVEN {
            Verdict::unfaithful(format!("{to} letters for {from}: something may be added"))
        } else {
            Verdict::Faithful
        }
    }
}
