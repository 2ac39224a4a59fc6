//! `depeche load`: puts load on a running server and measures what comes back.
//!
//! - `profile`: how much load: clients or a rate, constant, growing or in steps; when requests begin
//! - `mix`, `articles`: what is asked
//! - `target`: the server: connections, TLS, token, deadline
//! - `driver`: the closed and the open loop
//! - `record`: what became of the requests, in HDR histograms
//! - `slo`: whether that is good enough
//! - `progress`, `report`: telling it, meanwhile and at the end
//!
//! Why no framework: `rlt` has a fixed number of workers draw from its rate limiter, so that a slow
//! service slows the sending down, and requests that are under way at the end are dropped.

mod articles;
mod driver;
mod mix;
mod profile;
mod progress;
mod record;
mod report;
mod slo;
mod target;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use humantime_serde::re::humantime;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::Instant,
};

use crate::cli::{error::CliError, output};
use driver::{Driver, Stop};
use mix::{Draws, Mix};
use profile::{Arrivals, Load as Amount, Phase, Ramp, Rate, Schedule, Span, Steps};
use record::{Recorder, Tally};
use report::{LoopKind, Report, Run};
use slo::Slo;
use target::{Remote, TargetFlags};

const DEFAULT_CLIENTS: u32 = 8;
const DEFAULT_TIME: Duration = Duration::from_secs(30);
const DEFAULT_STEP_TIME: Duration = Duration::from_secs(10);

/// Put load on a running server and measure it
///
/// Closed loop (--clients): each client asks again as soon as it is answered, so a slow server gets
/// less load. Open loop (--rate): requests begin whether others are answered or not, as they do with
/// many users; latency counts from when a request was to begin, so that waiting is never left out.
///
/// Percentiles are of good answers; the objectives of --slo are of all requests: one that failed or
/// was not sent is slower than any limit. Exit codes: 0; 1 when an objective is missed or nothing
/// got a good answer; 2 for bad usage. An interrupt ends the sending, a second one the waiting; both
/// still report.
///
/// A server answers sentences that it was asked for lately from its cache, and a few articles come again
/// and again: to measure its models, start it with --cache-bytes 0.
#[derive(Debug, clap::Args)]
pub struct Load {
    /// Articles, text files in UTF-8 or folders with .txt files; one at random a request [default:
    /// one that is built in]
    #[arg(value_name = "FILE")]
    articles: Vec<PathBuf>,
    /// Closed loop with so many clients [default: 8]
    #[arg(long, value_name = "N", group = "profile")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    clients: Option<u32>,
    /// Open loop with so many requests a second, such as 50/s or 90/min
    #[arg(long, value_name = "RATE", group = "profile")]
    rate: Option<Rate>,
    /// Evenly from one load to another, such as 0..100/s, or 1..64 for clients
    #[arg(long, value_name = "FROM..TO", group = "profile")]
    ramp: Option<Ramp>,
    /// One load after the other, such as 10,20,40/s, or 1,2,4 for clients; each begins when the one
    /// before is answered
    #[arg(long, value_name = "LOADS", group = "profile")]
    steps: Option<Steps>,
    /// How requests of the open loop follow each other
    #[arg(long, value_enum, default_value = "poisson")]
    arrivals: Arrivals,
    /// How long requests are sent [default: 30s, without --requests]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[arg(conflicts_with = "steps")]
    duration: Option<Duration>,
    /// How long each of --steps is [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[arg(requires = "steps")]
    step_duration: Option<Duration>,
    /// No more requests than this
    #[arg(long, value_name = "N", conflicts_with_all = ["steps", "ramp"])]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,
    /// How long the first load runs before anything is measured
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[arg(default_value = "0s")]
    warmup: Duration,
    /// Methods and how often each is called: translate, stream-translate, translate-batch (a stream
    /// of 8 documents), summarize, stream-summarize, digest, detect-language
    #[arg(long, value_name = "METHOD=WEIGHT,…", default_value = "translate=1")]
    mix: Mix,
    #[command(flatten)]
    target: TargetFlags,
    /// Goodput counts answers within this [default: --timeout]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    objective: Option<Duration>,
    /// Objectives, such as p99=800ms,errors=0.1%,goodput=40/s; also p50, p90, p99.9, max. Steps are
    /// judged one by one
    #[arg(long, value_name = "OBJECTIVES")]
    slo: Option<Slo>,
    /// Requests of the open loop that may be under way; more are counted as not sent
    #[arg(long, value_name = "N", default_value = "10000")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    max_outstanding: u32,
    /// The same seed draws the same requests and arrivals
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Write the report as a page with plots, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Tell nothing meanwhile
    #[arg(long)]
    quiet: bool,
}

impl Load {
    pub async fn run(self) -> Result<(), CliError> {
        let phases = self.phases()?;
        let articles = articles::read(&self.articles)?;
        let mut run = self.describe(&phases, &articles);
        // A page that cannot be written is told before the load, not after it.
        if let Some(path) = &self.html {
            write(path, "")?;
        }
        let (send, stop) = watch::channel(Stop::GoOn);
        let recorder = Arc::new(Recorder::new(Some(self.objective())));
        let mut seeds = fastrand::Rng::with_seed(self.seed);
        let driver = Driver {
            draws: Arc::new(Mutex::new(Draws::new(
                self.mix.clone(),
                articles.len(),
                seeds.fork(),
            ))),
            target: Remote::new(&self.target, articles)?,
            recorder: recorder.clone(),
            stop,
            max_outstanding: self.max_outstanding as usize,
        };
        let interrupts = tokio::spawn(interrupts(send, recorder)?);
        let tallies = self.drive(&driver, &phases, seeds).await?;
        run.interrupted = *driver.stop.borrow() > Stop::GoOn;
        interrupts.abort();
        self.tell(&Report::new(run, &tallies, self.slo.as_ref())?)
    }

    fn phases(&self) -> Result<Vec<Phase>, CliError> {
        let time = match (self.duration, self.requests) {
            (None, Some(_)) => None,
            (time, _) => Some(time.unwrap_or(DEFAULT_TIME)),
        };
        let step_time = self.step_duration.unwrap_or(DEFAULT_STEP_TIME);
        let (loads, time) = match (&self.steps, self.ramp, self.rate) {
            (Some(steps), ..) => (steps.0.clone(), Some(step_time)),
            (_, Some(ramp), _) => (vec![ramp.0], time),
            (.., Some(rate)) => (vec![Amount::Rate(Span::constant(rate.0))], time),
            _ => {
                let clients = f64::from(self.clients.unwrap_or(DEFAULT_CLIENTS));
                (vec![Amount::Clients(Span::constant(clients))], time)
            }
        };
        for (flag, duration) in [
            ("--duration", time),
            ("--timeout", Some(self.target.timeout)),
            ("--objective", self.objective),
        ] {
            if duration.is_some_and(|duration| duration.is_zero()) {
                return Err(CliError::Input(format!("{flag} must be longer than 0")));
            }
        }
        Ok(loads
            .into_iter()
            .map(|load| Phase {
                load,
                time,
                requests: self.requests,
            })
            .collect())
    }

    fn objective(&self) -> Duration {
        self.objective.unwrap_or(self.target.timeout)
    }

    fn describe(&self, phases: &[Phase], articles: &[String]) -> Run {
        let kind = LoopKind::of(&phases[0].load);
        Run {
            version: env!("CARGO_PKG_VERSION"),
            began: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            server: self.target.server.clone(),
            kind,
            arrivals: (kind == LoopKind::Open).then(|| self.arrivals.to_string()),
            load: phases.iter().map(|phase| phase.load.to_string()).collect(),
            mix: self.mix.to_string(),
            articles: articles.len(),
            article_characters: articles.iter().map(|text| text.chars().count()).sum(),
            connections: self.target.connections,
            timeout_ms: self.target.timeout.as_secs_f64() * 1e3,
            objective_ms: self.objective().as_secs_f64() * 1e3,
            warmup_seconds: self.warmup.as_secs_f64(),
            seed: self.seed,
            interrupted: false,
        }
    }

    /// The warm-up, which is forgotten, and all phases.
    async fn drive(
        &self,
        driver: &Driver<Remote>,
        phases: &[Phase],
        mut seeds: fastrand::Rng,
    ) -> Result<Vec<Tally>, CliError> {
        let place = progress::Place::default();
        let progress = (!self.quiet)
            .then(|| tokio::spawn(progress::tell(driver.recorder.clone(), place.clone())));
        let at = |what: String| {
            if let Ok(mut place) = place.lock() {
                *place = what;
            }
        };
        if !self.warmup.is_zero() {
            let warmup = Phase {
                load: constant(phases[0].load),
                time: Some(self.warmup),
                requests: None,
            };
            at(format!("warm-up, {}", warmup.load));
            self.phase(driver, &warmup, seeds.fork()).await?;
            driver.recorder.take();
        }
        for (step, phase) in phases.iter().enumerate() {
            if *driver.stop.borrow() > Stop::GoOn {
                break;
            }
            at(match phases.len() {
                1 => phase.load.to_string(),
                n => format!("step {} of {n}, {}", step + 1, phase.load),
            });
            self.phase(driver, phase, seeds.fork()).await?;
        }
        if let Some(progress) = progress {
            progress.abort();
            // Its end clears the line; being aborted is no error.
            let _ = progress.await;
        }
        Ok(driver.recorder.take())
    }

    async fn phase(
        &self,
        driver: &Driver<Remote>,
        phase: &Phase,
        random: fastrand::Rng,
    ) -> Result<(), CliError> {
        driver.recorder.begin(phase.load, phase.time)?;
        let started = driver
            .recorder
            .look(|tally| tally.started)
            .unwrap_or_else(Instant::now);
        match phase.load {
            Amount::Clients(clients) => driver.closed(clients, phase, started).await,
            Amount::Rate(rate) => {
                let schedule = Schedule::new(rate, phase, self.arrivals, random);
                let arrivals = driver::pace(schedule, started)
                    .map_err(|error| CliError::Failed(format!("a thread: {error}")))?;
                driver.open(arrivals, phase, started).await;
            }
        }
        Ok(())
    }

    fn tell(&self, report: &Report) -> Result<(), CliError> {
        if let Some(path) = &self.html {
            write(path, &report::html::render(report))?;
        }
        output::write(&match self.json {
            true => report.json()?,
            false => report::table::render(report),
        })?;
        let missed = report.missed();
        if !missed.is_empty() {
            return Err(CliError::Failed(format!("missed {}", missed.join(", "))));
        }
        if report.total.ok == 0 {
            let why = match report.failures.first() {
                Some(first) => format!("{}: {}", first.code, first.message),
                None => "none was sent".to_owned(),
            };
            return Err(CliError::Failed(format!(
                "no request got a good answer: {why}"
            )));
        }
        Ok(())
    }
}

/// A ramp is warmed up for at its greater end.
fn constant(load: Amount) -> Amount {
    match load {
        Amount::Clients(span) => Amount::Clients(Span::constant(span.from.max(span.to))),
        Amount::Rate(span) => Amount::Rate(Span::constant(span.from.max(span.to))),
    }
}

/// The first interrupt ends the sending, the second the waiting.
fn interrupts(
    send: watch::Sender<Stop>,
    recorder: Arc<Recorder>,
) -> Result<impl Future<Output = ()>, CliError> {
    let failed = |error| CliError::Failed(format!("signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        for stop in [Stop::Finish, Stop::Abandon] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            recorder.cut();
            // Without a receiver the run is over.
            let _ = send.send(stop);
        }
        // The channel stays open until the report.
        std::future::pending().await
    })
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    fs::write(path, text).map_err(|error| CliError::Input(format!("{}: {error}", path.display())))
}
