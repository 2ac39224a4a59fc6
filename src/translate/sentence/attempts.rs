//! Which attempts are made at a text, one after the other, until one is faultless: whole; whole, with what the
//! first taught; in two pieces, each attempted in the same way, for short texts go wrong less often. None is
//! made that would give the model what it was given before, and a piece without a fault is left as it is.
//!
//! A number in digits that got lost is behind a placeholder only where cutting did not help: of OrangeSum's
//! sentences a third lost the placeholder, too.

use super::{Checked, Outcome, Sentences, care::Care};
use crate::{
    article,
    inference::{InferenceError, Position},
    translate::{Likelihood, Warning, alignment::Source, fidelity::CHECKS},
};
use futures::future::{BoxFuture, FutureExt, try_join_all};
use std::ops::Range;

/// Tokens of the smallest piece that a text is cut into.
const SMALLEST_PIECE: usize = 8;

/// Times that a text is cut in two.
const CUTS: usize = 2;

impl Sentences {
    /// Translates a text that fits into the model's window, prepared with no more care than is taken at first.
    pub(super) async fn translate_part(&self, part: Source<'_>) -> Result<Outcome, InferenceError> {
        if !part.prepared.has_words() {
            return Ok(Outcome::untranslated(part.text.to_owned()));
        }
        let best = self.attempts(part, Care::new(self.decoding), CUTS).await?;
        self.count(&best);
        let warnings = best.faults.into_iter().map(|(check, fault)| Warning {
            kind: CHECKS[check].kind(),
            message: fault.message,
        });
        Ok(Outcome {
            text: best.text,
            warnings: warnings.collect(),
            usage: best.usage,
            likelihood: best.likelihood,
        })
    }

    /// The best of the attempts at a text that may be cut so often. `source`: the text, prepared with `care`.
    fn attempts<'a>(
        &'a self,
        source: Source<'a>,
        mut care: Care,
        cuts: usize,
    ) -> BoxFuture<'a, Result<Checked, InferenceError>> {
        async move {
            let text = source.text;
            let first = self.input(source, &care);
            let given = (first.tokens.clone(), first.options);
            let position = match cuts {
                CUTS => self.position,
                _ => Position::First,
            };
            let mut best = self.decode(first, position).await?;
            if best.is_faultless() {
                return Ok(best);
            }
            care.learn_from(&best, &self.hop.model);
            let pieces = match cuts {
                0 => Vec::new(),
                _ => self.pieces(text),
            };
            let can_be_cut = pieces.len() > 1;
            if cuts < CUTS || !can_be_cut {
                care.insist();
            }
            let second = self.input(self.prepared(text, &care), &care);
            if (&second.tokens, second.options) != (&given.0, given.1) {
                let second = self.decode(second, Position::First).await?;
                care.learn_from(&second, &self.hop.model);
                best = best.or(second);
            }
            if best.is_faultless() || !can_be_cut {
                return Ok(best);
            }
            let translated = pieces.iter().map(|piece| {
                let care = care.within(piece);
                let piece = self.prepared(&text[piece.clone()], &care);
                self.attempts(piece, care, cuts - 1)
            });
            let translated = try_join_all(translated).await?;
            Ok(best.or(self.joined(text, &pieces, translated)))
        }
        .boxed()
    }

    /// About two.
    fn pieces(&self, text: &str) -> Vec<Range<usize>> {
        // Half as much again as a half, for the pieces end at clauses.
        let size = self.hop.model.source().encode(text).len() * 3 / 4;
        article::split_to_fit(text, |piece| {
            self.fitting(piece, size.max(SMALLEST_PIECE)).is_some()
        })
    }

    fn joined(&self, text: &str, pieces: &[Range<usize>], translated: Vec<Checked>) -> Checked {
        let mut whole = Checked {
            likelihood: Some(Likelihood::default()),
            ..Checked::default()
        };
        let mut end = 0;
        for (piece, translated) in pieces.iter().zip(translated) {
            whole.text.push_str(&text[end..piece.start]);
            whole
                .text
                .push_str(&self.as_part(text, piece, translated.text));
            let faults = translated.faults.into_iter();
            whole
                .faults
                .extend(faults.map(|(check, fault)| (check, fault.shifted(piece.start))));
            whole
                .repaired
                .iter_mut()
                .zip(translated.repaired)
                .for_each(|(all, one)| *all |= one);
            whole.usage += translated.usage;
            let so_far = whole.likelihood;
            whole.likelihood = so_far.and_then(|so_far| so_far.and(translated.likelihood));
            end = piece.end;
        }
        whole
    }
}

impl Checked {
    fn is_faultless(&self) -> bool {
        self.faults.is_empty()
    }

    /// The one that loses less, at the cost of both.
    fn or(self, later: Checked) -> Checked {
        let mut usage = self.usage;
        usage += later.usage;
        let better = match later.losses() < self.losses() {
            true => later,
            false => self,
        };
        Checked { usage, ..better }
    }
}
