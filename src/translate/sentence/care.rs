//! What failed attempts teach the next.

use super::Checked;
use crate::{
    inference::DecodeOptions,
    model::Translator,
    translate::{
        WarningKind,
        fidelity::{CHECKS, Fault},
        prepare::Lost,
    },
};
use std::{num::NonZeroUsize, ops::Range};

/// What the attempts so far have taught.
#[derive(Clone, Default)]
pub struct Care {
    pub options: DecodeOptions,
    /// Stretches of the text that were lost.
    pub lost: Vec<Lost>,
    /// Numbers in digits that were lost, which the model reads as they are until there is insisted on them.
    digits: Vec<Lost>,
    /// Which placeholders to use, see `Prepared::new`.
    pub rotation: usize,
}

/// No sequence of so many pieces comes twice in a guarded attempt.
const GUARDED_NGRAM: NonZeroUsize = NonZeroUsize::new(4).unwrap();

impl Care {
    pub fn new(options: DecodeOptions) -> Self {
        Care {
            options,
            ..Care::default()
        }
    }

    /// From the faults of an attempt.
    pub fn learn_from(&mut self, attempt: &Checked, model: &Translator) {
        // Of a model without a shortlist every token may come anyway.
        self.options.whole_vocabulary |= !attempt.faults.is_empty() && model.has_shortlist();
        for (check, fault) in &attempt.faults {
            self.learn(CHECKS[*check].kind(), fault);
        }
    }

    fn learn(&mut self, kind: WarningKind, fault: &Fault) {
        let is_in_digits = |lost: &&Lost| kind == WarningKind::Number && lost.read_as.is_none();
        let (digits, others): (Vec<_>, Vec<_>) = fault.lost.iter().partition(is_in_digits);
        self.digits.extend(digits.into_iter().cloned());
        self.lost.extend(others.into_iter().cloned());
        match kind {
            WarningKind::Repetition | WarningKind::Length => {
                self.options.no_repeat_ngram = Some(GUARDED_NGRAM)
            }
            WarningKind::Protected => self.rotation = 1,
            _ => {}
        }
    }

    /// Takes care of the numbers in digits, too.
    pub fn insist(&mut self) {
        self.lost.append(&mut self.digits);
    }

    /// The same for a part of the text.
    pub fn within(&self, part: &Range<usize>) -> Self {
        Care {
            lost: inside(&self.lost, part),
            digits: inside(&self.digits, part),
            ..self.clone()
        }
    }
}

/// Those of a text that lie in a part of it, as stretches of the part.
fn inside(lost: &[Lost], part: &Range<usize>) -> Vec<Lost> {
    let inside = lost
        .iter()
        .filter(|lost| part.start <= lost.span.start && lost.span.end <= part.end);
    inside
        .map(|lost| Lost {
            span: lost.span.start - part.start..lost.span.end - part.start,
            read_as: lost.read_as.clone(),
        })
        .collect()
}
