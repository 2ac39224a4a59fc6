//! The sentences of one model that one worker decodes together. Sentences join and leave between
//! steps; each is computed as if it were alone.

use super::{
    InferenceError, Output, Task,
    decode::{Continuation, DecodeOptions, Rules, Searching},
    decoder::{Decoder, decoder, vectors},
    queue::Job,
};
use crate::model::{Model, TokenId};
use std::{
    cell::Cell,
    sync::Arc,
    time::{Duration, Instant},
};

pub struct Batch {
    model: Model,
    decoder: Box<dyn Decoder>,
    /// Each has some of the decoder's rows, in the same order.
    under_way: Vec<UnderWay>,
    ends: Arc<[TokenId]>,
    suppressed: Arc<[TokenId]>,
}

/// A sentence under way.
struct UnderWay {
    job: Job,
    search: Searching,
    /// Tokens that were told as soon as they were certain.
    told: Cell<usize>,
    joined: Instant,
    /// Of the batch that it joined with.
    encode_time: Duration,
}

impl Batch {
    pub fn new(model: Model) -> candle_core::Result<Self> {
        Ok(Batch {
            decoder: decoder(&model)?,
            under_way: Vec::new(),
            ends: model.ends().into(),
            suppressed: model.suppressed().into(),
            model,
        })
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Rows of the decoder.
    pub fn rows(&self) -> usize {
        self.under_way.iter().map(|one| one.search.rows()).sum()
    }

    /// Answers the jobs that want no more than the encoder, and takes in the others.
    pub fn join(&mut self, jobs: Vec<Job>) -> candle_core::Result<()> {
        let joined = Instant::now();
        for job in &jobs {
            metrics::histogram!("depeche_queue_wait_seconds").record(joined - job.submitted);
        }
        let (encode, decode): (Vec<Job>, Vec<Job>) =
            jobs.into_iter().partition(|job| job.task == Task::Encode);
        if let (Model::Translator(model), false) = (&self.model, encode.is_empty()) {
            let vectors = vectors(model, &sources(&encode))?;
            for (job, vector) in encode.into_iter().zip(vectors) {
                let encoded = Output {
                    vector,
                    encode_time: joined.elapsed(),
                    ..Output::default()
                };
                job.answer(joined, encoded);
            }
        }
        if decode.is_empty() {
            return Ok(());
        }
        self.decoder.join(&sources(&decode))?;
        let encode_time = joined.elapsed();
        for job in decode {
            let options = match job.task {
                Task::Decode(options) => options,
                Task::Encode => DecodeOptions::default(),
            };
            let rules = Rules::new(
                &options,
                self.ends.clone(),
                self.suppressed.clone(),
                job.source.len(),
                self.model.max_output(job.source.len()),
            );
            self.under_way.push(UnderWay {
                search: Searching::new(&options, rules),
                told: Cell::new(0),
                job,
                joined,
                encode_time,
            });
        }
        Ok(())
    }

    /// One token for every hypothesis of every sentence; the sentences that end, and those whose asker
    /// has gone, leave. Returns the number of tokens made.
    pub fn step(&mut self) -> candle_core::Result<usize> {
        let asks: Vec<_> = self
            .under_way
            .iter()
            .flat_map(|one| one.search.asks())
            .collect();
        let next = self.decoder.step(&asks)?;
        let mut goes_on = Vec::with_capacity(asks.len());
        let mut stays = Vec::with_capacity(self.under_way.len());
        let mut first = 0;
        for mut one in self.under_way.drain(..) {
            let rows = one.search.rows();
            let continuation = one.search.step(&next[first..first + rows]);
            match continuation {
                _ if one.job.reply.is_closed() => {}
                Continuation::Done(outputs) => {
                    one.tell(outputs.first().map_or(&[], |best| &best.tokens));
                    let output = Output {
                        hypotheses: outputs,
                        encode_time: one.encode_time,
                        ..Output::default()
                    };
                    one.job.answer(one.joined, output);
                }
                Continuation::Rows(rows) => {
                    one.tell(one.search.settled());
                    goes_on.extend(rows.into_iter().map(|(row, token)| (first + row, token)));
                    stays.push(one);
                }
            }
            first += rows;
        }
        self.under_way = stays;
        self.decoder.advance(&goes_on)?;
        Ok(asks.len())
    }

    /// Ends every sentence with the error.
    pub fn fail(self, error: &InferenceError) {
        for one in self.under_way {
            let _ = one.job.reply.send(Err(error.clone())); // the asker may have gone
        }
    }
}

impl UnderWay {
    /// Tells who follows the output its tokens from the first that was not told.
    fn tell(&self, tokens: &[TokenId]) {
        if let Some(follower) = &self.job.follower {
            for token in tokens.iter().skip(self.told.get()) {
                let _ = follower.send(*token); // the asker may have gone
            }
            self.told.set(tokens.len().max(self.told.get()));
        }
    }
}

impl Job {
    /// Gives the asker, if he is still there, what came of it.
    fn answer(self, joined: Instant, output: Output) {
        let _ = self.reply.send(Ok(Output {
            queue_time: joined - self.submitted,
            compute_time: joined.elapsed(),
            ..output
        }));
    }
}

fn sources(jobs: &[Job]) -> Vec<&[TokenId]> {
    jobs.iter().map(|job| &job.source[..]).collect()
}
