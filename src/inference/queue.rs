//! Sentences that wait for a place in a batch, in their [`turns`](super::turns).

use super::{
    InferenceError, Output, Task,
    turns::{Turn, Turns},
};
use crate::model::{Model, TokenId};
use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::sync::{mpsc, oneshot};

/// Tells the sentences of one request from those of others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RequestId(pub u64);

/// One sentence. A job whose asker has gone (`reply` closed) is dropped wherever it is met.
pub struct Job {
    pub turn: Turn,
    pub model: Model,
    /// Ended by the model's end token; an instruction model's prompt.
    pub source: Vec<TokenId>,
    pub task: Task,
    pub submitted: Instant,
    pub reply: oneshot::Sender<Result<Output, InferenceError>>,
    /// Is told the tokens of the output as soon as they are certain.
    pub follower: Option<mpsc::UnboundedSender<TokenId>>,
}

#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    turns: Turns<Job>,
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
        state.turns.push(job.turn.clone(), job);
        self.filled.notify_one();
        Ok(())
    }

    /// The first jobs that fit into `room`, but no more than one worker's share of what waits, so
    /// that the sentences of a lone article spread over all workers. One, whatever its tokens, if
    /// any waits and there is room for a sentence. `None` once stopped.
    pub fn take(&self, room: &Room, workers: usize, when_empty: WhenEmpty) -> Option<Vec<Job>> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            state.turns.retain(|job| !job.reply.is_closed());
            if !state.turns.is_empty() || when_empty == WhenEmpty::Return {
                break;
            }
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let share = state.turns.len().div_ceil(workers).min(room.sentences);
        let mut taken: Vec<Job> = Vec::with_capacity(share);
        let mut tokens = 0;
        while taken.len() < share
            && let Some(job) = state
                .turns
                .pop(|job| tokens == 0 || tokens + job.source.len() <= room.tokens)
        {
            tokens += job.source.len();
            taken.push(job);
        }
        if !state.turns.is_empty() {
            self.filled.notify_one();
        }
        Some(taken)
    }

    /// Waiting sentences and their tokens.
    pub fn depth(&self) -> (usize, usize) {
        let state = self.lock();
        let tokens = state.turns.iter().map(|job| job.source.len()).sum();
        (state.turns.len(), tokens)
    }

    /// Wakes all workers to end; what waits is answered with `Stopped`.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        for job in state.turns.drain() {
            let _ = job.reply.send(Err(InferenceError::Stopped)); // the asker may have gone
        }
        self.filled.notify_all();
    }

    /// A panic elsewhere leaves the queue whole: every change of it is one step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
