//! What failed attempts teach the next.

use crate::{
    inference::DecodeOptions,
    translate::{WarningKind, fidelity::Fault, prepare::Lost},
};
use std::{num::NonZeroUsize, ops::Range};

/// What the attempts so far have taught.
#[derive(Clone, Default)]
pub struct Care {
    pub options: DecodeOptions,
    /// Stretches of the text that were lost.
    pub lost: Vec<Lost>,
    /// Which placeholders to use, see `Prepared::new`.
    pub rotation: usize,
}

/// No sequence of so many pieces comes twice in a guarded attempt.
const GUARDED_NGRAM: NonZeroUsize = NonZeroUsize::new(4).unwrap();

impl Care {
    /// From what an attempt lost.
    pub fn learn(&mut self, kind: WarningKind, fault: &Fault) {
        self.lost.extend(fault.lost.iter().cloned());
        self.options.whole_vocabulary = true;
        match kind {
            WarningKind::Repetition | WarningKind::Length => {
                self.options.no_repeat_ngram = Some(GUARDED_NGRAM)
            }
            WarningKind::Protected => self.rotation = 1,
            _ => {}
        }
    }

    /// The same for a part of the text.
    pub fn within(&self, part: &Range<usize>) -> Self {
        let inside = self
            .lost
            .iter()
            .filter(|lost| part.start <= lost.span.start && lost.span.end <= part.end);
        Care {
            lost: inside
                .map(|lost| Lost {
                    span: lost.span.start - part.start..lost.span.end - part.start,
                    read_as: lost.read_as.clone(),
                })
                .collect(),
            ..self.clone()
        }
    }
}
