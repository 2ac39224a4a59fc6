//! `depeche bench`: what the engine alone does, without documents, checks or gRPC.

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use serde::Serialize;

use crate::{
    cli::{error::CliError, output},
    config::{Compute, EngineFlags, ServeFlags, Settings},
    inference::{
        BATCH_SENTENCES, DecodeOptions, Engine, EngineSettings, InferenceError, Reservation, Task,
    },
    model::{ComputeType, TokenId, Translator, layers::int8},
};

/// Measure how fast a model translates the lines of a file
///
/// Each line is a sentence of its own and goes through the network as it is: nothing is split, checked
/// or repaired. All lines at once, then some of them one by one; from text to text.
#[derive(Debug, clap::Args)]
pub struct Bench {
    /// Sentences, a line each, in the model's source language
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Id of an installed model, or a folder
    #[arg(long, value_name = "MODEL", default_value = "fr-en")]
    model: String,
    /// Sentences that a thread decodes together
    #[arg(long, value_name = "N", default_value_t = BATCH_SENTENCES)]
    batch: NonZeroUsize,
    /// Let every token of the vocabulary come, also where the model has a shortlist
    #[arg(long)]
    no_shortlist: bool,
    /// Times that all lines are translated; the fastest and the slowest are told, too
    #[arg(long, value_name = "N", default_value = "3")]
    repeat: NonZeroUsize,
    /// Lines that are translated one by one, for the latency; 0 for none
    #[arg(long, value_name = "N", default_value = "100")]
    alone: usize,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
    /// Where to write the translations, a line each
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineFlags,
}

/// The figures, as `--json` prints them. Times in milliseconds.
#[derive(Serialize)]
struct Figures {
    model: String,
    processor: String,
    kernel: &'static str,
    threads: usize,
    batch: usize,
    sentences: usize,
    source_tokens: usize,
    target_tokens: usize,
    /// Of the median run over all lines.
    sentences_per_second: f64,
    source_tokens_per_second: f64,
    target_tokens_per_second: f64,
    /// Sentences a second of the slowest and the fastest run.
    slowest: f64,
    fastest: f64,
    load_ms: f64,
    /// Lines one by one; none were asked for without.
    latency_ms: Option<Latency>,
    /// Of the model, packed; of the process at the end.
    model_bytes: usize,
    resident_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Latency {
    sentences: usize,
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    max: f64,
}

impl Bench {
    pub async fn run(self) -> Result<(), CliError> {
        let settings = Settings::load(&self.engine, &ServeFlags::default())?;
        let text = fs::read_to_string(&self.file)
            .map_err(|error| CliError::Input(format!("{}: {error}", self.file.display())))?;
        let folder = self.folder(&settings)?;
        let started = Instant::now();
        let compute = match settings.compute_type {
            Compute::Int8 => ComputeType::Int8,
            Compute::F32 => ComputeType::F32,
        };
        let model = Translator::student(&folder, compute).map_err(failed)?;
        let load = started.elapsed();
        let lines: Vec<&str> = text.lines().collect();
        let mut source_tokens = 0;
        for (number, line) in lines.iter().enumerate() {
            let source = ids(&model, line);
            source_tokens += source.len();
            let window = model.max_source_tokens();
            if source.len() > window {
                return Err(CliError::Input(format!(
                    "{}: line {} is {} tokens long, and the model's window {window}: leave it out",
                    self.file.display(),
                    number + 1,
                    source.len()
                )));
            }
        }
        if lines.is_empty() {
            return Err(CliError::Input(format!(
                "{} holds no line",
                self.file.display()
            )));
        }
        let engine = Engine::start(EngineSettings {
            name: "sentences",
            threads: settings.inference_threads,
            queue_tokens: usize::MAX,
            queue_wait: Duration::MAX,
            batch_sentences: self.batch,
        })
        .map_err(failed)?;
        let asked = Asked {
            engine,
            model: Arc::new(model),
            task: Task::Decode(DecodeOptions {
                whole_vocabulary: self.no_shortlist,
                ..DecodeOptions::default()
            }),
        };

        let mut outputs = asked.together(&lines).await.map_err(failed)?.1; // warms up
        let mut times = Vec::new();
        for _ in 0..self.repeat.get() {
            let (time, again) = asked.together(&lines).await.map_err(failed)?;
            times.push(time);
            outputs = again;
        }
        times.sort();
        let alone = &lines[..self.alone.min(lines.len())];
        let latency = asked.one_by_one(alone).await.map_err(failed)?;

        if let Some(path) = &self.output {
            let lines = outputs
                .iter()
                .map(|(_, text)| text.replace('\n', " ") + "\n");
            fs::write(path, lines.collect::<String>())
                .map_err(|error| CliError::Failed(format!("{}: {error}", path.display())))?;
        }
        let target_tokens: usize = outputs.iter().map(|(tokens, _)| tokens + 1).sum();
        let rate = |amount: usize, time: &Duration| amount as f64 / time.as_secs_f64();
        let median = &times[times.len() / 2];
        let figures = Figures {
            model: self.model,
            processor: processor(),
            kernel: match settings.compute_type {
                Compute::Int8 => int8::kernel().name(),
                Compute::F32 => "f32",
            },
            threads: settings.inference_threads.get(),
            batch: self.batch.get(),
            sentences: lines.len(),
            source_tokens,
            target_tokens,
            sentences_per_second: rate(lines.len(), median),
            source_tokens_per_second: rate(source_tokens, median),
            target_tokens_per_second: rate(target_tokens, median),
            slowest: rate(lines.len(), &times[times.len() - 1]),
            fastest: rate(lines.len(), &times[0]),
            load_ms: milliseconds(load),
            latency_ms: Latency::of(latency),
            model_bytes: asked.model.resident_bytes(),
            resident_bytes: resident_bytes(),
        };
        let text = if self.json {
            serde_json::to_string_pretty(&figures)
                .map_err(|error| CliError::Failed(error.to_string()))?
        } else {
            figures.table()
        };
        output::write(&text)
    }

    /// The folder of the model: a path, or an id below the models folder.
    fn folder(&self, settings: &Settings) -> Result<PathBuf, CliError> {
        let path = Path::new(&self.model);
        if path.is_dir() {
            return Ok(path.to_owned());
        }
        let folders = settings.models_folders()?.into_iter();
        let mut folders = folders.map(|folder| folder.join(path));
        if let Some(folder) = folders.find(|folder| folder.is_dir()) {
            return Ok(folder);
        }
        Err(CliError::Input(format!(
            "there is no model {}: name an installed one or a folder",
            self.model
        )))
    }
}

/// What every sentence is asked of.
struct Asked {
    engine: Engine,
    model: Arc<Translator>,
    task: Task,
}

impl Asked {
    /// The time, and for each line the number of its tokens and the translation.
    async fn together(
        &self,
        lines: &[&str],
    ) -> Result<(Duration, Vec<(usize, String)>), InferenceError> {
        let request = self.engine.reserve(1)?;
        let started = Instant::now();
        let outputs = lines.iter().map(|line| self.translate(&request, line));
        let outputs = try_join_all(outputs).await?;
        Ok((started.elapsed(), outputs))
    }

    async fn one_by_one(&self, lines: &[&str]) -> Result<Vec<Duration>, InferenceError> {
        let request = self.engine.reserve(1)?;
        let mut times = Vec::with_capacity(lines.len());
        for line in lines {
            let started = Instant::now();
            self.translate(&request, line).await?;
            times.push(started.elapsed());
        }
        Ok(times)
    }

    async fn translate(
        &self,
        request: &Reservation,
        line: &str,
    ) -> Result<(usize, String), InferenceError> {
        let source = ids(&self.model, line);
        let mut output = request.run(&self.model, source, self.task).await?;
        let tokens = output.take_best().tokens;
        let text = self.model.target().decode(&tokens);
        Ok((tokens.len(), text))
    }
}

impl Latency {
    fn of(mut times: Vec<Duration>) -> Option<Self> {
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
    fn table(&self) -> String {
        let mut lines = vec![
            format!(
                "{}: {}, {} threads, {} sentences a batch, {}",
                self.model, self.kernel, self.threads, self.batch, self.processor
            ),
            format!(
                "{} sentences, {} source and {} target tokens",
                self.sentences, self.source_tokens, self.target_tokens
            ),
            format!(
                "together   {:8.1} sentences/s ({:.1} to {:.1}), {:.0} source and {:.0} target tokens/s",
                self.sentences_per_second,
                self.slowest,
                self.fastest,
                self.source_tokens_per_second,
                self.target_tokens_per_second
            ),
        ];
        if let Some(latency) = &self.latency_ms {
            lines.push(format!(
                "one by one {:8.2} ms on the average of {}; p50 {:.2}, p90 {:.2}, p99 {:.2}, max {:.2}",
                latency.mean, latency.sentences, latency.p50, latency.p90, latency.p99, latency.max
            ));
        }
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        lines.push(format!(
            "memory     {:8.1} MB of the model's own, {} MB resident; loaded in {:.0} ms",
            megabytes(self.model_bytes as u64),
            self.resident_bytes
                .map_or("unknown".to_owned(), |bytes| format!(
                    "{:.1}",
                    megabytes(bytes)
                )),
            self.load_ms
        ));
        lines.join("\n")
    }
}

fn ids(model: &Translator, line: &str) -> Vec<TokenId> {
    let tokens = model.source().encode(line).into_iter();
    tokens.map(|token| token.id).chain([model.end()]).collect()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::Failed(error.to_string())
}

/// As Linux names it.
fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// Resident memory of this process, where Linux tells it.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(
        line.trim()
            .strip_suffix(" kB")?
            .trim()
            .parse::<u64>()
            .ok()?
            * 1024,
    )
}
