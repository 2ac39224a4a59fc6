//! When the models worked on a sentence.

use std::time::{Duration, Instant};

/// From a first beginning to a last end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    pub start: Instant,
    pub end: Instant,
}

impl Interval {
    /// From then to now.
    pub fn since(start: Instant) -> Self {
        Interval {
            start,
            end: Instant::now().max(start),
        }
    }

    /// The smallest that has both inside.
    pub fn and(self, other: Interval) -> Self {
        Interval {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    pub fn length(self) -> Duration {
        self.end - self.start
    }
}

/// What happened to a sentence; for several attempts, parts or models, from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Waiting for a place in a batch.
    pub queue: Interval,
    /// Read by the model.
    pub encode: Interval,
    /// Written by it.
    pub decode: Interval,
}

impl Times {
    /// `computed` is the time in the batch, of which `encoded` is the first part.
    pub fn new(
        submitted: Instant,
        queued: Duration,
        encoded: Duration,
        computed: Duration,
    ) -> Self {
        let joined = submitted + queued;
        let read = joined + encoded.min(computed);
        Times {
            queue: Interval {
                start: submitted,
                end: joined,
            },
            encode: Interval {
                start: joined,
                end: read,
            },
            decode: Interval {
                start: read,
                end: joined + computed,
            },
        }
    }

    pub fn and(self, other: Times) -> Self {
        Times {
            queue: self.queue.and(other.queue),
            encode: self.encode.and(other.encode),
            decode: self.decode.and(other.decode),
        }
    }

    /// From submission to the end.
    pub fn total(self) -> Duration {
        self.decode.end - self.queue.start
    }
}
