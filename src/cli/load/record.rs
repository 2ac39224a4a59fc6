//! What is remembered of the answers.
//!
//! Latency counts from the moment at which a request was to begin, not from when the generator got
//! round to sending it. So a service that stalls is charged for all requests that fell into the
//! stall, not only for the one that was under way (the error known as coordinated omission).

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hdrhistogram::{Counter, Histogram};
use tokio::time::Instant;
use tonic::Status;

use crate::cli::{
    error::CliError,
    load::{mix::Method, profile::Load},
};

/// What a histogram has places for.
const SHORTEST: Duration = Duration::from_micros(1);
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Digits of a latency that are kept.
const DIGITS: u8 = 3;
/// The same for each slice of time, of which there are many.
const SLICE_DIGITS: u8 = 2;
/// What a slice covers at first.
const SLICE: Duration = Duration::from_millis(500);
/// When there are so many slices, two become one each.
pub const MOST_SLICES: usize = 240;

/// What a good answer was like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer {
    /// When the first text of a stream came.
    pub first: Option<Instant>,
    /// Of the request's text.
    pub characters: u64,
    /// Of the request's text.
    pub sentences: u64,
    /// Size of all messages of the response, as protobuf.
    pub bytes: u64,
}

/// A request that has ended.
#[derive(Debug)]
pub struct Outcome {
    pub method: Method,
    /// When it was to begin.
    pub intended: Instant,
    /// When it did begin.
    pub sent: Instant,
    pub done: Instant,
    pub result: Result<Answer, Status>,
}

/// How often something failed in one way, and what it said first.
#[derive(Clone, Debug)]
pub struct Failure {
    pub count: u64,
    pub message: String,
}

/// Latencies in microseconds.
#[derive(Clone, Debug)]
pub struct Latencies<C: Counter = u64>(pub Histogram<C>);

impl<C: Counter> Latencies<C> {
    fn with_digits(digits: u8) -> Result<Self, CliError> {
        Histogram::new(digits)
            .map(Latencies)
            .map_err(|error| CliError::Failed(format!("a histogram: {error}")))
    }

    fn record(&mut self, latency: Duration) {
        let latency = latency.clamp(SHORTEST, LONGEST);
        // The histogram grows as needed, so that this cannot fail.
        let _ = self.0.record(latency.as_micros() as u64);
    }

    /// The latency within which this share, 0 to 1, of the requests was answered.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        (!self.0.is_empty()).then(|| Duration::from_micros(self.0.value_at_quantile(share)))
    }

    pub fn mean(&self) -> Option<Duration> {
        (!self.0.is_empty()).then(|| Duration::from_secs_f64(self.0.mean() / 1e6))
    }
}

impl<C: Counter> Latencies<C> {
    pub fn add(&mut self, other: &Latencies<C>) {
        // Fails only where the other has values beyond a fixed range; these grow.
        let _ = self.0.add(&other.0);
    }
}

/// What happened to the requests of one method.
#[derive(Clone, Debug)]
pub struct MethodTally {
    /// Of good answers, late or not.
    pub latency: Latencies,
    /// From the intended start to a stream's first text.
    pub first: Latencies,
    /// Good answers that came later than the objective.
    pub late: u64,
    pub failures: BTreeMap<i32, Failure>,
    /// Of the good answers within the window, and so are those below.
    pub characters: u64,
    pub sentences: u64,
    pub bytes: u64,
}

impl MethodTally {
    pub fn new() -> Result<Self, CliError> {
        Ok(MethodTally {
            latency: Latencies::with_digits(DIGITS)?,
            first: Latencies::with_digits(DIGITS)?,
            late: 0,
            failures: BTreeMap::new(),
            characters: 0,
            sentences: 0,
            bytes: 0,
        })
    }

    pub fn ok(&self) -> u64 {
        self.latency.0.len()
    }

    pub fn errors(&self) -> u64 {
        self.failures.values().map(|failure| failure.count).sum()
    }

    pub fn add(&mut self, other: &MethodTally) {
        self.latency.add(&other.latency);
        self.first.add(&other.first);
        self.late += other.late;
        for (code, failure) in &other.failures {
            self.failures
                .entry(*code)
                .and_modify(|known| known.count += failure.count)
                .or_insert_with(|| failure.clone());
        }
        self.characters += other.characters;
        self.sentences += other.sentences;
        self.bytes += other.bytes;
    }
}

/// What came back in a short stretch of time.
#[derive(Clone, Debug)]
pub struct Slice {
    pub ok: u64,
    pub good: u64,
    pub errors: u64,
    pub latency: Latencies<u32>,
}

impl Slice {
    fn new() -> Result<Self, CliError> {
        Ok(Slice {
            ok: 0,
            good: 0,
            errors: 0,
            latency: Latencies::with_digits(SLICE_DIGITS)?,
        })
    }

    fn add(&mut self, other: &Slice) {
        self.ok += other.ok;
        self.good += other.good;
        self.errors += other.errors;
        self.latency.add(&other.latency);
    }
}

/// All of one phase.
#[derive(Clone, Debug)]
pub struct Tally {
    pub load: Load,
    pub started: Instant,
    pub methods: BTreeMap<Method, MethodTally>,
    pub sent: u64,
    /// Were to be sent when too many were under way.
    pub not_sent: u64,
    /// How much later than intended requests were sent.
    pub lag: Latencies,
    /// What came back until the end of the window; the rest counts as latency, not as throughput.
    pub slices: Vec<Slice>,
    pub slice_width: Duration,
    pub window: Duration,
    last_answer: Duration,
    objective: Duration,
}

impl Tally {
    fn new(load: Load, window: Duration, objective: Duration) -> Result<Self, CliError> {
        Ok(Tally {
            load,
            started: Instant::now(),
            methods: BTreeMap::new(),
            sent: 0,
            not_sent: 0,
            lag: Latencies::with_digits(DIGITS)?,
            slices: Vec::new(),
            slice_width: SLICE,
            window,
            last_answer: Duration::ZERO,
            objective,
        })
    }

    pub fn offered(&self) -> u64 {
        self.sent + self.not_sent
    }

    pub fn answered(&self) -> u64 {
        self.methods
            .values()
            .map(|method| method.ok() + method.errors())
            .sum()
    }

    fn record(&mut self, outcome: Outcome) -> Result<(), CliError> {
        let latency = outcome.done - outcome.intended;
        let at = outcome.done - self.started;
        let good = outcome.result.is_ok() && latency <= self.objective;
        self.lag.record(outcome.sent - outcome.intended);
        self.last_answer = self.last_answer.max(at);
        let in_time = at <= self.window;
        if in_time {
            let slice = self.slice(at)?;
            slice.good += u64::from(good);
            match outcome.result {
                Ok(_) => {
                    slice.ok += 1;
                    slice.latency.record(latency);
                }
                Err(_) => slice.errors += 1,
            }
        }
        let method = match self.methods.entry(outcome.method) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => new.insert(MethodTally::new()?),
        };
        match outcome.result {
            Ok(answer) => {
                method.latency.record(latency);
                method.late += u64::from(!good);
                if let Some(first) = answer.first {
                    method.first.record(first - outcome.intended);
                }
                if in_time {
                    method.characters += answer.characters;
                    method.sentences += answer.sentences;
                    method.bytes += answer.bytes;
                }
            }
            Err(status) => {
                let failure = method
                    .failures
                    .entry(i32::from(status.code()))
                    .or_insert_with(|| Failure {
                        count: 0,
                        message: status.message().to_owned(),
                    });
                failure.count += 1;
            }
        }
        Ok(())
    }

    fn slice(&mut self, at: Duration) -> Result<&mut Slice, CliError> {
        let mut index = self.slice_index(at);
        while index >= MOST_SLICES {
            self.widen()?;
            index = self.slice_index(at);
        }
        while self.slices.len() <= index {
            self.slices.push(Slice::new()?);
        }
        Ok(&mut self.slices[index])
    }

    fn slice_index(&self, at: Duration) -> usize {
        (at.as_secs_f64() / self.slice_width.as_secs_f64()) as usize
    }

    fn widen(&mut self) -> Result<(), CliError> {
        let mut wider = Vec::with_capacity(self.slices.len().div_ceil(2));
        for pair in self.slices.chunks(2) {
            let mut both = Slice::new()?;
            for slice in pair {
                both.add(slice);
            }
            wider.push(both);
        }
        self.slices = wider;
        self.slice_width *= 2;
        Ok(())
    }
}

/// Collects outcomes from all tasks, a tally a phase.
#[derive(Debug)]
pub struct Recorder {
    objective: Duration,
    tallies: Mutex<Vec<Tally>>,
}

impl Recorder {
    /// Answers within the objective are good ones.
    pub fn new(objective: Option<Duration>) -> Self {
        Recorder {
            objective: objective.unwrap_or(Duration::MAX),
            tallies: Mutex::new(Vec::new()),
        }
    }

    fn tallies(&self) -> MutexGuard<'_, Vec<Tally>> {
        // Counting on after a panic elsewhere does no harm.
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything from here on belongs to a new phase, whose throughput is measured over `window`.
    pub fn begin(&self, load: Load, window: Option<Duration>) -> Result<(), CliError> {
        let window = window.unwrap_or(Duration::MAX);
        let tally = Tally::new(load, window, self.objective)?;
        self.tallies().push(tally);
        Ok(())
    }

    /// No request begins any more in this phase: the window ends now, if it has not ended.
    pub fn cut(&self) {
        if let Some(tally) = self.tallies().last_mut() {
            tally.window = tally.window.min(tally.started.elapsed());
        }
    }

    /// All requests of this phase are answered. Where it was to have a number of requests, its
    /// window ends with the last answer.
    pub fn complete(&self) {
        if let Some(tally) = self.tallies().last_mut() {
            tally.window = tally.window.min(tally.last_answer);
        }
    }

    pub fn sent(&self) {
        if let Some(tally) = self.tallies().last_mut() {
            tally.sent += 1;
        }
    }

    pub fn not_sent(&self) {
        if let Some(tally) = self.tallies().last_mut() {
            tally.not_sent += 1;
        }
    }

    pub fn answered(&self, outcome: Outcome) {
        if let Some(tally) = self.tallies().last_mut() {
            // The only error is that of a histogram's constant settings, which `begin` has met.
            let _ = tally.record(outcome);
        }
    }

    /// Looks at the current phase.
    pub fn look<T>(&self, at: impl FnOnce(&Tally) -> T) -> Option<T> {
        self.tallies().last().map(at)
    }

    pub fn take(&self) -> Vec<Tally> {
        std::mem::take(&mut self.tallies())
    }
}
