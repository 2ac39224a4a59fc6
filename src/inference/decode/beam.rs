//! Beam search as Hugging Face's `transformers` defines it (`GenerationMixin._beam_search`), so that
//! its models give here what they give there.

use super::{Beam, Continuation, Hypothesis, Rules, Score, Stop};
use crate::{
    inference::decoder::Next,
    model::{Ask, TokenId},
};
use std::sync::Arc;

pub struct BeamSearch {
    beam: Beam,
    rules: Rules,
    /// Under way, the likeliest first; one at the start.
    running: Vec<Running>,
    /// The best so far, the best first, at most as many as the beam is wide.
    complete: Vec<Hypothesis>,
}

#[derive(Clone, Default)]
struct Running {
    tokens: Vec<TokenId>,
    alignment: Vec<Arc<[f32]>>,
    log_probability: f32,
}

/// A hypothesis under way with one token more.
struct Candidate {
    row: usize,
    token: TokenId,
    log_probability: f32,
}

impl BeamSearch {
    pub(super) fn new(beam: Beam, rules: Rules) -> Self {
        BeamSearch {
            beam,
            rules,
            running: vec![Running::default()],
            complete: Vec::new(),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.running.len()
    }

    pub(super) fn asks(&self) -> Vec<Ask> {
        let ask = |running: &Running| Ask {
            top: self.candidates(),
            normalizer: true,
            banned: self.rules.banned(&running.tokens),
            whole_vocabulary: self.rules.whole_vocabulary(),
        };
        self.running.iter().map(ask).collect()
    }

    /// Enough that, after all that could end, as many are left as the beam is wide.
    fn candidates(&self) -> usize {
        self.beam.size.get() * (1 + self.rules.end_count()).max(2)
    }

    pub(super) fn step(&mut self, next: &[Next]) -> Continuation {
        let candidates = self.best_candidates(next);
        let length = self.running.first().map_or(0, |first| first.tokens.len()) + 1;
        let full = length >= self.rules.max();
        let mut running = Vec::with_capacity(self.beam.size.get());
        let mut rows = Vec::with_capacity(self.beam.size.get());
        let keeps_complete =
            self.beam.stop != Stop::WhenFull || self.complete.len() < self.beam.size.get();
        for (rank, candidate) in candidates.into_iter().enumerate() {
            let ends = self.rules.ends_with(candidate.token);
            if ends || full {
                // One that ends counts only where it is among the best of all.
                if rank < self.beam.size.get() && keeps_complete {
                    self.complete(candidate, next, length);
                }
            } else if running.len() < self.beam.size.get() {
                rows.push((candidate.row, candidate.token));
                running.push(self.extended(&candidate, next));
            }
        }
        self.complete.truncate(self.beam.size.get());
        let over = running.is_empty() || self.is_over(&running[0], length);
        if !over {
            self.running = running;
            return Continuation::Rows(rows);
        }
        if self.complete.is_empty() {
            // Nothing may follow anything.
            let best = self.running.swap_remove(0);
            let score = self.score(best.log_probability, best.tokens.len());
            self.complete.push(Hypothesis {
                tokens: best.tokens,
                finished: false,
                alignment: best.alignment,
                score: Some(score),
            });
        }
        Continuation::Done(std::mem::take(&mut self.complete))
    }

    /// The likeliest continuations of all hypotheses under way, the likeliest first.
    fn best_candidates(&self, next: &[Next]) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for (row, (running, next)) in self.running.iter().zip(next).enumerate() {
            if let Some(token) = self.rules.forced(&running.tokens) {
                candidates.push(Candidate {
                    row,
                    token,
                    log_probability: running.log_probability,
                });
                continue;
            }
            let tokens = next.ranked.tokens.iter();
            candidates.extend(tokens.map(|&(token, logit)| Candidate {
                row,
                token,
                log_probability: running.log_probability + (logit - next.ranked.log_normalizer),
            }));
        }
        // Stable: of two equal ones the earlier hypothesis', the smaller token, first.
        candidates.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
        candidates.truncate(self.candidates());
        candidates
    }

    fn extended(&self, candidate: &Candidate, next: &[Next]) -> Running {
        let mut running = self.running[candidate.row].clone();
        running.tokens.push(candidate.token);
        running
            .alignment
            .push(next[candidate.row].attention.clone());
        running.log_probability = candidate.log_probability;
        running
    }

    fn complete(&mut self, candidate: Candidate, next: &[Next], length: usize) {
        let Running {
            tokens, alignment, ..
        } = if self.rules.ends_with(candidate.token) {
            self.running[candidate.row].clone()
        } else {
            self.extended(&candidate, next)
        };
        let finished = !self.rules.is_cut(&tokens);
        let score = self.score(candidate.log_probability, length);
        let at = self.complete.partition_point(|other| {
            other
                .score
                .is_some_and(|other| other.normalized >= score.normalized)
        });
        self.complete.insert(
            at,
            Hypothesis {
                tokens,
                finished,
                alignment,
                score: Some(score),
            },
        );
    }

    /// Whether those under way, of which `best` is the likeliest, need not be followed.
    fn is_over(&self, best: &Running, length: usize) -> bool {
        let worst = match self.complete.last() {
            Some(last) if self.complete.len() == self.beam.size.get() => last.score,
            _ => return false,
        };
        let reachable = match self.beam.stop {
            Stop::WhenFull => return true,
            Stop::WhenImpossible if self.beam.length_penalty > 0.0 => self.rules.max(),
            Stop::WhenUnlikely | Stop::WhenImpossible => length,
        };
        let reachable = self.score(best.log_probability, reachable);
        worst.is_some_and(|worst| reachable.normalized <= worst.normalized)
    }

    fn score(&self, log_probability: f32, tokens: usize) -> Score {
        Score::new(log_probability, tokens, self.beam.length_penalty)
    }
}
