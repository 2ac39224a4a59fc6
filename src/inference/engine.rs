//! The handle on the workers that all requests share.

use super::{
    InferenceError, Output, Task,
    queue::{Job, Queue, RequestId},
    worker::Worker,
};
use crate::model::{Student, TokenId};
use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

#[derive(Clone, Copy, Debug)]
pub struct EngineSettings {
    /// Worker threads, one a core.
    pub threads: NonZeroUsize,
    /// Tokens of all admitted requests that are not answered yet.
    pub queue_tokens: usize,
    /// Sentences that a worker decodes together.
    pub batch_sentences: NonZeroUsize,
}

/// Cheap to clone. The workers end when the last clone is dropped.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Arc<Queue>,
    settings: EngineSettings,
    reserved: AtomicUsize,
    requests: AtomicU64,
    threads: Vec<JoinHandle<()>>,
}

/// An admitted request: its claim on the queue, given back when dropped, and its turn among others.
pub struct Reservation {
    shared: Arc<Shared>,
    request: RequestId,
    tokens: usize,
}

/// Tokens that a core translates in a second, for the advice when to try again; a cautious round
/// figure below what was measured with the default model.
const TOKENS_PER_CORE_SECOND: usize = 2000;

impl Engine {
    pub fn start(settings: EngineSettings) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let start = |i| {
            let worker = Worker {
                queue: queue.clone(),
                workers: settings.threads.get(),
                sentences: settings.batch_sentences.get(),
            };
            std::thread::Builder::new()
                .name(format!("inference-{i}"))
                .spawn(move || worker.run())
        };
        // What has started ends with `shared`, even where a later thread cannot be started.
        let mut shared = Shared {
            queue: queue.clone(),
            settings,
            reserved: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            threads: Vec::new(),
        };
        for i in 0..settings.threads.get() {
            shared.threads.push(start(i)?);
        }
        Ok(Engine {
            shared: Arc::new(shared),
        })
    }

    /// Admits a request of about that many source tokens, all its sentences or none. A request
    /// larger than the whole queue is admitted when nothing else is there.
    pub fn reserve(&self, tokens: usize) -> Result<Reservation, InferenceError> {
        let limit = self.shared.settings.queue_tokens;
        let admit = |reserved: usize| {
            (reserved == 0 || reserved + tokens <= limit).then_some(reserved + tokens)
        };
        match self
            .shared
            .reserved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, admit)
        {
            Ok(_) => Ok(Reservation {
                shared: self.shared.clone(),
                request: RequestId(self.shared.requests.fetch_add(1, Ordering::Relaxed)),
                tokens,
            }),
            Err(queued) => {
                let rate = TOKENS_PER_CORE_SECOND * self.shared.settings.threads.get();
                let retry_after = Duration::from_millis((1000 * queued / rate).max(100) as u64);
                Err(InferenceError::Overloaded {
                    queued,
                    retry_after,
                })
            }
        }
    }

    /// Sentences waiting for a place in a batch, and their tokens.
    pub fn queue_depth(&self) -> (usize, usize) {
        self.shared.queue.depth()
    }

    /// Source tokens of all requests under way, waiting and in batches.
    pub fn reserved_tokens(&self) -> usize {
        self.shared.reserved.load(Ordering::Relaxed)
    }
}

impl Reservation {
    /// Computes one sentence, `source` ended by the model's end token. Dropping the future frees
    /// the sentence's place within one step.
    pub async fn run(
        &self,
        model: &Arc<Student>,
        source: Vec<TokenId>,
        task: Task,
    ) -> Result<Output, InferenceError> {
        let (reply, answer) = oneshot::channel();
        self.shared.queue.push(Job {
            request: self.request,
            model: model.clone(),
            source,
            task,
            submitted: Instant::now(),
            reply,
        })?;
        // What is stopped is told so; a job that vanished was in a batch that failed.
        answer.await.unwrap_or_else(|_| {
            Err(InferenceError::Model(
                "its batch failed; the log says why".into(),
            ))
        })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shared
            .reserved
            .fetch_sub(self.tokens, Ordering::Relaxed);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("an inference thread had panicked");
            }
        }
    }
}
