//! A worker owns one core: it admits waiting sentences into its batches between decode steps.

use super::{
    InferenceError,
    batch::Batch,
    queue::{Job, Queue, Room, WhenEmpty},
};
use crate::model::Model;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Source tokens encoded between two decode steps: bounds what the joiners cost those under way.
const MAX_ENCODED_TOKENS: usize = 2048;

pub struct Worker {
    pub queue: Arc<Queue>,
    pub workers: usize,
    /// In its batches no more are admitted; a beam may pass it.
    pub sentences: usize,
    /// Rows in its batches, for who asks.
    pub rows: Arc<AtomicUsize>,
}

impl Worker {
    /// Until the queue is stopped; sentences under way are finished first.
    pub fn run(self) {
        let mut batches: Vec<Batch> = Vec::new();
        loop {
            let under_way: usize = batches.iter().map(Batch::rows).sum();
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
                let at = batches.iter().position(|batch| batch.model().is(&model));
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
            batches.retain(|batch| batch.rows() > 0);
            let taken: usize = batches.iter().map(Batch::rows).sum();
            metrics::histogram!("depeche_batch_fill_ratio")
                .record(taken as f64 / self.sentences as f64);
            batches = batches
                .into_iter()
                .filter_map(|batch| attempt(batch, Batch::step))
                .collect();
            batches.retain(|batch| batch.rows() > 0);
            let rows = batches.iter().map(Batch::rows).sum();
            self.rows.store(rows, Ordering::Relaxed);
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
fn by_model(jobs: Vec<Job>) -> Vec<(Model, Vec<Job>)> {
    let mut groups: Vec<(Model, Vec<Job>)> = Vec::new();
    for job in jobs {
        match groups.iter_mut().find(|(model, _)| model.is(&job.model)) {
            Some((_, group)) => group.push(job),
            None => groups.push((job.model.clone(), vec![job])),
        }
    }
    groups
}
