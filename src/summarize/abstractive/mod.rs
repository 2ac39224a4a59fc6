//! Abstractive summaries: a model is shown the document and writes new sentences.
//!
//! - `author`: the models that can, those that follow instructions and those that were made for it
//! - `shown`: what the model is shown of the document
//! - `telling`: the text as it comes, held to what was asked
//! - `check`: numbers and names that the document does not have

mod author;
mod check;
mod shown;
mod telling;
#[cfg(test)]
mod test;

pub use author::Author;
pub use check::Doubt;
pub use shown::Shown;
pub use telling::{Piece, WrittenSentence};

use super::Length;
use crate::{
    article::{Document, Language},
    inference::{InferenceError, Output, Reservation, Writing, decode::Search},
    model::causal::PromptError,
};
use author::Detokenizer;
use check::Facts;
use futures::{Stream, stream};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use telling::Telling;

/// Why there is no summary.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Prompt(#[from] PromptError),
    #[error(transparent)]
    Inference(#[from] InferenceError),
    #[error(
        "the model wrote no summary of this text: ask for an extractive one (`style`), or install a larger model"
    )]
    Nothing,
}

/// What is to be summarised, and how.
pub struct Assignment<'a> {
    pub document: &'a Arc<Document>,
    pub source: &'a Language,
    /// The language that is written.
    pub target: &'a Language,
    pub length: Length,
    pub search: Search,
}

/// A step of a summary under way.
#[derive(Debug)]
pub enum Event {
    Piece(Piece),
    /// Last, once.
    End(Ending),
}

/// How a summary ended.
#[derive(Debug)]
pub struct Ending {
    pub usage: Usage,
    /// The model was stopped in the middle of a sentence, at the most tokens that it may write.
    pub cut: bool,
}

/// What a summary cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub source_tokens: usize,
    pub target_tokens: usize,
    /// When it was given to the engine; none before.
    pub submitted: Option<Instant>,
    /// From then to a place in a batch.
    pub queue_time: Duration,
    /// In the batch.
    pub compute_time: Duration,
    /// The part of `compute_time` until the document was read.
    pub read_time: Duration,
}

const MOST_TOKENS: usize = 2048;

/// Tokens that are written for a summary of that length at the most.
pub fn most_tokens(length: Length) -> usize {
    length.most_tokens().min(MOST_TOKENS)
}

/// Begins to write: how much of the document the model reads, and what it writes. Dropping the stream
/// frees its place in the batch within one step.
///
/// # Errors
/// Not even one sentence fits what the model reads; its queue has ended.
pub async fn write(
    request: &Arc<Reservation>,
    author: &Author,
    assignment: &Assignment<'_>,
) -> Result<
    (
        Shown,
        impl Stream<Item = Result<Event, WriteError>> + Send + 'static + use<>,
    ),
    WriteError,
> {
    let length = assignment.length;
    let asked = author.request(assignment.target, length);
    let instructions = author.instructions(&asked)?;
    let (reader, document) = (author.clone(), assignment.document.clone());
    let (source, target) = (assignment.source.clone(), assignment.target.clone());
    let read = tokio::task::spawn_blocking(move || {
        let facts = Facts::of(document.text(), &source, &target);
        shown::prompt(&reader, &asked, &document).map(|prompt| (prompt, facts))
    });
    let ((prompt, shown), facts) = read.await.map_err(|_| InferenceError::Panicked)??;
    let source_tokens = prompt.len();
    let under_way = UnderWay {
        writing: Some(request.write(
            author.model(),
            prompt,
            author.options(length, assignment.search),
        )?),
        detokenizer: author.detokenizer(),
        telling: Telling::new(length, Arc::new(facts), &instructions),
        ready: VecDeque::new(),
        ending: Ending {
            usage: Usage {
                source_tokens,
                ..Usage::default()
            },
            cut: false,
        },
    };
    Ok((shown, stream::try_unfold(Some(under_way), UnderWay::next)))
}

impl Usage {
    fn took(&mut self, submitted: Instant, output: &Output) {
        self.submitted = Some(submitted);
        self.queue_time = output.queue_time;
        self.compute_time = output.compute_time;
        self.read_time = output.encode_time;
    }
}

/// Without a wish for sentences, words bound the summary.
const MOST_SENTENCES: usize = 20;

struct UnderWay {
    /// Until the model has come to its end, or was stopped.
    writing: Option<Writing>,
    detokenizer: Detokenizer,
    telling: Telling,
    ready: VecDeque<Piece>,
    ending: Ending,
}

impl UnderWay {
    async fn next(this: Option<Self>) -> Result<Option<(Event, Option<Self>)>, WriteError> {
        let Some(mut this) = this else {
            return Ok(None);
        };
        loop {
            if let Some(piece) = this.ready.pop_front() {
                return Ok(Some((Event::Piece(piece), Some(this))));
            }
            let Some(writing) = this.writing.take() else {
                return match this.telling.sentences() {
                    0 => Err(WriteError::Nothing),
                    _ => Ok(Some((Event::End(this.ending), None))),
                };
            };
            this.read_on(writing).await?;
        }
    }

    /// One token, or the end.
    async fn read_on(&mut self, mut writing: Writing) -> Result<(), InferenceError> {
        if self.telling.is_full() {
            // What was asked for is there.
            let submitted = writing.submitted();
            let output = writing.stop().await?;
            self.ending.usage.took(submitted, &output);
            return Ok(());
        }
        if let Some(token) = writing.next().await {
            self.ending.usage.target_tokens += 1;
            let text = self.detokenizer.push(token);
            self.ready.extend(self.telling.push(&text));
            self.writing = Some(writing);
            return Ok(());
        }
        let submitted = writing.submitted();
        let mut output = writing.end().await?;
        self.ending.usage.took(submitted, &output);
        self.ending.cut = !output.take_best().finished;
        let rest = self.detokenizer.rest();
        self.ready.extend(self.telling.push(&rest));
        self.ready.extend(self.telling.finish());
        Ok(())
    }
}
