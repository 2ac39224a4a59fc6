//! The sentences of one model that one worker decodes together. Sentences join and leave between
//! steps; each is computed as if it were alone.

use super::{DecodeOptions, InferenceError, Output, Task, queue::Job};
use crate::model::{Student, TokenId, student::DecoderState};
use std::{sync::Arc, time::Instant};

pub struct Batch {
    model: Arc<Student>,
    state: DecoderState,
    rows: Vec<Row>,
}

/// A sentence under way.
struct Row {
    job: Job,
    options: DecodeOptions,
    output: Output,
    joined: Instant,
}

impl Batch {
    pub fn new(model: Arc<Student>) -> candle_core::Result<Self> {
        Ok(Batch {
            state: model.empty_state()?,
            model,
            rows: Vec::new(),
        })
    }

    pub fn model(&self) -> &Arc<Student> {
        &self.model
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Encodes the jobs, answers those that want no more, and takes in the others.
    pub fn join(&mut self, jobs: Vec<Job>) -> candle_core::Result<()> {
        let joined = Instant::now();
        let sources: Vec<&[TokenId]> = jobs.iter().map(|job| &job.source[..]).collect();
        let encoded = self.model.encode(&sources)?;
        let mut joiners = Vec::new();
        for (job, mut encoded) in jobs.into_iter().zip(encoded) {
            let output = Output {
                vector: std::mem::take(&mut encoded.vector),
                queue_time: joined - job.submitted,
                ..Output::default()
            };
            match job.task {
                Task::Encode => Row {
                    job,
                    options: DecodeOptions::default(),
                    output,
                    joined,
                }
                .finish(true),
                Task::Decode(options) => {
                    joiners.push(Arc::new(encoded));
                    self.rows.push(Row {
                        job,
                        options,
                        output,
                        joined,
                    });
                }
            }
        }
        self.state.join(joiners)
    }

    /// One token for every sentence; those that end, and those whose asker has gone, leave.
    /// Returns the number of tokens made.
    pub fn step(&mut self) -> candle_core::Result<usize> {
        let step = self.model.step(&mut self.state)?;
        let banned: Vec<Vec<TokenId>> = self.rows.iter().map(Row::banned).collect();
        let tokens = self.model.best_shortlisted(
            &self.state,
            &step.hidden,
            |row| !self.rows[row].options.whole_vocabulary,
            |row, token| !banned[row].contains(&token),
        )?;
        self.state.advance(&tokens);

        let end = self.model.config.end();
        let mut keep = Vec::with_capacity(self.rows.len());
        let mut kept = Vec::with_capacity(self.rows.len());
        for ((mut row, &token), alignment) in self.rows.drain(..).zip(&tokens).zip(step.alignments)
        {
            let ended = token == end;
            if !ended {
                row.output.tokens.push(token);
                row.output.alignment.push(alignment);
            }
            let full =
                row.output.tokens.len() >= self.model.config.max_output(row.job.source.len());
            let stays = !ended && !full && !row.job.reply.is_closed();
            keep.push(stays);
            if stays {
                kept.push(row);
            } else {
                row.finish(ended);
            }
        }
        self.rows = kept;
        if keep.contains(&false) {
            self.state.retain(&keep)?;
        }
        Ok(tokens.len())
    }

    /// Ends every sentence with the error.
    pub fn fail(self, error: &InferenceError) {
        for row in self.rows {
            let _ = row.job.reply.send(Err(error.clone())); // the asker may have gone
        }
    }
}

impl Row {
    /// Tokens that would repeat an n-gram that the options forbid to repeat.
    fn banned(&self) -> Vec<TokenId> {
        let Some(n) = self.options.no_repeat_ngram else {
            return Vec::new();
        };
        let tokens = &self.output.tokens;
        let Some(start) = (tokens.len() + 1).checked_sub(n.get()) else {
            return Vec::new();
        };
        let suffix = &tokens[start..];
        tokens
            .windows(n.get())
            .filter(|window| window.starts_with(suffix))
            .map(|window| window[n.get() - 1])
            .collect()
    }

    fn finish(mut self, finished: bool) {
        self.output.finished = finished;
        self.output.compute_time = self.joined.elapsed();
        let _ = self.job.reply.send(Ok(self.output)); // the asker may have gone
    }
}
