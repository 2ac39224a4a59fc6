//! What a small model is known to get wrong, checked sentence by sentence. Each check is cheap, has
//! one repair, and says what it found; a translation that needs no repair passes untouched.
//!
//! Order matters: the protected stretches first, so that a placeholder is no word to the others.
//!
//! Where there is nothing but two texts, `texts` says what the checks can tell of them.

mod length;
mod names;
mod numbers;
mod protected;
mod repetition;
mod texts;
mod unknown;

pub use texts::of_texts;

use super::{
    WarningKind,
    alignment::{Source, Translation},
    prepare::Lost,
    route::LoadedHop,
};

/// One thing that a translation must keep.
pub trait Check: Sync {
    /// Of the warning, and of the metric.
    fn kind(&self) -> WarningKind;

    /// Looks, and repairs where it can.
    fn check(&self, hop: &LoadedHop, source: &Source, translation: &mut Translation) -> Verdict;
}

#[derive(Debug, PartialEq)]
pub enum Verdict {
    Faithful,
    Repaired,
    /// Another attempt may do better; what was found is the warning if none does.
    Unfaithful(Fault),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub message: String,
    /// Stretches of the source that another attempt should protect.
    pub lost: Vec<Lost>,
}

pub const CHECKS: [&dyn Check; 6] = [
    &protected::Protected,
    &unknown::Unknown,
    &repetition::Repetition,
    &length::Length,
    &names::Names,
    &numbers::Numbers,
];

impl Verdict {
    fn unfaithful(message: impl Into<String>) -> Self {
        Verdict::Unfaithful(Fault {
            message: message.into(),
            lost: Vec::new(),
        })
    }
}

impl Fault {
    /// The same in a text that has so many bytes before it.
    pub fn shifted(self, by: usize) -> Self {
        let lost = self
            .lost
            .into_iter()
            .map(|lost| Lost {
                span: lost.span.start + by..lost.span.end + by,
                ..lost
            })
            .collect();
        Fault { lost, ..self }
    }
}
