//! Who asks, and how urgently: what admission and the queue know of a request beside its size.

use super::cost::Cost;
use std::{
    num::{NonZeroU64, NonZeroUsize},
    sync::Arc,
    time::Instant,
};

/// A client as far as turns and quotas go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Clients take turns, and quotas are charged, under this name, which is one that the client cannot
    /// choose.
    pub account: Arc<str>,
    pub quota: Quota,
}

/// What one account may have; nothing set is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Tokens of its requests under way, as [`Cost`] counts them.
    pub tokens_in_flight: Option<NonZeroUsize>,
    /// The same of its admitted requests a second, on the average.
    pub tokens_per_second: Option<NonZeroU64>,
}

/// Which queue a request stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Urgency {
    /// Somebody waits for the answer.
    Interactive,
    /// It takes what the others leave, and one turn in [`super::turns::BATCH_TURN`] at least.
    Batch,
}

/// A request to be admitted.
#[derive(Clone, Debug)]
pub struct Order {
    pub asker: Asker,
    pub urgency: Urgency,
    /// About what is to be done, each language, model and hypothesis counted.
    pub cost: Cost,
    /// When the answer is of no use any more.
    pub deadline: Option<Instant>,
}

impl Asker {
    /// One who did not say who it is: all such share one turn.
    pub fn anonymous() -> Self {
        Asker {
            account: "anonymous".into(),
            quota: Quota::default(),
        }
    }
}

impl Order {
    /// Of somebody without a name, who waits for as long as it takes.
    pub fn anonymous(cost: Cost) -> Self {
        Order {
            asker: Asker::anonymous(),
            urgency: Urgency::Interactive,
            cost,
            deadline: None,
        }
    }
}

impl Urgency {
    /// As metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Urgency::Interactive => "interactive",
            Urgency::Batch => "batch",
        }
    }
}
