//! The handle on the workers that all requests share.

use super::{
    DecodeOptions, InferenceError, Output, Task,
    admission::{Admission, Limits, Place, Sentences},
    asker::Order,
    cost::Cost,
    decode::Search,
    pinning,
    queue::{Job, Queue, RequestId, Space},
    turns::{Position, Turn},
    worker::Worker,
};
use crate::model::{Model, TokenId, Translator};
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
    /// Sentences that a worker decodes together, each hypothesis of a beam counted.
    pub batch_sentences: NonZeroUsize,
    /// Tokens a second of a worker, before anything was measured.
    pub first_pace: f64,
    /// Bytes that a worker may take for the keys and values of texts under way; others wait.
    pub text_memory: u64,
    /// Whether each worker keeps to one core.
    pub pin_threads: bool,
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
    text_memory: u64,
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
    answered: bool,
}

impl Engine {
    pub fn start(settings: EngineSettings) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let start = |i, rows: &Arc<AtomicUsize>| {
            let worker = Worker {
                engine: settings.name,
                queue: queue.clone(),
                workers: settings.threads.get(),
                places: settings.batch_sentences.get(),
                text_memory: settings.text_memory,
                rows: rows.clone(),
            };
            std::thread::Builder::new()
                .name(format!("{}-{i}", settings.name))
                .spawn(move || {
                    if settings.pin_threads
                        && let Err(error) = pinning::to_core(i)
                    {
                        tracing::warn!(%error, "a thread is not pinned to a core");
                    }
                    worker.run();
                })
        };
        // What has started ends with `shared`, even where a later thread cannot be started.
        let mut shared = Shared {
            queue: queue.clone(),
            admission: Admission::new(Limits {
                tokens: settings.queue_tokens,
                wait: settings.queue_wait,
                first_guess: settings.first_pace * settings.threads.get() as f64,
                sentences: settings.threads.get() * settings.batch_sentences.get(),
                engine: settings.name,
            }),
            name: settings.name,
            text_memory: settings.text_memory,
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
        let (client, urgency) = (order.asker.account.clone(), order.urgency);
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
        self.admit(Order::anonymous(Cost::translating(tokens, Search::Greedy)))
    }

    /// Waits for a place among the batches: a batch's document is admitted once it has one, and holds it
    /// until it is done.
    pub async fn line_up(&self, cost: Cost) -> Place {
        self.shared.admission.line_up(cost).await
    }

    /// Whether all workers are at work. One that is not was ended by a panic, and is missed by all.
    pub fn is_whole(&self) -> bool {
        let threads = &self.shared.threads;
        threads.iter().all(|thread| !thread.is_finished())
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
    /// Lets the request, of which nothing is computed yet, go on at another cost, or says why not: then it
    /// has no place any more.
    pub fn amend(&self, cost: Cost) -> Result<(), InferenceError> {
        self.shared.admission.amend(self.request, cost)
    }

    /// Notes that work of the request at that cost need not be done, for its result is known.
    pub fn spare(&self, cost: Cost) {
        self.shared.admission.spared(self.request, cost);
    }

    /// Computes one sentence, `source` ended by the model's end token. Dropping the future frees
    /// the sentence's place within one step.
    pub async fn run(
        &self,
        model: &Arc<Translator>,
        source: Vec<TokenId>,
        task: Task,
    ) -> Result<Output, InferenceError> {
        self.run_at(Position::Last, model, source, task).await
    }

    /// The same at that position among the request's sentences.
    pub async fn run_at(
        &self,
        position: Position,
        model: &Arc<Translator>,
        source: Vec<TokenId>,
        task: Task,
    ) -> Result<Output, InferenceError> {
        let model = Model::Translator(model.clone());
        let cost = task.cost(source.len());
        let answer = self.submit(position, model, source, task, None)?;
        let mut inside = Inside::enter(self);
        let output = answered(answer).await?;
        inside.answered(cost, &output);
        Ok(output)
    }

    /// Has a text written: what goes on from a prompt, or the output for a source that is ended by the
    /// model's end token. Dropping it frees its place within one step.
    ///
    /// # Errors
    /// The engine has ended, or has not the memory for a text that may become so long.
    pub fn write(
        self: &Arc<Self>,
        model: Model,
        prompt: Vec<TokenId>,
        options: DecodeOptions,
    ) -> Result<Writing, InferenceError> {
        let task = Task::Decode(options);
        let (follower, tokens) = mpsc::unbounded_channel();
        Ok(Writing {
            prompt: prompt.len(),
            search: options.search,
            answer: self.submit(Position::Last, model, prompt, task, Some(follower))?,
            tokens,
            told: 0,
            // What is refused was not in the engine, and nobody gave it up.
            inside: Inside::enter(self.clone()),
            submitted: Instant::now(),
        })
    }

    fn submit(
        &self,
        position: Position,
        model: Model,
        source: Vec<TokenId>,
        task: Task,
        follower: Option<mpsc::UnboundedSender<TokenId>>,
    ) -> Result<Answer, InferenceError> {
        let (reply, answer) = oneshot::channel();
        let longest = match task {
            Task::Encode => source.len(),
            Task::Decode(options) => {
                let most = model.max_output(source.len());
                source.len() + options.length.of(source.len(), most).1
            }
        };
        let rows = task.rows();
        let space = Space {
            rows,
            tokens: source.len(),
            bytes: model.text_bytes(longest).saturating_mul(rows as u64),
        };
        if space.bytes > self.shared.text_memory {
            return Err(InferenceError::TextTooLarge {
                needed: space.bytes,
                most: self.shared.text_memory,
            });
        }
        self.shared.queue.push(Job {
            turn: self.turn.clone(),
            position,
            model,
            source,
            task,
            submitted: Instant::now(),
            reply,
            follower,
            space,
        })?;
        Ok(answer)
    }
}

/// A text being written.
pub struct Writing {
    /// Tokens of its prompt.
    prompt: usize,
    search: Search,
    tokens: mpsc::UnboundedReceiver<TokenId>,
    /// Tokens given.
    told: usize,
    answer: Answer,
    inside: Inside<Arc<Reservation>>,
    submitted: Instant,
}

impl Writing {
    /// Its next token; none at its end, and none of a beam before the end.
    pub async fn next(&mut self) -> Option<TokenId> {
        let token = self.tokens.recv().await;
        self.told += usize::from(token.is_some());
        token
    }

    /// When it was asked for.
    pub fn submitted(&self) -> Instant {
        self.submitted
    }

    /// Waits for the whole.
    pub async fn end(mut self) -> Result<Output, InferenceError> {
        let output = answered(self.answer).await?;
        let best = output.hypotheses.first();
        let written = best.map_or(0, |best| best.tokens.len()).max(self.told);
        let cost = Cost::writing(self.prompt, written, self.search);
        self.inside.answered(cost, &output);
        Ok(output)
    }

    /// Takes what was given for the whole. The output says how long it took; it has no hypothesis, unless
    /// the text came to its end meanwhile. Frees the text's place within one step.
    pub async fn stop(mut self) -> Result<Output, InferenceError> {
        self.tokens.close();
        self.end().await
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
    fn enter(reservation: R) -> Self {
        reservation.shared.admission.entered();
        Inside {
            reservation,
            answered: false,
        }
    }

    fn answered(&mut self, cost: Cost, output: &Output) {
        self.answered = true;
        let Reservation {
            shared, request, ..
        } = &*self.reservation;
        shared.admission.answered(*request, cost, output);
    }
}

impl<R: Deref<Target = Reservation>> Drop for Inside<R> {
    fn drop(&mut self) {
        if !self.answered {
            self.reservation.given_up.fetch_add(1, Ordering::Relaxed);
        }
        self.reservation.shared.admission.left();
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
