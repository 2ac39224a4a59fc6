//! A worker owns one core: it admits waiting sentences into its batches between decode steps.

use super::{
    InferenceError,
    batch::Batch,
    queue::{Job, Queue, Room, WhenEmpty},
};
use crate::model::Student;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// Source tokens encoded between two decode steps: bounds what the joiners cost those under way.
const MAX_ENCODED_TOKENS: usize = 2048;

pub struct Worker {
    pub queue: Arc<Queue>,
    pub workers: usize,
    /// In its batches at most.
    pub sentences: usize,
}

impl Worker {
    /// Until the queue is stopped; sentences under way are finished first.
    pub fn run(self) {
        let mut batches: Vec<Batch> = Vec::new();
        loop {
            let under_way: usize = batches.iter().map(Batch::len).sum();
            let room = Room {
                sentences: self.sentences.saturating_sub(under_way),
                tokens: MAX_ENCODED_TOKENS,
            };
            let when_empty = if under_way == 0 {
                WhenEmpty::Wait
            } else {
                WhenEmpty::Return
            };
            let taken = self.queue.take(&room, self.workers, when_empty);
            if taken.is_none() && under_way == 0 {
                return;
            }
            for (model, jobs) in by_model(taken.unwrap_or_default()) {
                let at = batches
                    .iter()
                    .position(|batch| Arc::ptr_eq(batch.model(), &model));
                let batch = match at {
                    Some(at) => Ok(batches.swap_remove(at)),
                    None => Batch::new(model).map_err(failed),
                };
                match batch {
                    Ok(batch) => batches.extend(attempt(batch, |batch| batch.join(jobs))),
                    Err(error) => jobs.into_iter().for_each(|job| {
                        let _ = job.reply.send(Err(error.clone())); // the asker may have gone
                    }),
                }
            }
            batches = batches
                .into_iter()
                .filter_map(|batch| attempt(batch, Batch::step))
                .collect();
            batches.retain(|batch| batch.len() > 0);
        }
    }
}

/// The batch if the work succeeds; else its sentences are answered with the error. A defect in one
/// batch must not take the worker, and with it a core, from all others.
fn attempt<T>(
    mut batch: Batch,
    work: impl FnOnce(&mut Batch) -> candle_core::Result<T>,
) -> Option<Batch> {
    let error = match catch_unwind(AssertUnwindSafe(|| work(&mut batch))) {
        Ok(Ok(_)) => return Some(batch),
        Ok(Err(error)) => failed(error),
        Err(_) => {
            tracing::error!("a panic in the network");
            InferenceError::Model("it stopped in the middle; the server's log says where".into())
        }
    };
    batch.fail(&error);
    None
}

fn failed(error: candle_core::Error) -> InferenceError {
    tracing::error!(%error, "the network failed");
    InferenceError::Model(error.to_string())
}

/// Jobs by the model that they want, each in order of arrival.
fn by_model(jobs: Vec<Job>) -> Vec<(Arc<Student>, Vec<Job>)> {
    let mut groups: Vec<(Arc<Student>, Vec<Job>)> = Vec::new();
    for job in jobs {
        match groups
            .iter_mut()
            .find(|(model, _)| Arc::ptr_eq(model, &job.model))
        {
            Some((_, group)) => group.push(job),
            None => groups.push((job.model.clone(), vec![job])),
        }
    }
    groups
}
