//! A model that translates: all lines together, then some one by one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::try_join_all;

use super::{
    Bench, failed,
    figures::{Latency, Rates, Sentences, Work},
};
use crate::{
    cli::error::CliError,
    config::Settings,
    inference::{Engine, InferenceError, Reservation, Task},
    model::{Model, TokenId, Translator},
};

/// Lines of each thread that are translated before anything is measured, so that all memory is there.
const WARM_UP_LINES: usize = 16;

impl Bench {
    /// The figures, and the translations of the lines.
    pub(super) async fn translate(
        &self,
        model: &Arc<Translator>,
        text: &str,
        settings: &Settings,
    ) -> Result<(Work, Vec<String>), CliError> {
        let lines: Vec<&str> = text.lines().collect();
        let source_tokens = self.check_lines(model, &lines)?;
        let batch = self.batch(&Model::Translator(model.clone()));
        let threads = settings.inference_threads;
        let asked = Asked {
            engine: self.start("sentences", threads, batch, settings.pin_threads)?,
            model: model.clone(),
            task: Task::Decode(self.options(self.output_tokens)),
        };
        let first = lines.len().min(WARM_UP_LINES * threads.get());
        let (_, mut outputs) = asked.together(&lines[..first]).await.map_err(failed)?;
        let mut times = Vec::new();
        for _ in 0..self.repeat.get() {
            let (time, again) = asked.together(&lines).await.map_err(failed)?;
            times.push(time);
            outputs = again;
        }
        self.check_lengths(outputs.iter(), self.output_tokens)?;
        let alone = &lines[..self.alone.min(lines.len())];
        let latency = asked.one_by_one(alone).await.map_err(failed)?;
        let end = usize::from(self.output_tokens.is_none());
        let target_tokens: usize = outputs.iter().map(|tokens| tokens.len() + end).sum();
        let work = Sentences {
            sentences: lines.len(),
            source_tokens,
            target_tokens,
            sentences_per_second: Rates::of(lines.len(), &times),
            source_tokens_per_second: Rates::of(source_tokens, &times),
            target_tokens_per_second: Rates::of(target_tokens, &times),
            latency_ms: Latency::of(latency),
        };
        let texts = outputs.iter().map(|tokens| model.target().decode(tokens));
        Ok((Work::Sentences(work), texts.collect()))
    }

    /// Source tokens of all lines.
    ///
    /// # Errors
    /// There is no line; a line is longer than the model reads, or allows no output of the wanted length.
    fn check_lines(&self, model: &Translator, lines: &[&str]) -> Result<usize, CliError> {
        let wrong = |number: usize, what: String| {
            Err(CliError::Input(format!(
                "{}: line {number} {what}",
                self.file.display()
            )))
        };
        let mut source_tokens = 0;
        for (number, line) in (1..).zip(lines) {
            let source = ids(model, line).len();
            source_tokens += source;
            let (window, most) = (model.max_source_tokens(), model.max_output(source));
            if source > window {
                let what = format!(
                    "is {source} tokens long, and the model's window {window}: leave it out"
                );
                return wrong(number, what);
            }
            if let Some(wanted) = self.output_tokens.filter(|wanted| wanted.get() > most) {
                let what = format!(
                    "is {source} tokens long, and its output at most {most}, not --output-tokens {wanted}: ask \
                     for fewer or leave it out"
                );
                return wrong(number, what);
            }
        }
        if lines.is_empty() {
            return Err(CliError::Input(format!(
                "{} holds no line",
                self.file.display()
            )));
        }
        Ok(source_tokens)
    }
}

/// What every sentence is asked of.
struct Asked {
    engine: Engine,
    model: Arc<Translator>,
    task: Task,
}

impl Asked {
    /// The time from texts to texts, and the tokens of each line's translation.
    async fn together(
        &self,
        lines: &[&str],
    ) -> Result<(Duration, Vec<Vec<TokenId>>), InferenceError> {
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

    /// The tokens; their text is made, too, for it belongs to the time.
    async fn translate(
        &self,
        request: &Reservation,
        line: &str,
    ) -> Result<Vec<TokenId>, InferenceError> {
        let source = ids(&self.model, line);
        let mut output = request.run(&self.model, source, self.task).await?;
        let tokens = output.take_best().tokens;
        std::hint::black_box(self.model.target().decode(&tokens));
        Ok(tokens)
    }
}

fn ids(model: &Translator, line: &str) -> Vec<TokenId> {
    let tokens = model.source().encode(line).into_iter();
    tokens.map(|token| token.id).chain([model.end()]).collect()
}
