//! The sentences of one model that one worker decodes together. Sentences join and leave between
//! steps; each is computed as if it were alone.

use super::{
    InferenceError, Output, Task,
    decode::{Continuation, DecodeOptions, Rules, Searching},
    decoder::{Decoder, decoder, vectors},
    queue::{Job, Space},
};
use crate::model::{Banned, Model, TokenId};
use std::{
    cell::Cell,
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

pub struct Batch {
    model: Model,
    decoder: Box<dyn Decoder>,
    /// Joined, and not read through yet.
    reading: VecDeque<Reading>,
    /// Each has some of the decoder's rows, in the same order.
    under_way: Vec<UnderWay>,
    ends: Arc<[TokenId]>,
    banned: Banned,
}

/// A sentence that the network still reads.
struct Reading {
    job: Job,
    options: DecodeOptions,
    joined: Instant,
}

/// A sentence under way.
struct UnderWay {
    job: Job,
    search: Searching,
    /// Tokens that were told as soon as they were certain.
    told: Cell<usize>,
    joined: Instant,
    /// From joining until it was read.
    encode_time: Duration,
}

impl Batch {
    pub fn new(model: Model) -> candle_core::Result<Self> {
        Ok(Batch {
            decoder: decoder(&model)?,
            reading: VecDeque::new(),
            under_way: Vec::new(),
            ends: model.ends().into(),
            banned: model.banned(),
            model,
        })
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Rows of the decoder, and of what is still read.
    pub fn rows(&self) -> usize {
        let rows = self.under_way.iter().map(|one| one.search.rows());
        rows.sum::<usize>() + self.reading.len()
    }

    /// What each of its sentences takes; a beam all its rows from the beginning, for it will need them.
    pub fn taken(&self) -> impl Iterator<Item = Space> {
        let reading = self.reading.iter().map(|one| &one.job);
        let jobs = reading.chain(self.under_way.iter().map(|one| &one.job));
        jobs.map(|job| job.space)
    }

    /// Answers the jobs that want no more than the encoder, and takes in the others.
    pub fn join(&mut self, jobs: Vec<Job>) -> candle_core::Result<()> {
        let joined = Instant::now();
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
        self.reading.extend(decode.into_iter().map(|job| Reading {
            options: match job.task {
                Task::Decode(options) => options,
                Task::Encode => DecodeOptions::default(),
            },
            job,
            joined,
        }));
        Ok(())
    }

    /// Reads on in what has joined and is still wanted; what is read through is decoded from now on.
    fn read(&mut self) -> candle_core::Result<()> {
        let wanted = |one: &Reading| !one.job.reply.is_closed();
        let stay: Vec<bool> = self.reading.iter().map(wanted).collect();
        if stay.contains(&false) {
            self.decoder.forget(&stay);
            let mut stay = stay.into_iter();
            self.reading.retain(|_| stay.next().unwrap_or(false));
        }
        let read = self.decoder.read()?.min(self.reading.len());
        for one in self.reading.drain(..read) {
            let Reading {
                job,
                options,
                joined,
            } = one;
            let rules = Rules::new(
                &options,
                self.ends.clone(),
                self.banned.clone(),
                job.source.len(),
                self.model.max_output(job.source.len()),
            );
            self.under_way.push(UnderWay {
                search: Searching::new(&options, rules),
                told: Cell::new(0),
                encode_time: joined.elapsed(),
                job,
                joined,
            });
        }
        Ok(())
    }

    /// Reads a part of what has joined, then makes one token for every hypothesis of every sentence that
    /// is read; the sentences that end, and those whose asker has gone or has enough, leave. Returns the
    /// number of tokens made.
    pub fn step(&mut self) -> candle_core::Result<usize> {
        self.read()?;
        if self.under_way.is_empty() {
            return Ok(0);
        }
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
                Continuation::Rows(_) if one.has_enough() => {
                    let output = Output {
                        encode_time: one.encode_time,
                        ..Output::default()
                    };
                    one.job.answer(one.joined, output);
                }
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
        let reading = self.reading.into_iter().map(|one| one.job);
        for job in reading.chain(self.under_way.into_iter().map(|one| one.job)) {
            let _ = job.reply.send(Err(error.clone())); // the asker may have gone
        }
    }
}

impl UnderWay {
    /// Whether who follows the output wants no more of it.
    fn has_enough(&self) -> bool {
        let follower = self.job.follower.as_ref();
        follower.is_some_and(mpsc::UnboundedSender::is_closed)
    }

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
