//! Sentences in, tokens out: one queue for all requests, worker threads that each own a core and a
//! batch, and the decode loop. Nothing here runs on the async runtime, and nothing here knows of
//! documents or languages.
//!
//! - `engine`: admission, and the handle that the domain holds
//! - `queue`: waiting sentences
//! - `worker`: admits, encodes, steps, lets the finished leave
//! - `batch`: the sentences that one worker decodes together

mod batch;
mod engine;
mod queue;
#[cfg(test)]
mod test;
mod worker;

pub use engine::{Engine, EngineSettings, Reservation};

use crate::model::TokenId;
use std::{num::NonZeroUsize, time::Duration};

/// Sentences that a worker decodes together. The product over the vocabulary reads 8 MB of weights a
/// step: at 64 rows reading them should cost about a fifth of computing with them (estimated).
pub const BATCH_SENTENCES: NonZeroUsize = NonZeroUsize::new(64).unwrap();

#[derive(Debug, Clone, thiserror::Error)]
pub enum InferenceError {
    #[error("{queued} tokens are under way already: try again in {} ms", retry_after.as_millis())]
    Overloaded {
        queued: usize,
        retry_after: Duration,
    },
    #[error("the server is shutting down")]
    Stopped,
    #[error("the model failed: {0}")]
    Model(String),
}

/// What is wanted of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Its vector only.
    Encode,
    /// Its translation, and its vector.
    Decode(DecodeOptions),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeOptions {
    /// No sequence of so many tokens comes twice in an output.
    pub no_repeat_ngram: Option<NonZeroUsize>,
    /// Every token may come, not only those that a model's shortlist leaves for the source.
    pub whole_vocabulary: bool,
}

/// What the network made of a sentence.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// Without the end; empty for `Task::Encode`.
    pub tokens: Vec<TokenId>,
    /// False where the longest permitted output was reached before the end.
    pub finished: bool,
    /// `[tokens][source tokens]`: attention of each output token over the source's.
    pub alignment: Vec<Vec<f32>>,
    /// Mean of the encoder's states, `[dim]`.
    pub vector: Vec<f32>,
    /// From submission to a place in a batch.
    pub queue_time: Duration,
    /// In the batch.
    pub compute_time: Duration,
}
