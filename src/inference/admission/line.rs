//! Where documents of batches wait for room: first come, first served, so that a long one is not passed
//! by short ones for ever.

use crate::inference::cost::Cost;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Batches have half of an engine's room, together.
pub struct Line {
    room: Arc<Semaphore>,
    all: u32,
}

/// A document's part of that room, given back when dropped.
#[must_use]
pub struct Place {
    /// None only where the line is closed, which it never is.
    _room: Option<OwnedSemaphorePermit>,
}

impl Line {
    /// `tokens`: of all requests under way.
    pub fn new(tokens: usize) -> Self {
        let half = (tokens / 2).clamp(1, Semaphore::MAX_PERMITS);
        let all = u32::try_from(half).unwrap_or(u32::MAX);
        Line {
            room: Arc::new(Semaphore::new(all as usize)),
            all,
        }
    }

    /// What a document counts: one that is larger than the half counts as the half.
    pub fn counted(&self, cost: Cost) -> usize {
        cost.tokens().min(self.all as usize)
    }

    /// Waits for a place. Dropping the future leaves the line.
    pub async fn place(&self, cost: Cost) -> Place {
        let counted = u32::try_from(self.counted(cost)).unwrap_or(self.all);
        let room = self.room.clone().acquire_many_owned(counted).await;
        Place { _room: room.ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::decode::Search;
    use futures::{FutureExt, poll};
    use std::pin::pin;

    fn cost(tokens: usize) -> Cost {
        Cost::translating(tokens, Search::Greedy)
    }

    #[tokio::test]
    async fn a_document_larger_than_the_room_is_not_passed_by_small_ones_for_ever() {
        let line = Line::new(1000);
        let first = line.place(cost(300)).await;
        let mut large = pin!(line.place(cost(5000)));
        assert!(poll!(&mut large).is_pending());
        // There would be room for this one, but it came later.
        let mut small = pin!(line.place(cost(10)));
        assert!(poll!(&mut small).is_pending());
        drop(first);
        let large = large.now_or_never().unwrap();
        assert!(poll!(&mut small).is_pending());
        drop(large);
        assert!(small.now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_leaves_the_line_holds_up_nobody() {
        let line = Line::new(1000);
        let _first = line.place(cost(300)).await;
        {
            let mut large = pin!(line.place(cost(5000)));
            assert!(poll!(&mut large).is_pending());
        }
        assert!(line.place(cost(200)).now_or_never().is_some());
    }
}
