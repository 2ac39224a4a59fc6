//! Sentences in, tokens out: one queue for all requests, worker threads that each own a core and a
//! batch, and the decode loop. Nothing here runs on the async runtime, and nothing here knows of
//! documents or languages.
//!
//! - `engine`: the handle that the domain holds
//! - `asker`: who asks, and how urgently
//! - `admission`: who is let in
//! - `cost`: what work counts, in claims, quotas and estimates
//! - `queue`: waiting sentences, in `turns`
//! - `worker`: admits, encodes, steps, lets the finished leave
//! - `batch`: the sentences that one worker decodes together
//! - `decoder`: what a batch needs of a network, and what each family gives
//! - `decode`: the searches: greedy, by chance, beam
//! - `products`: the threads that share those of large models

mod admission;
mod asker;
mod batch;
mod cost;
pub mod decode;
mod decoder;
mod engine;
mod pinning;
mod products;
mod queue;
#[cfg(test)]
mod test;
mod turns;
mod worker;

pub use admission::Place;
pub use asker::{Asker, Order, Quota, Urgency};
pub use cost::Cost;
pub use decode::{DecodeOptions, Hypothesis};
pub use engine::{Engine, EngineSettings, Reservation, Writing};
pub use products::split_products;
pub use turns::Position;

use std::{num::NonZeroUsize, time::Duration};

/// Sentences that a worker decodes together. The product over the vocabulary reads 8 MB of weights a
/// step: at 64 rows reading them should cost about a fifth of computing with them (estimated).
pub const BATCH_SENTENCES: NonZeroUsize = NonZeroUsize::new(64).unwrap();

/// Texts that instruction models write together: each holds the keys and values of its whole prompt.
pub const BATCH_TEXTS: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// Tokens a second of a core before anything was measured: a round figure below what the smallest student
/// does.
pub const SENTENCES_PACE: f64 = 2000.0;

/// The same of all cores for one text, which a model of hundreds of millions of weights writes (estimated):
/// with few texts at a time only more than this is taken for a measurement.
pub const TEXTS_PACE: f64 = 200.0;

#[derive(Debug, Clone, thiserror::Error)]
pub enum InferenceError {
    #[error("{queued} tokens are under way already: try again in {} ms", retry_after.as_millis())]
    Overloaded {
        queued: usize,
        retry_after: Duration,
    },
    #[error(
        "it would take some {} ms, and its deadline is in {} ms: try again in {} ms, or allow more time",
        needed.as_millis(), left.as_millis(), retry_after.as_millis()
    )]
    TooLate {
        needed: Duration,
        left: Duration,
        retry_after: Duration,
    },
    #[error(
        "its own work takes some {} ms, and its deadline is in {} ms: allow more time, or split the text",
        alone.as_millis(), left.as_millis()
    )]
    Hopeless { alone: Duration, left: Duration },
    #[error("the quota of {account} is used up ({what}): try again in {} ms", retry_after.as_millis())]
    Quota {
        account: String,
        what: String,
        retry_after: Duration,
    },
    #[error(
        "the text and its summary may need {needed} bytes of memory, and text_memory_bytes is {most}: \
         give a shorter text, or raise the setting"
    )]
    TextTooLarge { needed: u64, most: u64 },
    #[error("the server is shutting down")]
    Stopped,
    #[error("the model failed: {0}")]
    Model(String),
    /// What a panic says may quote a text: it stays in the log, as far as that may have it.
    #[error("the work stopped in the middle: a bug; the server's log says where")]
    Panicked,
}

/// What is wanted of a sentence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Task {
    /// The mean of the encoder's states.
    Encode,
    /// The network's output.
    Decode(DecodeOptions),
}

/// What the network made of a sentence.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// The best first: one, or as many as a beam is wide. Empty for `Task::Encode`.
    pub hypotheses: Vec<Hypothesis>,
    /// Mean of the encoder's states, `[dim]`. Empty for `Task::Decode`.
    pub vector: Vec<f32>,
    /// From submission to a place in a batch.
    pub queue_time: Duration,
    /// In the batch.
    pub compute_time: Duration,
    /// The part of `compute_time` until the encoder was done.
    pub encode_time: Duration,
}

impl From<tokio::task::JoinError> for InferenceError {
    fn from(_: tokio::task::JoinError) -> Self {
        InferenceError::Panicked
    }
}

impl Output {
    /// The best hypothesis; an empty one for `Task::Encode`.
    pub fn take_best(&mut self) -> Hypothesis {
        match self.hypotheses.is_empty() {
            true => Hypothesis::default(),
            false => self.hypotheses.swap_remove(0),
        }
    }
}
