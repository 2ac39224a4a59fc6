//! The loops against services that are made up, in time that is made up, too.

use futures::stream;
use tokio::sync::Semaphore;

use super::*;
use crate::cli::load::{
    mix::{Method, Mix},
    profile::{Arrivals, Load, Schedule},
    record::Tally,
};

/// Answers one request at a time, each after `work`; the first only after `stall`.
#[derive(Clone)]
struct OneAtATime {
    turn: Arc<Semaphore>,
    answered: Arc<AtomicU64>,
    stall: Duration,
    work: Duration,
}

impl OneAtATime {
    fn new(stall: Duration, work: Duration) -> Self {
        OneAtATime {
            turn: Arc::new(Semaphore::new(1)),
            answered: Arc::default(),
            stall,
            work,
        }
    }
}

impl Target for OneAtATime {
    async fn ask(&self, _: Call) -> Result<Answer, Status> {
        let _turn = self.turn.acquire().await.unwrap();
        let first = self.answered.fetch_add(1, Ordering::Relaxed) == 0;
        sleep(if first { self.stall } else { self.work }).await;
        Ok(Answer::default())
    }
}

#[derive(Clone)]
struct Nobody;

impl Target for Nobody {
    async fn ask(&self, _: Call) -> Result<Answer, Status> {
        Err(Status::unavailable("nobody there"))
    }
}

#[derive(Clone)]
struct Never;

impl Target for Never {
    async fn ask(&self, _: Call) -> Result<Answer, Status> {
        std::future::pending().await
    }
}

const MS: Duration = Duration::from_millis(1);

fn driver<T: Target>(target: T) -> (Driver<T>, watch::Sender<Stop>) {
    let mix: Mix = "translate".parse().unwrap();
    let (send, stop) = watch::channel(Stop::GoOn);
    let driver = Driver {
        target,
        draws: Arc::new(Mutex::new(Draws::new(mix, 1, fastrand::Rng::with_seed(1)))),
        recorder: Arc::new(Recorder::new(Some(100 * MS))),
        stop,
        max_outstanding: 1000,
    };
    (driver, send)
}

fn phase(load: Load, time: Duration) -> Phase {
    Phase {
        load,
        time: Some(time),
        requests: None,
    }
}

/// Runs a phase at so many requests a second, evenly.
async fn at_rate<T: Target>(driver: &Driver<T>, rate: f64, time: Duration) -> Tally {
    let span = Span::constant(rate);
    let phase = phase(Load::Rate(span), time);
    driver.recorder.begin(phase.load, phase.time).unwrap();
    let started = driver.recorder.look(|tally| tally.started).unwrap();
    let rng = fastrand::Rng::with_seed(1);
    let schedule = Schedule::new(span, &phase, Arrivals::Constant, rng);
    let arrivals = stream::iter(schedule).then(|at| async move {
        sleep_until(started + at).await;
        at
    });
    driver.open(arrivals, &phase, started).await;
    driver.recorder.take().remove(0)
}

async fn with_clients<T: Target>(driver: &Driver<T>, clients: Span, phase: Phase) -> Tally {
    driver.recorder.begin(phase.load, phase.time).unwrap();
    let started = driver.recorder.look(|tally| tally.started).unwrap();
    driver.closed(clients, &phase, started).await;
    driver.recorder.take().remove(0)
}

fn quantile(tally: &Tally, share: f64) -> Duration {
    tally.methods[&Method::Translate]
        .latency
        .quantile(share)
        .unwrap()
}

fn about(left: Duration, right: Duration) -> bool {
    // Timers are a millisecond coarse, histograms a thousandth.
    left.abs_diff(right) <= 3 * MS + right / 200
}

#[tokio::test(start_paused = true)]
async fn a_stall_is_charged_to_every_request_that_fell_into_it() {
    // 100 requests in a second; the first takes a second, all others take no time, but wait for it.
    let (driver, _stop) = driver(OneAtATime::new(1000 * MS, Duration::ZERO));
    let tally = at_rate(&driver, 100.0, 1000 * MS).await;
    assert_eq!(tally.sent, 100);
    // They waited 1000, 990, 980 … ms. A client that sends the next when it has the answer to the
    // last would have seen one slow answer and 99 fast ones.
    assert!(about(quantile(&tally, 1.0), 1000 * MS));
    assert!(
        about(quantile(&tally, 0.5), 500 * MS),
        "{:?}",
        quantile(&tally, 0.5)
    );
    assert!(
        about(quantile(&tally, 0.1), 100 * MS),
        "{:?}",
        quantile(&tally, 0.1)
    );
    // 11 of them came within the objective of 100 ms.
    let late = tally.methods[&Method::Translate].late;
    assert!((88..=91).contains(&late), "{late}");
}

#[tokio::test(start_paused = true)]
async fn latency_counts_from_the_intended_start_when_the_generator_itself_is_late() {
    let (driver, _stop) = driver(OneAtATime::new(10 * MS, 10 * MS));
    let phase = phase(Load::Rate(Span::constant(1.0)), 5000 * MS);
    driver.recorder.begin(phase.load, phase.time).unwrap();
    let started = driver.recorder.look(|tally| tally.started).unwrap();
    // Due at once, but told only two seconds later.
    let late = stream::once(async {
        sleep(2000 * MS).await;
        Duration::ZERO
    });
    driver.open(late, &phase, started).await;
    let tally = driver.recorder.take().remove(0);
    assert!(about(quantile(&tally, 1.0), 2010 * MS));
    assert!(about(tally.lag.quantile(1.0).unwrap(), 2000 * MS));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sent_is_counted_and_nothing_is_lost() {
    let (mut driver, _stop) = driver(OneAtATime::new(100 * MS, 100 * MS));
    driver.max_outstanding = 5;
    // Ten times what it can do.
    let tally = at_rate(&driver, 100.0, 1000 * MS).await;
    assert_eq!(tally.offered(), 100);
    assert_eq!(tally.sent + tally.not_sent, 100);
    assert!(tally.not_sent > 80, "{}", tally.not_sent);
    assert_eq!(tally.answered(), tally.sent);
}

#[tokio::test(start_paused = true)]
async fn answers_after_the_window_count_as_latency_but_not_as_throughput() {
    let (driver, _stop) = driver(OneAtATime::new(100 * MS, 100 * MS));
    let tally = at_rate(&driver, 20.0, 1000 * MS).await;
    assert_eq!(tally.answered(), 20);
    assert_eq!(tally.window, 1000 * MS);
    let in_window: u64 = tally.slices.iter().map(|slice| slice.ok).sum();
    assert!((9..=10).contains(&in_window), "{in_window}");
    assert!(about(quantile(&tally, 1.0), 1050 * MS));
}

#[tokio::test(start_paused = true)]
async fn clients_wait_for_their_answer_before_they_ask_again() {
    let (driver, _stop) = driver(OneAtATime::new(10 * MS, 10 * MS));
    let clients = Span::constant(4.0);
    let tally = with_clients(&driver, clients, phase(Load::Clients(clients), 1000 * MS)).await;
    // One at a time, whoever asks; the three others are answered after the end.
    assert!(tally.sent.abs_diff(100) <= 12, "{}", tally.sent);
    assert_eq!(tally.answered(), tally.sent);
    assert!(
        about(quantile(&tally, 0.9), 40 * MS),
        "{:?}",
        quantile(&tally, 0.9)
    );
}

#[tokio::test(start_paused = true)]
async fn a_number_of_requests_is_kept_exactly_and_ends_the_window() {
    let (driver, _stop) = driver(OneAtATime::new(10 * MS, 10 * MS));
    let clients = Span::constant(3.0);
    let phase = Phase {
        load: Load::Clients(clients),
        time: None,
        requests: Some(20),
    };
    let tally = with_clients(&driver, clients, phase).await;
    assert_eq!((tally.sent, tally.answered()), (20, 20));
    assert!(about(tally.window, 200 * MS), "{:?}", tally.window);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_finds_nobody_does_not_spin() {
    let (driver, _stop) = driver(Nobody);
    let clients = Span::constant(1.0);
    let tally = with_clients(&driver, clients, phase(Load::Clients(clients), 1000 * MS)).await;
    assert!((9..=11).contains(&tally.sent), "{}", tally.sent);
    let failures = &tally.methods[&Method::Translate].failures;
    assert_eq!(failures[&(Code::Unavailable as i32)].count, tally.sent);
}

#[tokio::test(start_paused = true)]
async fn the_first_interrupt_ends_the_sending_and_the_second_the_waiting() {
    let (driver, stop) = driver(Never);
    let recorder = driver.recorder.clone();
    let interrupts = async move {
        sleep(500 * MS).await;
        recorder.cut();
        stop.send(Stop::Finish).unwrap();
        sleep(500 * MS).await;
        stop.send(Stop::Abandon).unwrap();
        // The channel stays open.
        std::future::pending::<()>().await
    };
    let tally = tokio::select! {
        tally = at_rate(&driver, 10.0, 60_000 * MS) => tally,
        () = interrupts => unreachable!(),
    };
    assert!((5..=6).contains(&tally.sent), "{}", tally.sent);
    assert!(about(tally.window, 500 * MS));
    let failures = &tally.methods[&Method::Translate].failures;
    assert_eq!(failures[&(Code::Cancelled as i32)].count, tally.sent);
}

#[test]
fn a_ramp_of_clients_adds_or_takes_them_one_by_one() {
    let second = Duration::from_secs(1);
    let shown = |from, to| -> Vec<(u64, u64)> {
        shifts(Span { from, to }, Some(4 * second))
            .into_iter()
            .map(|(begin, end)| (begin.as_secs(), end.unwrap().as_secs()))
            .collect()
    };
    assert_eq!(shown(2.0, 2.0), [(0, 4), (0, 4)]);
    assert_eq!(shown(0.0, 4.0), [(0, 4), (1, 4), (2, 4), (3, 4)]);
    assert_eq!(shown(3.0, 1.0), [(0, 4), (0, 4), (0, 2)]);
}
