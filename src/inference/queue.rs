//! Sentences that wait for a place in a batch: requests take turns, each with its sentences in order,
//! so that a request of one sentence does not wait for one of ten thousand.

use super::{InferenceError, Output, Task};
use crate::model::{Student, TokenId};
use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tokio::sync::oneshot;

/// Tells the sentences of one request from those of others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestId(pub u64);

/// One sentence. A job whose asker has gone (`reply` closed) is dropped wherever it is met.
pub struct Job {
    pub request: RequestId,
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
    /// The request whose turn it is first; none without sentences.
    requests: VecDeque<(RequestId, VecDeque<Job>)>,
    stopped: bool,
}

impl State {
    fn waiting(&self) -> usize {
        self.requests.iter().map(|(_, jobs)| jobs.len()).sum()
    }

    fn push(&mut self, job: Job) {
        match self
            .requests
            .iter_mut()
            .find(|(request, _)| *request == job.request)
        {
            Some((_, jobs)) => jobs.push_back(job),
            None => self
                .requests
                .push_back((job.request, VecDeque::from([job]))),
        }
    }

    /// The next job in turn if it `fits`; its request goes to the end of the line.
    fn pop(&mut self, fits: impl Fn(&Job) -> bool) -> Option<Job> {
        if !self.requests.front()?.1.front().is_some_and(fits) {
            return None;
        }
        let (request, mut jobs) = self.requests.pop_front()?;
        let job = jobs.pop_front();
        if !jobs.is_empty() {
            self.requests.push_back((request, jobs));
        }
        job
    }

    /// Drops the jobs that nobody waits for.
    fn drop_abandoned(&mut self) {
        self.requests.retain_mut(|(_, jobs)| {
            jobs.retain(|job| !job.reply.is_closed());
            !jobs.is_empty()
        });
    }
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
        state.push(job);
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
            state.drop_abandoned();
            if !state.requests.is_empty() || when_empty == WhenEmpty::Return {
                break;
            }
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let share = state.waiting().div_ceil(workers).min(room.sentences);
        let mut taken: Vec<Job> = Vec::with_capacity(share);
        let mut tokens = 0;
        while taken.len() < share
            && let Some(job) =
                state.pop(|job| tokens == 0 || tokens + job.source.len() <= room.tokens)
        {
            tokens += job.source.len();
            taken.push(job);
        }
        if !state.requests.is_empty() {
            self.filled.notify_one();
        }
        Some(taken)
    }

    /// Waiting sentences and their tokens.
    pub fn depth(&self) -> (usize, usize) {
        let state = self.lock();
        let jobs = state.requests.iter().flat_map(|(_, jobs)| jobs);
        (state.waiting(), jobs.map(|job| job.source.len()).sum())
    }

    /// Wakes all workers to end; what waits is answered with `Stopped`.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        for job in state.requests.drain(..).flat_map(|(_, jobs)| jobs) {
            let _ = job.reply.send(Err(InferenceError::Stopped)); // the asker may have gone
        }
        self.filled.notify_all();
    }

    /// A panic elsewhere leaves the queue whole: every change of it is one step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
