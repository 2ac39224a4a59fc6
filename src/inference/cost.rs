//! What work costs: the one measure that claims, quotas, deadlines and what was done are counted in.

use super::{Task, decode::Search};
use std::{iter::Sum, ops::Add};

/// Sentences that are only encoded cost a part of what translating them costs.
const OF_READING: usize = 3;

/// Work in tokens: a source token that one model translates greedily is one; each hypothesis beside
/// it, each model on the way and each token that is written anew counts as much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(usize);

impl Cost {
    /// Of encoding so many source tokens.
    pub fn reading(source: usize) -> Self {
        Cost(source.div_ceil(OF_READING))
    }

    /// Of translating so many source tokens by one model.
    pub fn translating(source: usize, search: Search) -> Self {
        Cost(source).times(search.rows())
    }

    /// Of reading a prompt and writing so many tokens that go on from it.
    pub fn writing(prompt: usize, written: usize, search: Search) -> Self {
        Cost(prompt.saturating_add(written)).times(search.rows())
    }

    pub fn times(self, n: usize) -> Self {
        Cost(self.0.saturating_mul(n))
    }

    pub fn tokens(self) -> usize {
        self.0
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Cost(self.0.saturating_add(other.0))
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Cost::default(), Add::add)
    }
}

impl Task {
    /// Of one sentence of so many source tokens.
    pub fn cost(&self, source: usize) -> Cost {
        match self {
            Task::Encode => Cost::reading(source),
            Task::Decode(options) => Cost::translating(source, options.search),
        }
    }

    /// Rows of a batch that it takes at the most.
    pub fn rows(&self) -> usize {
        match self {
            Task::Encode => 1,
            Task::Decode(options) => options.search.rows(),
        }
    }
}
