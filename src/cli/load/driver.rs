//! Sends requests as a phase says and records what becomes of them.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use futures::{Stream, StreamExt, channel::mpsc, pin_mut};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use tonic::{Code, Status};

use crate::cli::load::{
    mix::{Call, Draws},
    profile::{Phase, Span},
    record::{Answer, Outcome, Recorder},
};

/// What a server that refuses has to say about when to come again, in milliseconds.
const PUSHBACK: &str = "grpc-retry-pushback-ms";
/// A client that found nobody asks again after this, so that it does not spin.
const NOBODY_THERE: Duration = Duration::from_millis(100);
/// The pacing thread looks this often whether it is still needed.
const PACER_CHECK: Duration = Duration::from_millis(100);

/// What requests are sent to.
pub trait Target: Clone + Send + Sync + 'static {
    /// Sends one request and reads the whole answer.
    fn ask(&self, call: Call) -> impl Future<Output = Result<Answer, Status>> + Send;
}

/// How a run is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    GoOn,
    /// Nothing more is sent; what is under way is waited for.
    Finish,
    /// What is under way is given up.
    Abandon,
}

/// Waits until it is to stop so far; for ever when nobody can say so any more.
pub async fn until(stop: &mut watch::Receiver<Stop>, so_far: Stop) {
    if stop.wait_for(|now| *now >= so_far).await.is_err() {
        std::future::pending().await
    }
}

#[derive(Debug)]
pub struct Driver<T> {
    pub target: T,
    pub draws: Arc<Mutex<Draws>>,
    pub recorder: Arc<Recorder>,
    pub stop: watch::Receiver<Stop>,
    /// Requests of the open loop that may be under way at a time.
    pub max_outstanding: usize,
}

impl<T: Clone> Clone for Driver<T> {
    fn clone(&self) -> Self {
        Driver {
            target: self.target.clone(),
            draws: self.draws.clone(),
            recorder: self.recorder.clone(),
            stop: self.stop.clone(),
            max_outstanding: self.max_outstanding,
        }
    }
}

impl<T: Target> Driver<T> {
    /// Each client asks, reads the answer, asks again. `started`: when the phase began.
    pub async fn closed(&self, clients: Span, phase: &Phase, started: Instant) {
        let left = Arc::new(AtomicU64::new(phase.requests.unwrap_or(u64::MAX)));
        let mut tasks = JoinSet::new();
        for (begin, end) in shifts(clients, phase.time) {
            let end = end.and_then(|end| started.checked_add(end));
            tasks.spawn(self.clone().client(started + begin, end, Arc::clone(&left)));
        }
        while tasks.join_next().await.is_some() {}
        if left.load(Ordering::Relaxed) == 0 {
            self.recorder.complete();
        }
    }

    async fn client(mut self, begin: Instant, end: Option<Instant>, left: Arc<AtomicU64>) {
        self.wait(sleep_until(begin)).await;
        loop {
            let now = Instant::now();
            if *self.stop.borrow() > Stop::GoOn || end.is_some_and(|end| now >= end) {
                return;
            }
            let take = |left: u64| left.checked_sub(1);
            if left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                .is_err()
            {
                return;
            }
            let call = self.draw();
            self.recorder.sent();
            if let Some(pause) = self.clone().request(call, now).await {
                self.wait(sleep(pause)).await;
            }
        }
    }

    /// Requests begin when the arrivals say, however many are under way. `arrivals`: time since
    /// `started`, when the phase began.
    pub async fn open(
        &self,
        arrivals: impl Stream<Item = Duration>,
        phase: &Phase,
        started: Instant,
    ) {
        let mut stop = self.stop.clone();
        let mut offered = 0;
        let mut tasks = JoinSet::new();
        pin_mut!(arrivals);
        loop {
            let arrival = tokio::select! {
                biased;
                () = until(&mut stop, Stop::Finish) => break,
                arrival = arrivals.next() => arrival,
            };
            let Some(intended) = arrival.and_then(|offset| started.checked_add(offset)) else {
                break;
            };
            while tasks.try_join_next().is_some() {}
            offered += 1;
            let call = self.draw();
            if tasks.len() >= self.max_outstanding {
                self.recorder.not_sent();
            } else {
                self.recorder.sent();
                tasks.spawn(self.clone().request(call, intended));
            }
        }
        let all = phase.requests == Some(offered);
        if let (Some(time), false) = (phase.time, all) {
            self.clone().wait(sleep_until(started + time)).await;
        }
        while tasks.join_next().await.is_some() {}
        if all {
            self.recorder.complete();
        }
    }

    fn draw(&self) -> Call {
        self.draws
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .draw()
    }

    /// Waits, unless the run is to stop.
    async fn wait(&mut self, for_it: impl Future<Output = ()>) {
        tokio::select! {
            () = for_it => {}
            () = until(&mut self.stop, Stop::Finish) => {}
        }
    }

    /// How long a client in its right mind waits before it asks again, where it is to wait.
    async fn request(mut self, call: Call, intended: Instant) -> Option<Duration> {
        let sent = Instant::now();
        let result = tokio::select! {
            result = self.target.ask(call) => result,
            () = until(&mut self.stop, Stop::Abandon) => {
                Err(Status::cancelled("given up at the second interrupt"))
            }
        };
        let pause = result.as_ref().err().and_then(pause_after);
        self.recorder.answered(Outcome {
            method: call.method,
            intended,
            sent,
            done: Instant::now(),
            result,
        });
        pause
    }
}

/// As long as the server says, which is below a minute and a half; a moment where nobody is there.
fn pause_after(status: &Status) -> Option<Duration> {
    match status.code() {
        Code::Unavailable => Some(NOBODY_THERE),
        Code::ResourceExhausted => {
            let pause = status.metadata().get(PUSHBACK)?.to_str().ok()?;
            pause.parse().ok().map(Duration::from_millis)
        }
        _ => None,
    }
}

/// From when to when each client is at work.
fn shifts(clients: Span, time: Option<Duration>) -> Vec<(Duration, Option<Duration>)> {
    let most = clients.from.max(clients.to) as u32;
    (0..most)
        .map(f64::from)
        .map(|client| {
            let Some(whole) = time.filter(|_| clients.from != clients.to) else {
                return (Duration::ZERO, time);
            };
            let a_client = whole.div_f64((clients.to - clients.from).abs());
            if client < clients.from.min(clients.to) {
                (Duration::ZERO, time)
            } else if clients.from < clients.to {
                (a_client.mul_f64(client - clients.from), time)
            } else {
                (
                    Duration::ZERO,
                    Some(a_client.mul_f64(clients.from - client)),
                )
            }
        })
        .collect()
}

/// The arrivals in real time.
///
/// A thread of its own sleeps until each: the runtime's timers are a millisecond coarse, which would
/// be charged to the service.
pub fn pace(
    arrivals: impl Iterator<Item = Duration> + Send + 'static,
    started: Instant,
) -> io::Result<impl Stream<Item = Duration>> {
    let (send, receive) = mpsc::unbounded();
    let pacing = move || {
        for arrival in arrivals {
            let Some(due) = started.into_std().checked_add(arrival) else {
                return;
            };
            loop {
                let left = due.saturating_duration_since(std::time::Instant::now());
                if left.is_zero() {
                    break;
                }
                if send.is_closed() {
                    return;
                }
                thread::sleep(left.min(PACER_CHECK));
            }
            if send.unbounded_send(arrival).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("load-pacer".to_owned())
        .spawn(pacing)?;
    Ok(receive)
}

#[cfg(test)]
mod test;
