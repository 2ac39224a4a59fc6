//! Sentences that wait for a place in a batch, in their [`turns`](super::turns).

#[cfg(test)]
pub(super) mod test;

use super::{
    InferenceError, Output, Task,
    turns::{Position, Turn, Turns},
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
    /// Among its request's sentences.
    pub position: Position,
    pub model: Model,
    /// Ended by the model's end token; an instruction model's prompt.
    pub source: Vec<TokenId>,
    pub task: Task,
    pub submitted: Instant,
    pub reply: oneshot::Sender<Result<Output, InferenceError>>,
    /// Is told the tokens of the output as soon as they are certain. One that is closed has enough: what
    /// it was told is the whole output.
    pub follower: Option<mpsc::UnboundedSender<TokenId>>,
    /// What it takes of a worker.
    pub space: Space,
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

/// A part of a worker: what it has room for, or what jobs take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Rows of its batches.
    pub rows: usize,
    /// Source tokens read between two steps.
    pub tokens: usize,
    /// Memory for keys and values.
    pub bytes: u64,
}

impl Space {
    /// What is left when the other is taken.
    pub fn without(self, other: Space) -> Self {
        Space {
            rows: self.rows.saturating_sub(other.rows),
            tokens: self.tokens.saturating_sub(other.tokens),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    /// Whether the other fits into it, its tokens aside.
    fn seats(self, other: Space) -> bool {
        other.rows <= self.rows && other.bytes <= self.bytes
    }
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
        state.turns.push(job.turn.clone(), job.position, job);
        self.filled.notify_one();
        Ok(())
    }

    /// The first jobs that fit into `room`, but no more than one worker's share of what waits, so
    /// that the sentences of a lone article spread over all workers. The first of them whatever its
    /// tokens; for a worker that waits, whatever its size. `None` once stopped.
    pub fn take(&self, room: Space, workers: usize, when_empty: WhenEmpty) -> Option<Vec<Job>> {
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
        let share = state.turns.len().div_ceil(workers);
        let mut taken: Vec<Job> = Vec::with_capacity(share.min(room.rows));
        let mut left = room;
        while taken.len() < share
            && let Some(job) = state.turns.pop(|job| match taken.is_empty() {
                true => when_empty == WhenEmpty::Wait || left.seats(job.space),
                false => left.seats(job.space) && job.space.tokens <= left.tokens,
            })
        {
            left = left.without(job.space);
            taken.push(job);
        }
        if !state.turns.is_empty() {
            self.filled.notify_one();
        }
        Some(taken)
    }

    /// Waiting sentences that somebody still wants; the others are dropped.
    pub fn waiting(&self) -> usize {
        let mut state = self.lock();
        state.turns.retain(|job| !job.reply.is_closed());
        state.turns.len()
    }

    /// If one of about the next `turns` is that of a new request of which one sentence waits: how many such
    /// requests there are. Else 0.
    pub fn lone(&self, turns: usize) -> usize {
        self.lock().turns.lone(turns)
    }

    /// Waiting sentences and their tokens.
    pub fn depth(&self) -> (usize, usize) {
        let state = self.lock();
        let tokens = state.turns.iter().map(|job| job.space.tokens).sum();
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
