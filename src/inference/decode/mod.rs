//! The searches: which tokens to go on with, given the best next ones of every hypothesis. A search is
//! one sentence's; it knows no network and no batch.
//!
//! - `options`: what can be asked for
//! - `rules`: what may not come next
//! - `single`: one hypothesis, the likeliest token or one drawn
//! - `beam`: several hypotheses side by side

mod beam;
mod options;
mod rules;
mod single;
#[cfg(test)]
mod test;

pub use options::{Beam, DecodeOptions, LengthBounds, Sample, Scores, Search, Stop};
pub use rules::Rules;

use super::decoder::Next;
use crate::model::{Ask, TokenId};
use beam::BeamSearch;
use single::SingleSearch;
use std::sync::Arc;

/// One output of a search.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hypothesis {
    /// Without the end.
    pub tokens: Vec<TokenId>,
    /// False where the longest permitted output was reached before the end.
    pub finished: bool,
    /// `[tokens][source tokens]`: attention of each output token over the source's; empty rows where
    /// the network has no cross-attention.
    pub alignment: Vec<Arc<[f32]>>,
    /// `None` where it was not asked for.
    pub score: Option<Score>,
}

/// How likely the network finds an output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Natural logarithm of its probability, its end counted.
    pub log_probability: f32,
    /// The same divided by `tokens ^ length_penalty`, the end counted: what hypotheses are compared by.
    pub normalized: f32,
}

impl Score {
    fn new(log_probability: f32, tokens: usize, length_penalty: f32) -> Self {
        Score {
            log_probability,
            normalized: log_probability / (tokens.max(1) as f32).powf(length_penalty),
        }
    }
}

impl Hypothesis {
    /// Leaves the first `positions` of the source out of the alignment.
    pub fn forget_source(&mut self, positions: usize) {
        if positions > 0 {
            for row in &mut self.alignment {
                *row = row.iter().skip(positions).copied().collect();
            }
        }
    }
}

/// The search for one sentence's output.
pub enum Searching {
    Single(SingleSearch),
    Beam(BeamSearch),
}

/// How the hypotheses of a search go on.
pub enum Continuation {
    /// Each on one of those before, by its number, with that token.
    Rows(Vec<(usize, TokenId)>),
    /// The search is over: the outputs, the best first, at least one.
    Done(Vec<Hypothesis>),
}

impl Searching {
    pub fn new(options: &DecodeOptions, rules: Rules) -> Self {
        match options.search {
            Search::Beam(beam) if beam.size.get() > 1 => {
                Searching::Beam(BeamSearch::new(beam, rules))
            }
            Search::Beam(beam) => {
                Searching::Single(SingleSearch::greedy(rules, true, beam.length_penalty))
            }
            Search::Sample(sample) if sample.temperature > 0.0 => {
                Searching::Single(SingleSearch::sampling(rules, options.scores, sample))
            }
            Search::Sample(_) | Search::Greedy => {
                let scored = options.scores == Scores::Wanted;
                Searching::Single(SingleSearch::greedy(rules, scored, 1.0))
            }
        }
    }

    /// Hypotheses under way, each a row of the decoder.
    pub fn rows(&self) -> usize {
        match self {
            Searching::Single(_) => 1,
            Searching::Beam(search) => search.rows(),
        }
    }

    /// What to ask of the next tokens, one a row.
    pub fn asks(&self) -> Vec<Ask> {
        match self {
            Searching::Single(search) => vec![search.ask()],
            Searching::Beam(search) => search.asks(),
        }
    }

    /// Goes one step on; `next` has one item a row.
    pub fn step(&mut self, next: &[Next]) -> Continuation {
        match self {
            Searching::Single(search) => search.step(&next[0]),
            Searching::Beam(search) => search.step(next),
        }
    }

    /// The tokens that are certain to stay.
    pub fn settled(&self) -> &[TokenId] {
        match self {
            Searching::Single(search) => search.tokens(),
            Searching::Beam(_) => &[],
        }
    }
}
