//! How a sentence is to be decoded.

use crate::model::TokenId;
use std::num::NonZeroUsize;

/// The default is what the project's own model was measured with: the best token at every step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DecodeOptions {
    pub search: Search,
    /// No sequence of so many tokens comes twice in an output.
    pub no_repeat_ngram: Option<NonZeroUsize>,
    /// Every token may come, not only those that a model's shortlist leaves for the source.
    pub whole_vocabulary: bool,
    pub length: LengthBounds,
    /// The token that every output begins with.
    pub forced_first: Option<TokenId>,
    /// The end that follows an output of the greatest length, whatever the network says; without it
    /// such an output has none.
    pub forced_last: Option<TokenId>,
    pub scores: Scores,
}

/// Which of all possible outputs is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Search {
    /// The best token at every step.
    #[default]
    Greedy,
    Beam(Beam),
    /// A token at random at every step, by its probability.
    Sample(Sample),
}

impl Search {
    /// Hypotheses under way at a time, at the most.
    pub fn rows(&self) -> usize {
        match self {
            Search::Greedy | Search::Sample(_) => 1,
            Search::Beam(beam) => beam.size.get(),
        }
    }
}

/// Beam search: at every step the best of the continuations of the best so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beam {
    /// Hypotheses under way at a time, and how many are given in the end; 1 is the greedy search.
    pub size: NonZeroUsize,
    /// Hypotheses are compared by their log-probability divided by `tokens ^ length_penalty`, the end
    /// counted: 0 favours short ones, more than 1 long ones.
    pub length_penalty: f32,
    pub stop: Stop,
}

impl Beam {
    pub fn of(size: NonZeroUsize) -> Self {
        Beam {
            size,
            length_penalty: 1.0,
            stop: Stop::default(),
        }
    }
}

/// When a beam search ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// As soon as as many hypotheses are complete as the beam is wide.
    WhenFull,
    /// When, besides, none under way is better than the worst complete one as long as it is now.
    #[default]
    WhenUnlikely,
    /// When, besides, none under way can become better within the longest permitted output.
    WhenImpossible,
}

/// How a token is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// What the logits are divided by: below 1 the likely become likelier. 0 is the greedy search.
    pub temperature: f32,
    /// Of the so many likeliest only.
    pub top_k: NonZeroUsize,
    /// Of the likeliest only, as few as together have this probability; 1 for all.
    pub top_p: f32,
    /// The same seed draws the same tokens.
    pub seed: u64,
}

/// How long an output may be, in tokens, its end not counted. Of two bounds the narrower holds; the
/// model's own bound holds in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LengthBounds {
    pub min_tokens: usize,
    pub max_tokens: Option<NonZeroUsize>,
    /// In tokens of the output for a token of the source.
    pub min_ratio: f32,
    pub max_ratio: Option<f32>,
}

/// Whether an output's log-probability is wanted; a greedy search does not compute it by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scores {
    /// Where the search has them anyway.
    #[default]
    AsFound,
    Wanted,
}

impl LengthBounds {
    /// The shortest and the longest output for a source of so many tokens, where the model itself
    /// permits `most`.
    pub fn of(&self, source: usize, most: usize) -> (usize, usize) {
        let ratio = |ratio: f32| (ratio.max(0.0) * source as f32).ceil() as usize;
        let most = most
            .min(self.max_tokens.map_or(usize::MAX, NonZeroUsize::get))
            .min(self.max_ratio.map_or(usize::MAX, |max| ratio(max).max(1)));
        (
            self.min_tokens.max(ratio(self.min_ratio)).min(most),
            most.max(1),
        )
    }
}
