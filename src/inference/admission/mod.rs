//! Who is let in: only work that can be answered in time, as far as the engine's own measurements tell.
//!
//! - `throughput`: what the engine gets done in a second
//! - `backlog`: whether a burst came, or more than can be done
//! - `bucket`: tokens a second for one account
//! - `line`: where batches wait for room
//!
//! The estimate for a request is the work that comes before it in the queue's turns, and its own, by the
//! measured rate. Where clients take turns, a request of `n` tokens waits for no more than `n` of each
//! other one's, so that a sentence is let in beside a book. What is under way counts as if it had just
//! begun: those that come later take turns with the new request, too, their first before its next.

mod backlog;
mod bucket;
mod line;
#[cfg(test)]
mod test;
mod throughput;

use super::{
    InferenceError, Output,
    asker::{Order, Urgency},
    cost::Cost,
    queue::RequestId,
    turns::BATCH_TURN,
};
use backlog::Backlog;
use bucket::Bucket;
use line::Line;
pub use line::Place;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use throughput::Throughput;

/// Where the queue stands, a request may still wait for so many times its own work: what is long anyway
/// may wait longer than what is short.
const STRETCH: usize = 4;
/// The shortest and the longest advice when to come again.
const SOONEST: Duration = Duration::from_millis(50);
const LATEST: Duration = Duration::from_secs(60);

/// What admission goes by beside what it measures.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Tokens of all requests under way: bounds memory, whatever the estimates say.
    pub tokens: usize,
    /// The wait for other requests that may stand, see [`backlog`].
    pub wait: Duration,
    /// Tokens a second, before anything was measured.
    pub first_guess: f64,
    /// Sentences in all batches.
    pub sentences: usize,
    /// The engine's name, for the metrics.
    pub engine: &'static str,
}

pub struct Admission {
    limits: Limits,
    line: Line,
    state: Mutex<State>,
}

struct State {
    engine: &'static str,
    requests: HashMap<RequestId, Admitted>,
    next: u64,
    throughput: Throughput,
    backlog: Backlog,
    /// Of the accounts that have a rate and made use of it lately.
    buckets: HashMap<Arc<str>, Bucket>,
}

struct Admitted {
    order: Order,
    /// Computed, or spared.
    done: Cost,
}

/// Tokens that come before a request's last one, its own included.
struct Turns {
    tokens: usize,
    /// The same if it were alone.
    own: usize,
}

impl Admission {
    pub fn new(limits: Limits) -> Self {
        Admission {
            limits,
            line: Line::new(limits.tokens),
            state: Mutex::new(State {
                engine: limits.engine,
                requests: HashMap::new(),
                next: 0,
                throughput: Throughput::new(limits.first_guess, limits.sentences, Instant::now()),
                backlog: Backlog::new(limits.wait),
                buckets: HashMap::new(),
            }),
        }
    }

    /// Lets the request in as a whole, or says why not.
    pub fn admit(&self, order: Order) -> Result<RequestId, InferenceError> {
        let now = Instant::now();
        let mut state = self.lock();
        self.allow(&mut state, &order, now)?;
        state.charge(&order, now);
        let request = RequestId(state.next);
        state.next += 1;
        state.requests.insert(request, Admitted::new(order));
        Ok(request)
    }

    /// Lets the request, of which nothing is computed yet, go on at another cost than it was let in for,
    /// or says why not: then it is out.
    pub fn amend(&self, request: RequestId, cost: Cost) -> Result<(), InferenceError> {
        let now = Instant::now();
        let mut state = self.lock();
        let Some(admitted) = state.requests.remove(&request) else {
            return Ok(());
        };
        state.refund(&admitted.order);
        let order = Order {
            cost,
            ..admitted.order
        };
        self.allow(&mut state, &order, now)?;
        state.charge(&order, now);
        state.requests.insert(request, Admitted::new(order));
        Ok(())
    }

    /// Waits for a place among the batches, which a document of one holds until it is done.
    pub async fn line_up(&self, cost: Cost) -> Place {
        self.line.place(cost).await
    }

    fn allow(&self, state: &mut State, order: &Order, now: Instant) -> Result<(), InferenceError> {
        state.within_quota(order, now)?;
        self.within_memory(state, order)?;
        state.in_time(order, now)
    }

    /// What is left of the requests under way within the bound. Of each other one no more counts than the
    /// order's own size, as in the turns, so that a sentence is let in beside a book; and no order counts
    /// more than half the bound, so that a book is let in beside sentences.
    fn within_memory(&self, state: &State, order: &Order) -> Result<(), InferenceError> {
        let own = self.line.counted(order.cost);
        let there = state
            .requests
            .values()
            .map(|admitted| admitted.left().min(own));
        let all = there.fold(own, usize::saturating_add);
        let excess = match state.requests.is_empty() {
            true => 0,
            false => all.saturating_sub(self.limits.tokens),
        };
        match excess {
            0 => Ok(()),
            excess => Err(InferenceError::Overloaded {
                queued: state.tokens(|_| true),
                retry_after: state.again_in(excess),
            }),
        }
    }

    /// A sentence goes into the engine.
    pub fn entered(&self) {
        self.lock().throughput.entered(Instant::now());
    }

    /// One of the request was answered, at that cost.
    pub fn answered(&self, request: RequestId, cost: Cost, output: &Output) {
        let mut state = self.lock();
        let stay = output.compute_time;
        let now = Instant::now();
        state.throughput.answered(cost.tokens(), stay, now);
        if let Some(admitted) = state.requests.get_mut(&request) {
            admitted.done = admitted.done + cost;
        }
        metrics::gauge!("depeche_admission_tokens_per_second", "engine" => self.limits.engine)
            .set(state.throughput.measured());
    }

    /// Some of the request need not be computed: it is as good as done, and says nothing of how fast the engine
    /// is.
    pub fn spared(&self, request: RequestId, cost: Cost) {
        if let Some(admitted) = self.lock().requests.get_mut(&request) {
            admitted.done = admitted.done + cost;
        }
    }

    /// It is not in the engine any more, answered or not.
    pub fn left(&self) {
        self.lock().throughput.left(Instant::now());
    }

    /// The request is over.
    pub fn over(&self, request: RequestId, sentences: Sentences) {
        let mut state = self.lock();
        let Some(admitted) = state.requests.remove(&request) else {
            return;
        };
        let announced = admitted.order.cost.tokens();
        let done = admitted.done.tokens();
        match sentences {
            Sentences::Answered if done > 0 => {
                state.throughput.completed(announced, done);
            }
            Sentences::Answered => {}
            Sentences::GivenUp => {
                let saved = state.throughput.expected(announced);
                let saved = saved.saturating_sub(done) as u64;
                let urgency = admitted.order.urgency.as_str();
                let labels = [("engine", self.limits.engine), ("urgency", urgency)];
                metrics::counter!("depeche_saved_tokens_total", &labels).increment(saved);
            }
        }
        state.backlog_stands(Instant::now());
    }

    /// Tokens of all requests under way.
    pub fn tokens(&self) -> usize {
        self.lock().tokens(|_| true)
    }

    /// A panic elsewhere leaves the state whole: every change of it is one step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the order out of its account's bucket.
    fn charge(&mut self, order: &Order, now: Instant) {
        if let Some(rate) = order.asker.quota.tokens_per_second {
            let account = order.asker.account.clone();
            // What is full says no more than what is not there.
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            self.buckets
                .entry(account)
                .or_insert_with(|| Bucket::full(rate, now))
                .take(order.cost.tokens());
        }
    }

    /// Takes a charge back.
    fn refund(&mut self, order: &Order) {
        if let Some(bucket) = self.buckets.get_mut(&order.asker.account) {
            bucket.give_back(order.cost.tokens());
        }
    }

    fn within_quota(&mut self, order: &Order, now: Instant) -> Result<(), InferenceError> {
        let quota = order.asker.quota;
        let account = &order.asker.account;
        if let Some(most) = quota.tokens_in_flight {
            let theirs = self.tokens(|other| other.asker.account == *account);
            // A document that is larger than the quota may come alone.
            let all = theirs.saturating_add(order.cost.tokens());
            if theirs > 0 && all > most.get() {
                return Err(InferenceError::Quota {
                    account: account.to_string(),
                    what: format!("{theirs} of {most} tokens under way"),
                    retry_after: self.again_in(all - most.get()),
                });
            }
        }
        if let Some(rate) = quota.tokens_per_second {
            let bucket = self.buckets.get_mut(account);
            if let Some(wait) = bucket.and_then(|bucket| bucket.wait(rate, now)) {
                return Err(InferenceError::Quota {
                    account: account.to_string(),
                    what: format!("more than {rate} tokens a second"),
                    retry_after: spread(wait),
                });
            }
        }
        Ok(())
    }

    /// Whether it can be answered by its deadline and need not wait out of proportion.
    fn in_time(&mut self, order: &Order, now: Instant) -> Result<(), InferenceError> {
        let turns = self.turns(order);
        let stands = self.backlog_stands(now);
        let hoped = self.throughput.hoped(now);
        let idle = self.requests.is_empty();
        if let Some(deadline) = order.deadline {
            let left = deadline.saturating_duration_since(now);
            let alone = seconds(turns.own as f64 / hoped);
            // Sentences share their batch's time with others only if there are others.
            let stay = match idle {
                true => Duration::ZERO,
                false => self.throughput.stay(),
            };
            if alone > left {
                return Err(InferenceError::Hopeless { alone, left });
            }
            let needed = seconds(turns.tokens as f64 / hoped) + stay;
            if needed > left && !idle {
                return Err(InferenceError::TooLate {
                    needed,
                    left,
                    retry_after: spread(needed - left),
                });
            }
        }
        // Batches wait, that is what they are for.
        if !stands || order.urgency == Urgency::Batch {
            return Ok(());
        }
        let target = self.backlog.target();
        let limit = (self.throughput.measured() * target.as_secs_f64()) as usize;
        metrics::gauge!("depeche_admission_limit_tokens", "engine" => self.engine)
            .set(limit as f64);
        let before = turns.tokens - turns.own;
        let most = limit + STRETCH * turns.own;
        if before <= most {
            return Ok(());
        }
        Err(InferenceError::Overloaded {
            queued: self.tokens(|_| true),
            retry_after: self.again_in(before - most),
        })
    }

    /// Its place among the turns: each client's requests take turns, and the clients do.
    fn turns(&self, order: &Order) -> Turns {
        let own = order.cost.tokens();
        let mut clients: HashMap<&Arc<str>, usize> = HashMap::new();
        let mut before = 0;
        for Admitted { order: other, .. } in self.requests.values() {
            if other.urgency != order.urgency {
                continue;
            }
            if other.asker.account == order.asker.account {
                before += other.cost.tokens().min(own);
            } else {
                *clients.entry(&other.asker.account).or_default() += other.cost.tokens();
            }
        }
        let theirs = before + own;
        let others: usize = clients.values().map(|tokens| *tokens.min(&theirs)).sum();
        let contended = self
            .requests
            .values()
            .any(|other| other.order.urgency != order.urgency);
        let tokens = match (order.urgency, contended) {
            (_, false) => theirs + others,
            (Urgency::Interactive, true) => (theirs + others) * BATCH_TURN / (BATCH_TURN - 1),
            (Urgency::Batch, true) => (theirs + others) * BATCH_TURN,
        };
        Turns { tokens, own }
    }

    fn tokens(&self, which: impl Fn(&Order) -> bool) -> usize {
        let orders = self.requests.values().map(|admitted| &admitted.order);
        orders
            .filter(|order| which(order))
            .map(|order| order.cost.tokens())
            .sum()
    }

    /// Whether interactive requests wait for each other, and have for some time.
    fn backlog_stands(&mut self, now: Instant) -> bool {
        let tokens = self.tokens(|other| other.urgency == Urgency::Interactive);
        self.backlog.stands(self.time_of(tokens), now)
    }

    /// How long so many tokens take.
    fn time_of(&self, tokens: usize) -> Duration {
        seconds(tokens as f64 / self.throughput.measured())
    }

    /// When to come again where so many tokens must be done before.
    fn again_in(&self, tokens: usize) -> Duration {
        spread(self.time_of(tokens))
    }
}

impl Admitted {
    fn new(order: Order) -> Self {
        Admitted {
            order,
            done: Cost::default(),
        }
    }

    /// Tokens that are not done yet, as far as the announced ones tell.
    fn left(&self) -> usize {
        let announced = self.order.cost.tokens();
        announced.saturating_sub(self.done.tokens())
    }
}

/// How a request's sentences ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sentences {
    Answered,
    GivenUp,
}

/// Up to half as long again, so that those who were refused together do not come again together.
fn spread(wait: Duration) -> Duration {
    let wait = wait.max(SOONEST).min(LATEST);
    wait.mul_f64(1.0 + fastrand::f64() / 2.0)
}

/// Without a rate it takes for ever.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
