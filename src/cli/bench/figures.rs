//! The figures, as `--json` prints them and as a table. Times in milliseconds.

use std::time::Duration;

use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct Figures {
    #[serde(flatten)]
    pub setting: Setting,
    #[serde(flatten)]
    pub work: Work,
    pub load_ms: f64,
    /// Of the model, packed.
    pub model_bytes: usize,
    /// Of the process at the end, its mapped files counted; the greatest that there was.
    pub resident_bytes: Option<u64>,
    pub peak_resident_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
pub struct Setting {
    pub model: String,
    pub processor: String,
    pub kernel: &'static str,
    pub threads: usize,
    pub batch: usize,
    pub beam: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "work")]
pub enum Work {
    Sentences(Sentences),
    Texts(Texts),
}

#[derive(Debug, Serialize)]
pub struct Sentences {
    pub sentences: usize,
    pub source_tokens: usize,
    /// The end of each output counted, where the network decides about it.
    pub target_tokens: usize,
    /// All lines together.
    pub sentences_per_second: Rates,
    pub source_tokens_per_second: Rates,
    pub target_tokens_per_second: Rates,
    /// Lines one by one; none were asked for without.
    pub latency_ms: Option<Latency>,
}

#[derive(Debug, Serialize)]
pub struct Texts {
    pub prompt_tokens: usize,
    pub output_tokens: usize,
    /// Of one text, until its first token.
    pub prompt_tokens_per_second: Rates,
    /// Of one text, from its first token on.
    pub output_tokens_per_second: Rates,
    pub together: Together,
}

/// Many texts at once, the reading of their prompts counted in the time.
#[derive(Debug, Serialize)]
pub struct Together {
    pub texts: usize,
    /// Of prompts and outputs.
    pub tokens_per_second: Rates,
    pub output_tokens_per_second: Rates,
}

/// Amounts a second over the runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rates {
    pub median: f64,
    pub slowest: f64,
    pub fastest: f64,
}

impl Rates {
    /// Of that amount in each of `times`, which are one at least.
    pub fn of(amount: usize, times: &[Duration]) -> Self {
        let mut rates: Vec<f64> = times
            .iter()
            .map(|time| amount as f64 / time.as_secs_f64())
            .collect();
        rates.sort_by(f64::total_cmp);
        let (low, high) = (rates[(rates.len() - 1) / 2], rates[rates.len() / 2]);
        Rates {
            median: (low + high) / 2.0,
            slowest: rates[0],
            fastest: rates[rates.len() - 1],
        }
    }

    fn shown(&self, what: &str) -> String {
        format!(
            "{:8.1} {what} ({:.1} to {:.1})",
            self.median, self.slowest, self.fastest
        )
    }
}

#[derive(Debug, PartialEq, Serialize)]
pub struct Latency {
    pub sentences: usize,
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

impl Latency {
    pub fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort();
        let last = times.len().checked_sub(1)?;
        let at = |part: f64| milliseconds(times[(last as f64 * part).round() as usize]);
        Some(Latency {
            sentences: times.len(),
            mean: milliseconds(times.iter().sum::<Duration>()) / times.len() as f64,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: at(1.0),
        })
    }
}

impl Figures {
    pub fn table(&self) -> String {
        let Setting {
            model,
            processor,
            kernel,
            threads,
            batch,
            beam,
        } = &self.setting;
        let (what, rows) = match &self.work {
            Work::Sentences(work) => ("sentences", work.rows()),
            Work::Texts(work) => ("texts", work.rows()),
        };
        let head = format!(
            "{model}: {kernel}, {threads} threads, {batch} {what} a batch, beam {beam}, {processor}"
        );
        let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
        let known = |bytes: Option<u64>| bytes.map_or("unknown".to_owned(), megabytes);
        let memory = format!(
            "memory     {:>8} of the model's own, {} resident, at most {}; loaded in {:.0} ms",
            megabytes(self.model_bytes as u64),
            known(self.resident_bytes),
            known(self.peak_resident_bytes),
            self.load_ms
        );
        [vec![head], rows, vec![memory]].concat().join("\n")
    }
}

impl Sentences {
    fn rows(&self) -> Vec<String> {
        let mut rows = vec![
            format!(
                "{} sentences, {} source and {} target tokens",
                self.sentences, self.source_tokens, self.target_tokens
            ),
            format!(
                "together   {}, {:.0} source and {:.0} target tokens/s",
                self.sentences_per_second.shown("sentences/s"),
                self.source_tokens_per_second.median,
                self.target_tokens_per_second.median
            ),
        ];
        if let Some(latency) = &self.latency_ms {
            rows.push(format!(
                "one by one {:8.2} ms on the average of {}; p50 {:.2}, p90 {:.2}, p99 {:.2}, max {:.2}",
                latency.mean, latency.sentences, latency.p50, latency.p90, latency.p99, latency.max
            ));
        }
        rows
    }
}

impl Texts {
    fn rows(&self) -> Vec<String> {
        vec![
            format!(
                "prompts of {} tokens, outputs of {}",
                self.prompt_tokens, self.output_tokens
            ),
            format!(
                "prompt     {}",
                self.prompt_tokens_per_second.shown("tokens/s")
            ),
            format!(
                "output     {}",
                self.output_tokens_per_second.shown("tokens/s")
            ),
            format!(
                "together   {} of {} texts, their prompts read meanwhile",
                self.together.output_tokens_per_second.shown("tokens/s"),
                self.together.texts
            ),
        ]
    }
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
