//! `depeche bench`: what the engine alone does, without documents, checks or gRPC.
//!
//! - `model`: the model that is measured, whatever its family
//! - `sentences`: what translates, a line of the file at a time
//! - `texts`: what continues a prompt
//! - `figures`: what came out, as JSON and as a table
//! - `machine`: what it was measured on

mod figures;
mod machine;
mod model;
mod sentences;
#[cfg(test)]
mod test;
mod texts;

use std::{
    fs,
    num::NonZeroUsize,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{
    cli::{error::CliError, output},
    config::{EngineFlags, ServeFlags, Settings},
    inference::{
        BATCH_SENTENCES, BATCH_TEXTS, DecodeOptions, Engine, EngineSettings, SENTENCES_PACE,
        decode::{Beam, LengthBounds, Search},
        split_products,
    },
    model::{Model, TokenId},
};
use figures::{Figures, Setting};

/// Measure how fast a model computes
///
/// A model that translates reads each line of the file as a sentence of its own, which goes through the
/// network as it is: nothing is split, checked or repaired. All lines at once, then some of them one by
/// one; from text to text. An instruction model reads the beginning of the file as its prompt, and is
/// measured from tokens to tokens: reading it, continuing it, and continuing many at once.
#[derive(Debug, clap::Args)]
pub struct Bench {
    /// Sentences, a line each, in the model's source language; a text for an instruction model
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Id of an installed model, or a folder
    #[arg(long, value_name = "MODEL", default_value = "fr-en")]
    model: String,
    /// Sentences that a thread decodes together, or texts of an instruction model [default: 64, or 16]
    #[arg(long, value_name = "N")]
    batch: Option<NonZeroUsize>,
    /// Hypotheses that are followed side by side; 1 is the greedy search
    #[arg(long, value_name = "N", default_value = "1")]
    beam: NonZeroUsize,
    /// Tokens of every output, no more and no less [default: as the model ends; 64 for an instruction
    /// model]
    #[arg(long, value_name = "N")]
    output_tokens: Option<NonZeroUsize>,
    /// Tokens of an instruction model's prompt
    #[arg(long, value_name = "N", default_value = "256")]
    prompt_tokens: NonZeroUsize,
    /// Times that all is computed; the fastest and the slowest are told, too
    #[arg(long, value_name = "N", default_value = "3")]
    repeat: NonZeroUsize,
    /// Lines that are translated one by one, for the latency; 0 for none
    #[arg(long, value_name = "N", default_value = "100")]
    alone: usize,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
    /// Where to write the outputs, a line each
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    engine: EngineFlags,
}

impl Bench {
    pub async fn run(self) -> Result<(), CliError> {
        let settings = Settings::load(&self.engine, &ServeFlags::default())?;
        let text = fs::read_to_string(&self.file)
            .map_err(|error| CliError::Input(format!("{}: {error}", self.file.display())))?;
        split_products(settings.inference_threads);
        let started = Instant::now();
        let model = model::load(&self.model, &settings)?;
        let load = started.elapsed();
        let (work, outputs) = match &model {
            Model::Translator(model) => self.translate(model, &text, &settings).await?,
            Model::Causal(model) => self.write(model, &text).await?,
        };
        if let Some(path) = &self.output {
            let lines = outputs.iter().map(|text| text.replace('\n', " ") + "\n");
            fs::write(path, lines.collect::<String>())
                .map_err(|error| CliError::Failed(format!("{}: {error}", path.display())))?;
        }
        let figures = Figures {
            setting: Setting {
                model: self.model.clone(),
                processor: machine::processor(),
                kernel: machine::kernel(&model, &settings),
                threads: settings.inference_threads.get(),
                batch: self.batch(&model).get(),
                beam: self.beam.get(),
            },
            work,
            load_ms: figures::milliseconds(load),
            model_bytes: model.resident_bytes(),
            resident_bytes: machine::resident_bytes(),
            peak_resident_bytes: machine::peak_resident_bytes(),
        };
        output::write(&match self.json {
            true => serde_json::to_string_pretty(&figures)
                .map_err(|error| CliError::Failed(error.to_string()))?,
            false => figures.table(),
        })
    }

    fn batch(&self, model: &Model) -> NonZeroUsize {
        self.batch.unwrap_or(match model {
            Model::Translator(_) => BATCH_SENTENCES,
            Model::Causal(_) => BATCH_TEXTS,
        })
    }

    /// An engine that refuses nothing. Its batches count hypotheses, `batch` counts what they are of.
    fn start(
        &self,
        name: &'static str,
        threads: NonZeroUsize,
        batch: NonZeroUsize,
        pin_threads: bool,
    ) -> Result<Engine, CliError> {
        Engine::start(EngineSettings {
            name,
            threads,
            queue_tokens: usize::MAX,
            queue_wait: Duration::MAX,
            batch_sentences: batch.saturating_mul(self.beam),
            first_pace: SENTENCES_PACE,
            text_memory: u64::MAX,
            pin_threads,
        })
        .map_err(failed)
    }

    /// How outputs are searched for, of `length` tokens where there is one.
    fn options(&self, length: Option<NonZeroUsize>) -> DecodeOptions {
        DecodeOptions {
            search: match self.beam {
                NonZeroUsize::MIN => Search::Greedy,
                size => Search::Beam(Beam::of(size)),
            },
            length: LengthBounds {
                min_tokens: length.map_or(0, NonZeroUsize::get),
                max_tokens: length,
                ..LengthBounds::default()
            },
            ..DecodeOptions::default()
        }
    }

    /// Whether every output has the length that was asked for, so that no figure is of other work.
    fn check_lengths<'a>(
        &self,
        outputs: impl Iterator<Item = &'a Vec<TokenId>>,
        length: Option<NonZeroUsize>,
    ) -> Result<(), CliError> {
        let Some(length) = length else {
            return Ok(());
        };
        for (number, tokens) in outputs.enumerate() {
            if tokens.len() != length.get() {
                return Err(CliError::Failed(format!(
                    "output {} has {} tokens where {length} were to be forced",
                    number + 1,
                    tokens.len()
                )));
            }
        }
        Ok(())
    }
}

fn failed(error: impl std::fmt::Display) -> CliError {
    CliError::Failed(error.to_string())
}
