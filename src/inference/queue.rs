//! Sentences that wait for a place in a batch, first come, first served.

use super::{InferenceError, Output, Task};
use crate::model::{Student, TokenId};
use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::sync::oneshot;

/// One sentence. A job whose asker has gone (`reply` closed) is dropped wherever it is met.
pub struct Job {
    pub model: Arc<Student>,
    /// Ended by the model's end token.
    pub source: Vec<TokenId>,
    pub task: Task,
    pub submitted: Instant,
    pub reply: oneshot::Sender<Result<Output, InferenceError>>,
}

#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    stopped: bool,
}

/// What a worker has room for.
pub struct Room {
    pub sentences: usize,
    pub tokens: usize,
}

/// What a worker without room for waiting does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum WhenEmpty {
    Wait,
    Return,
}

impl Queue {
    pub fn push(&self, job: Job) -> Result<(), InferenceError> {
        let mut state = self.lock();
        if state.stopped {
            return Err(InferenceError::Stopped);
        }
        state.waiting.push_back(job);
        self.filled.notify_one();
        Ok(())
    }

    /// The first jobs that fit into `room`, but no more than one worker's share of what waits, so
    /// that the sentences of a lone article spread over all workers. At least one, whatever its
    /// size, if any waits. `None` once stopped.
    pub fn take(&self, room: &Room, workers: usize, when_empty: WhenEmpty) -> Option<Vec<Job>> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            state.waiting.retain(|job| !job.reply.is_closed());
            if !state.waiting.is_empty() || when_empty == WhenEmpty::Return {
                break;
            }
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let share = state.waiting.len().div_ceil(workers).min(room.sentences);
        let mut taken = Vec::with_capacity(share);
        let mut tokens = 0;
        while taken.len() < share
            && let Some(next) = state.waiting.front()
            && (taken.is_empty() || tokens + next.source.len() <= room.tokens)
        {
            tokens += next.source.len();
            taken.extend(state.waiting.pop_front());
        }
        if !state.waiting.is_empty() {
            self.filled.notify_one();
        }
        Some(taken)
    }

    /// Waiting sentences and their tokens.
    pub fn depth(&self) -> (usize, usize) {
        let state = self.lock();
        (
            state.waiting.len(),
            state.waiting.iter().map(|job| job.source.len()).sum(),
        )
    }

    /// Wakes all workers to end; what waits is answered with `Stopped`.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        for job in state.waiting.drain(..) {
            let _ = job.reply.send(Err(InferenceError::Stopped)); // the asker may have gone
        }
        self.filled.notify_all();
    }

    /// A panic elsewhere leaves the queue whole: every change of it is one step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
