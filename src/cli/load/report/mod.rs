//! What was measured, as it is told: a table, JSON, a page.
//!
//! The fields here are those of the JSON.

pub mod html;
mod plot;
pub mod shown;
pub mod table;

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use tokio::time::Instant;
use tonic::Code;

use crate::{
    cli::{
        error::CliError,
        load::{
            mix::Method,
            profile::Load,
            record::{Failure, Latencies, MOST_SLICES, MethodTally, Slice, Tally},
            slo::{Measured, Slo, Verdict},
        },
    },
    rpc::status::code_name,
};

/// A slice that covers less of the window than this share of its width says too little.
const LEAST_OF_A_SLICE: f64 = 0.2;

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub run: Run,
    /// The whole run, without the warm-up.
    pub total: Part,
    /// One a step; one in all where there are no steps.
    pub steps: Vec<Part>,
    pub methods: Vec<MethodPart>,
    pub failures: Vec<FailureLine>,
    /// How late the generator itself was. Part of the latencies.
    pub generator_lag_ms: Option<Percentiles>,
    pub timeline: Vec<Point>,
    /// The latency within which a share of the good answers came.
    pub latency_curve: Vec<CurvePoint>,
    /// Whether every step met every objective; null without objectives.
    pub met: Option<bool>,
}

/// What was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    pub version: &'static str,
    pub began: String,
    pub server: String,
    #[serde(rename = "loop")]
    pub kind: LoopKind,
    /// Of the open loop.
    pub arrivals: Option<String>,
    pub load: Vec<String>,
    pub mix: String,
    pub articles: usize,
    pub article_characters: usize,
    pub connections: u16,
    pub timeout_ms: f64,
    /// An answer within this is a good one.
    pub objective_ms: f64,
    pub warmup_seconds: f64,
    pub seed: u64,
    /// Ended by an interrupt: what follows is about the time until then.
    pub interrupted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LoopKind {
    Closed,
    Open,
}

/// Numbers about a stretch of the run.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    pub load: String,
    /// When it began, from the beginning of the first.
    pub start_seconds: f64,
    /// How long it was. What is `per_second` is over this time.
    pub seconds: f64,
    /// Requests that were to be sent: ok + errors + not_sent.
    pub offered: u64,
    pub ok: u64,
    pub errors: u64,
    /// Too many were under way (--max-outstanding).
    pub not_sent: u64,
    /// Of ok: later than the objective.
    pub late: u64,
    pub offered_per_second: f64,
    /// Good answers that came within the time, late or not.
    pub ok_per_second: f64,
    /// Good answers that came within the time and within the objective.
    pub goodput_per_second: f64,
    /// From the intended start to the last byte of good answers.
    pub latency_ms: Option<Percentiles>,
    pub errors_by_code: BTreeMap<&'static str, u64>,
    pub slo: Vec<Verdict>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Percentiles {
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct MethodPart {
    pub method: Method,
    pub ok: u64,
    pub errors: u64,
    pub late: u64,
    pub latency_ms: Option<Percentiles>,
    /// From the intended start to the first text of a stream.
    pub first_text_ms: Option<Percentiles>,
    /// Of the texts that were answered well within the time.
    pub characters: u64,
    pub sentences: u64,
    /// Of the answers within the time, as protobuf.
    pub response_bytes: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct FailureLine {
    pub code: &'static str,
    pub count: u64,
    /// What the first of them said.
    pub message: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The middle of the slice.
    pub seconds: f64,
    pub ok_per_second: f64,
    pub goodput_per_second: f64,
    pub errors_per_second: f64,
    pub p50_ms: Option<f64>,
    pub p90_ms: Option<f64>,
    pub p99_ms: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
pub struct CurvePoint {
    pub percentile: f64,
    pub latency_ms: f64,
}

impl Report {
    /// `tallies`: one a phase, at least one.
    pub fn new(run: Run, tallies: &[Tally], slo: Option<&Slo>) -> Result<Self, CliError> {
        let Some(first) = tallies.first() else {
            return Err(CliError::Failed(
                "interrupted before anything was measured".to_owned(),
            ));
        };
        let began = first.started;
        let steps = tallies
            .iter()
            .map(|tally| Part::of(&[tally], began, slo))
            .collect::<Result<Vec<_>, _>>()?;
        let all: Vec<&Tally> = tallies.iter().collect();
        let mut total = Part::of(&all, began, slo)?;
        total.load = run.load.join(", ");
        // Steps are judged one by one: their mixture means nothing.
        if steps.len() > 1 {
            total.slo.clear();
        }
        let mut methods: BTreeMap<Method, MethodTally> = BTreeMap::new();
        for (method, tally) in tallies.iter().flat_map(|tally| &tally.methods) {
            match methods.get_mut(method) {
                Some(known) => known.add(tally),
                None => {
                    methods.insert(*method, tally.clone());
                }
            }
        }
        let mut whole = MethodTally::new()?;
        methods.values().for_each(|method| whole.add(method));
        let mut lag = first.lag.clone();
        for tally in &tallies[1..] {
            lag.add(&tally.lag);
        }
        Ok(Report {
            met: slo.map(|_| steps.iter().all(Part::met)),
            methods: methods
                .iter()
                .map(|(method, tally)| MethodPart::of(*method, tally))
                .collect(),
            failures: failures(&whole),
            generator_lag_ms: Percentiles::of(&lag),
            timeline: tallies
                .iter()
                .flat_map(|tally| timeline(tally, began))
                .collect(),
            latency_curve: curve(&whole.latency),
            run,
            total,
            steps,
        })
    }

    /// The objectives that were missed, each with what was measured; with the step, if there are
    /// more than one.
    pub fn missed(&self) -> Vec<String> {
        let step = |part: &Part| match self.steps.len() {
            1 => String::new(),
            _ => format!(" at {}", part.load),
        };
        self.steps
            .iter()
            .flat_map(|part| part.slo.iter().map(move |verdict| (part, verdict)))
            .filter(|(_, verdict)| !verdict.met)
            .map(|(part, verdict)| {
                format!("{}{} ({})", verdict.objective, step(part), verdict.measured)
            })
            .collect()
    }

    /// The last step before the first that missed an objective.
    pub fn capacity(&self) -> Option<&Part> {
        self.steps.iter().take_while(|part| part.met()).last()
    }

    pub fn json(&self) -> Result<String, CliError> {
        serde_json::to_string_pretty(self)
            .map_err(|error| CliError::Failed(format!("the report as JSON: {error}")))
    }
}

impl Part {
    fn of(tallies: &[&Tally], began: Instant, slo: Option<&Slo>) -> Result<Self, CliError> {
        let mut whole = MethodTally::new()?;
        let (mut offered, mut not_sent, mut ok_in_time, mut good_in_time) = (0, 0, 0, 0);
        let mut window = Duration::ZERO;
        for tally in tallies {
            tally.methods.values().for_each(|method| whole.add(method));
            offered += tally.offered();
            not_sent += tally.not_sent;
            for slice in &tally.slices {
                ok_in_time += slice.ok;
                good_in_time += slice.good;
            }
            window += tally.window;
        }
        let per_second = |count: u64| match window.is_zero() {
            true => 0.0,
            false => count as f64 / window.as_secs_f64(),
        };
        let goodput = per_second(good_in_time);
        let measured = Measured {
            offered,
            latency: &whole.latency,
            goodput_per_second: goodput,
        };
        Ok(Part {
            load: tallies
                .first()
                .map(|tally| tally.load.to_string())
                .unwrap_or_default(),
            start_seconds: tallies
                .first()
                .map_or(0.0, |tally| (tally.started - began).as_secs_f64()),
            seconds: window.as_secs_f64(),
            offered,
            ok: whole.ok(),
            errors: whole.errors(),
            not_sent,
            late: whole.late,
            offered_per_second: per_second(offered),
            ok_per_second: per_second(ok_in_time),
            goodput_per_second: goodput,
            latency_ms: Percentiles::of(&whole.latency),
            errors_by_code: whole
                .failures
                .iter()
                .map(|(code, failure)| (code_name(Code::from_i32(*code)), failure.count))
                .collect(),
            slo: slo.map(|slo| slo.verdicts(&measured)).unwrap_or_default(),
        })
    }

    pub fn met(&self) -> bool {
        self.slo.iter().all(|verdict| verdict.met)
    }
}

impl Percentiles {
    fn of(latencies: &Latencies) -> Option<Self> {
        let at = |share| latencies.quantile(share).map(in_millis);
        Some(Percentiles {
            mean: latencies.mean().map(in_millis)?,
            p50: at(0.5)?,
            p90: at(0.9)?,
            p99: at(0.99)?,
            p999: at(0.999)?,
            max: at(1.0)?,
        })
    }
}

impl MethodPart {
    fn of(method: Method, tally: &MethodTally) -> Self {
        MethodPart {
            method,
            ok: tally.ok(),
            errors: tally.errors(),
            late: tally.late,
            latency_ms: Percentiles::of(&tally.latency),
            first_text_ms: Percentiles::of(&tally.first),
            characters: tally.characters,
            sentences: tally.sentences,
            response_bytes: tally.bytes,
        }
    }
}

impl LoopKind {
    pub fn of(load: &Load) -> Self {
        match load {
            Load::Clients(_) => LoopKind::Closed,
            Load::Rate(_) => LoopKind::Open,
        }
    }
}

fn failures(whole: &MethodTally) -> Vec<FailureLine> {
    let mut lines: Vec<FailureLine> = whole
        .failures
        .iter()
        .map(|(code, Failure { count, message })| FailureLine {
            code: code_name(Code::from_i32(*code)),
            count: *count,
            message: message.split_whitespace().collect::<Vec<_>>().join(" "),
        })
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.count));
    lines
}

fn timeline(tally: &Tally, began: Instant) -> Vec<Point> {
    let (width, window) = (tally.slice_width.as_secs_f64(), tally.window.as_secs_f64());
    let offset = (tally.started - began).as_secs_f64();
    // A stretch without any answer is a stretch, too, also at the end.
    let count = ((window / width).ceil() as usize).min(MOST_SLICES);
    (0..count.max(tally.slices.len()))
        .filter_map(|index| {
            let start = index as f64 * width;
            let covered = (window - start).min(width);
            if covered < width * LEAST_OF_A_SLICE {
                return None;
            }
            let slice = tally.slices.get(index);
            let per_second = |count: fn(&Slice) -> u64| slice.map_or(0, count) as f64 / covered;
            let at = |share| {
                let latency = slice.and_then(|slice| slice.latency.quantile(share));
                latency.map(in_millis)
            };
            Some(Point {
                seconds: offset + start + covered / 2.0,
                ok_per_second: per_second(|slice| slice.ok),
                goodput_per_second: per_second(|slice| slice.good),
                errors_per_second: per_second(|slice| slice.errors),
                p50_ms: at(0.5),
                p90_ms: at(0.9),
                p99_ms: at(0.99),
            })
        })
        .collect()
}

/// Denser towards the end, where it is steep, and no denser than there were answers.
fn curve(latencies: &Latencies) -> Vec<CurvePoint> {
    const A_HALVING: u32 = 5;
    let mut points = Vec::new();
    for value in latencies.0.iter_quantiles(A_HALVING) {
        points.push(CurvePoint {
            percentile: value.quantile_iterated_to() * 100.0,
            latency_ms: value.value_iterated_to() as f64 / 1e3,
        });
    }
    points
}

fn in_millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}
