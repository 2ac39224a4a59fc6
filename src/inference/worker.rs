//! A worker owns one core: it admits waiting sentences into its batches between decode steps.

use super::{
    InferenceError,
    batch::Batch,
    queue::{Job, Queue, Space, WhenEmpty},
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

/// Where more waits than there is room for, nothing but [lone sentences](MOST_LONE) joins before so many rows are free:
/// the encoder's weights come from memory, so that reading one sentence takes about as long as reading several.
const JOIN_TOGETHER: usize = 16;

/// Lone sentences that do not wait for others to join with: where more wait, they are the many.
const MOST_LONE: usize = 4;

pub struct Worker {
    /// The engine's name, for the metrics.
    pub engine: &'static str,
    pub queue: Arc<Queue>,
    pub workers: usize,
    /// Rows of its batches.
    pub places: usize,
    /// Bytes for the keys and values of texts under way.
    pub text_memory: u64,
    /// Rows in its batches, for who asks.
    pub rows: Arc<AtomicUsize>,
}

impl Worker {
    /// Until the queue is stopped; sentences under way are finished first.
    pub fn run(self) {
        let mut batches: Vec<Batch> = Vec::new();
        loop {
            let room = Space {
                rows: self.places,
                tokens: MAX_ENCODED_TOKENS,
                bytes: self.text_memory,
            };
            let room = batches
                .iter()
                .flat_map(Batch::taken)
                .fold(room, |room, taken| {
                    Space {
                        tokens: room.tokens, // read before this step
                        ..room.without(taken)
                    }
                });
            let when_empty = if batches.is_empty() {
                WhenEmpty::Wait
            } else {
                WhenEmpty::Return
            };
            let taken = match self.waits_for_more_room(room.rows) {
                true => Some(Vec::new()),
                false => self.queue.take(room, self.workers, when_empty),
            };
            if taken.is_none() && batches.is_empty() {
                return;
            }
            let taken = taken.unwrap_or_default();
            taken.iter().for_each(|job| self.tell_wait(job));
            for (model, jobs) in by_model(taken) {
                let at = batches.iter().position(|batch| batch.model().is(&model));
                let batch = match at {
                    Some(at) => Ok(batches.swap_remove(at)),
                    None => guarded(|| Batch::new(model)),
                };
                match batch {
                    Ok(batch) => batches.extend(attempt(batch, |batch| batch.join(jobs))),
                    Err(error) => jobs.into_iter().for_each(|job| {
                        let _ = job.reply.send(Err(error.clone())); // the asker may have gone
                    }),
                }
            }
            batches.retain(|batch| batch.rows() > 0);
            let rows: usize = batches.iter().map(Batch::rows).sum();
            if rows > 0 {
                metrics::histogram!("depeche_batch_fill_ratio", "engine" => self.engine)
                    .record(rows as f64 / self.places as f64);
            }
            batches = batches
                .into_iter()
                .filter_map(|batch| attempt(batch, Batch::step))
                .collect();
            batches.retain(|batch| batch.rows() > 0);
            let rows = batches.iter().map(Batch::rows).sum();
            self.rows.store(rows, Ordering::Relaxed);
        }
    }

    /// Whether to go on without joiners. Small batches, such as those of texts, take each as soon as they can, and
    /// so does every batch what somebody waits for alone.
    fn waits_for_more_room(&self, rows: usize) -> bool {
        rows < JOIN_TOGETHER
            && self.places >= 4 * JOIN_TOGETHER
            && self.queue.waiting() > rows
            && !(1..=MOST_LONE).contains(&self.queue.lone(rows))
    }

    fn tell_wait(&self, job: &Job) {
        let labels = [
            ("engine", self.engine),
            ("urgency", job.turn.urgency.as_str()),
        ];
        metrics::histogram!("depeche_queue_wait_seconds", &labels).record(job.submitted.elapsed());
    }
}

/// The batch if the work succeeds; else its sentences are answered with the error.
fn attempt<T>(
    mut batch: Batch,
    work: impl FnOnce(&mut Batch) -> candle_core::Result<T>,
) -> Option<Batch> {
    match guarded(|| work(&mut batch)) {
        Ok(_) => Some(batch),
        Err(error) => {
            batch.fail(&error);
            None
        }
    }
}

/// What the network does, its panics as errors: a defect in one batch must not take the worker, and with
/// it a core, from all others.
fn guarded<T>(work: impl FnOnce() -> candle_core::Result<T>) -> Result<T, InferenceError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            tracing::error!(%error, "the network failed");
            Err(InferenceError::Model(error.to_string()))
        }
        Err(_) => {
            tracing::error!("a panic in the network");
            Err(InferenceError::Panicked)
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::queue::test::{push_lone, queue, space};

    /// Whether a worker with `free` of its `places` free goes on without joiners, where one request waits for
    /// `waiting` sentences, and `lone` requests for one each.
    fn waits(places: usize, free: usize, waiting: usize, lone: u64) -> bool {
        let (queue, _askers) = queue(&vec![space(1, 10, 0); waiting]);
        let _lone_askers = push_lone(&queue, lone);
        let worker = Worker {
            engine: "sentences",
            queue: Arc::new(queue),
            workers: 1,
            places,
            text_memory: 0,
            rows: Arc::default(),
        };
        worker.waits_for_more_room(free)
    }

    #[test]
    fn many_join_together_and_few_at_once() {
        assert!(waits(64, 15, 16, 0));
        assert!(!waits(64, 16, 100, 0));
        assert!(!waits(64, 15, 15, 0), "there is room for all of them");
        assert!(!waits(16, 1, 100, 0), "a small batch");
        assert!(!waits(64, 1, 0, 0));
        assert!(!waits(64, 3, 0, 4), "four lone ones");
        assert!(waits(64, 3, 0, 5), "many lone ones");
        assert!(waits(64, 0, 0, 4), "no room for one");
        assert!(
            !waits(64, 2, 100, 1),
            "there is room for who comes before it, too"
        );
        assert!(waits(64, 1, 100, 1), "there is none for it");
    }

    #[test]
    fn a_panic_in_the_network_is_an_error_that_quotes_nothing() {
        let panics = guarded::<()>(|| panic!("Zanzibar"));
        let told = panics.unwrap_err().to_string();
        assert!(!told.contains("Zanzibar"), "{told}");
        assert_eq!(guarded(|| Ok(1)).unwrap(), 1);
    }
}
