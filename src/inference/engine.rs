//! The handle on the workers that all requests share.

use super::{
    DecodeOptions, InferenceError, Output, Task,
    admission::{Admission, Limits, Sentences},
    asker::Order,
    queue::{Job, Queue, RequestId},
    turns::Turn,
    worker::Worker,
};
use crate::model::{Causal, Model, TokenId, Translator};
use std::{
    num::NonZeroUsize,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot};

#[derive(Clone, Copy, Debug)]
pub struct EngineSettings {
    /// What it computes, for the names of its threads and the labels of its metrics.
    pub name: &'static str,
    /// Worker threads, one a core.
    pub threads: NonZeroUsize,
    /// Tokens of all admitted requests that are not answered yet.
    pub queue_tokens: usize,
    /// How long a request may wait for others, where requests keep coming faster than they are answered.
    pub queue_wait: Duration,
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
    admission: Admission,
    name: &'static str,
    /// Of each worker.
    rows: Vec<Arc<AtomicUsize>>,
    threads: Vec<JoinHandle<()>>,
}

/// An admitted request: its claim on the engine, given back when dropped, and its turn among others.
pub struct Reservation {
    shared: Arc<Shared>,
    request: RequestId,
    turn: Turn,
    /// Sentences that were not answered, and never will be.
    given_up: AtomicUsize,
}

/// A sentence in the engine, out of it when dropped.
struct Inside<R: Deref<Target = Reservation>> {
    reservation: R,
    /// What it counts.
    tokens: usize,
    answered: bool,
}

impl Engine {
    pub fn start(settings: EngineSettings) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let start = |i, rows: &Arc<AtomicUsize>| {
            let worker = Worker {
                queue: queue.clone(),
                workers: settings.threads.get(),
                sentences: settings.batch_sentences.get(),
                rows: rows.clone(),
            };
            std::thread::Builder::new()
                .name(format!("{}-{i}", settings.name))
                .spawn(move || worker.run())
        };
        // What has started ends with `shared`, even where a later thread cannot be started.
        let mut shared = Shared {
            queue: queue.clone(),
            admission: Admission::new(Limits {
                tokens: settings.queue_tokens,
                wait: settings.queue_wait,
                workers: settings.threads.get(),
                sentences: settings.threads.get() * settings.batch_sentences.get(),
                engine: settings.name,
            }),
            name: settings.name,
            rows: Vec::new(),
            threads: Vec::new(),
        };
        for i in 0..settings.threads.get() {
            let rows = Arc::<AtomicUsize>::default();
            shared.threads.push(start(i, &rows)?);
            shared.rows.push(rows);
        }
        Ok(Engine {
            shared: Arc::new(shared),
        })
    }

    /// Admits a request, all its sentences or none, if it can be answered in time.
    pub fn admit(&self, order: Order) -> Result<Reservation, InferenceError> {
        let (client, urgency) = (order.asker.client.clone(), order.urgency);
        let request = self.shared.admission.admit(order)?;
        Ok(Reservation {
            shared: self.shared.clone(),
            request,
            turn: Turn {
                urgency,
                client,
                request,
            },
            given_up: AtomicUsize::new(0),
        })
    }

    /// Admits a request of about that many source tokens, of nobody in particular.
    pub fn reserve(&self, tokens: usize) -> Result<Reservation, InferenceError> {
        self.admit(Order::anonymous(tokens))
    }

    /// Sentences waiting for a place in a batch, and their tokens.
    pub fn queue_depth(&self) -> (usize, usize) {
        self.shared.queue.depth()
    }

    /// What it computes.
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// Outputs being written right now, each hypothesis of a beam counted.
    pub fn rows(&self) -> usize {
        let rows = self.shared.rows.iter();
        rows.map(|rows| rows.load(Ordering::Relaxed)).sum()
    }

    /// Source tokens of all requests under way, waiting and in batches.
    pub fn reserved_tokens(&self) -> usize {
        self.shared.admission.tokens()
    }
}

impl Reservation {
    /// Computes one sentence, `source` ended by the model's end token. Dropping the future frees
    /// the sentence's place within one step.
    pub async fn run(
        &self,
        model: &Arc<Translator>,
        source: Vec<TokenId>,
        task: Task,
    ) -> Result<Output, InferenceError> {
        let model = Model::Translator(model.clone());
        let mut inside = Inside::enter(self, task.tokens(source.len()));
        let answer = self.submit(model, source, task, None)?;
        let output = answered(answer).await?;
        inside.answered(&output);
        Ok(output)
    }

    /// Has a text written that goes on from the prompt. Dropping it frees its place within one step.
    pub fn write(
        self: &Arc<Self>,
        model: &Arc<Causal>,
        prompt: Vec<TokenId>,
        options: DecodeOptions,
    ) -> Result<Writing, InferenceError> {
        let model = Model::Causal(model.clone());
        let task = Task::Decode(options);
        let inside = Inside::enter(self.clone(), task.tokens(prompt.len()));
        let (follower, tokens) = mpsc::unbounded_channel();
        Ok(Writing {
            answer: self.submit(model, prompt, task, Some(follower))?,
            tokens,
            inside,
            submitted: Instant::now(),
        })
    }

    fn submit(
        &self,
        model: Model,
        source: Vec<TokenId>,
        task: Task,
        follower: Option<mpsc::UnboundedSender<TokenId>>,
    ) -> Result<Answer, InferenceError> {
        let (reply, answer) = oneshot::channel();
        self.shared.queue.push(Job {
            turn: self.turn.clone(),
            model,
            source,
            task,
            submitted: Instant::now(),
            reply,
            follower,
        })?;
        Ok(answer)
    }
}

/// A text being written.
pub struct Writing {
    tokens: mpsc::UnboundedReceiver<TokenId>,
    answer: Answer,
    inside: Inside<Arc<Reservation>>,
    submitted: Instant,
}

impl Writing {
    /// Its next token; none at its end, and none of a beam before the end.
    pub async fn next(&mut self) -> Option<TokenId> {
        self.tokens.recv().await
    }

    /// Time since it was asked for.
    pub fn since(&self) -> Duration {
        self.submitted.elapsed()
    }

    /// Waits for the whole.
    pub async fn end(mut self) -> Result<Output, InferenceError> {
        let output = answered(self.answer).await?;
        self.inside.answered(&output);
        Ok(output)
    }
}

type Answer = oneshot::Receiver<Result<Output, InferenceError>>;

/// What is stopped is told so; a job that vanished was in a batch that failed.
async fn answered(answer: Answer) -> Result<Output, InferenceError> {
    answer.await.unwrap_or_else(|_| {
        Err(InferenceError::Model(
            "its batch failed; the log says why".into(),
        ))
    })
}

impl<R: Deref<Target = Reservation>> Inside<R> {
    fn enter(reservation: R, tokens: usize) -> Self {
        reservation.shared.admission.entered(reservation.request);
        Inside {
            reservation,
            tokens,
            answered: false,
        }
    }

    fn answered(&mut self, output: &Output) {
        self.answered = true;
        let Reservation {
            shared, request, ..
        } = &*self.reservation;
        shared.admission.answered(*request, self.tokens, output);
    }
}

impl<R: Deref<Target = Reservation>> Drop for Inside<R> {
    fn drop(&mut self) {
        if !self.answered {
            self.reservation.given_up.fetch_add(1, Ordering::Relaxed);
        }
        self.reservation
            .shared
            .admission
            .left(self.reservation.request);
    }
}

impl Task {
    /// What a sentence of so many source tokens counts: encoding is about a third of translating.
    fn tokens(&self, source: usize) -> usize {
        match self {
            Task::Encode => source.div_ceil(3),
            Task::Decode(_) => source,
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let sentences = match self.given_up.load(Ordering::Relaxed) {
            0 => Sentences::Answered,
            _ => Sentences::GivenUp,
        };
        self.shared.admission.over(self.request, sentences);
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
