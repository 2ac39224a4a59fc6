//! Abstractive summaries: an instruction model is shown the document and writes new sentences, in
//! whichever language it is asked for.
//!
//! - `telling`: the text as it comes, held to what was asked
//! - `check`: numbers and names that the document does not have

mod check;
mod telling;
#[cfg(test)]
mod test;

pub use check::Doubt;
pub use telling::{Piece, WrittenSentence};

use super::Length;
use crate::{
    article::Language,
    inference::{DecodeOptions, InferenceError, Reservation, Writing, decode::LengthBounds},
    model::{
        Causal,
        causal::{PromptError, Task},
        tokenizer::bpe::Detokenizer,
    },
};
use check::Facts;
use futures::{Stream, stream};
use std::{collections::VecDeque, num::NonZeroUsize, sync::Arc};
use telling::Telling;

/// Why there is no summary.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Prompt(#[from] PromptError),
    #[error(transparent)]
    Inference(#[from] InferenceError),
    #[error("the model wrote no summary: ask for an extractive one, or install a larger model")]
    Nothing,
}

/// What is to be summarised, and how.
pub struct Assignment<'a> {
    pub text: &'a str,
    pub source: &'a Language,
    pub target: &'a Language,
    pub length: Length,
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
    pub queue_time: std::time::Duration,
    pub compute_time: std::time::Duration,
}

/// Tokens for a sentence and for a word, to bound what is written: three times what is usual.
const TOKENS_PER_SENTENCE: usize = 120;
const TOKENS_PER_WORD: usize = 6;
const MOST_TOKENS: usize = 2048;
/// Small models fall into loops: no six tokens come twice.
const NO_REPEAT_NGRAM: NonZeroUsize = NonZeroUsize::new(6).unwrap();

/// Begins to write. Dropping the stream frees its place in the batch within one step.
///
/// # Errors
/// The text is too long for the model; its queue has ended.
pub fn write(
    request: &Arc<Reservation>,
    model: &Arc<Causal>,
    assignment: &Assignment,
) -> Result<impl Stream<Item = Result<Event, WriteError>> + Send + 'static + use<>, WriteError> {
    let length = assignment.length;
    let language = assignment.target.english_name();
    let task = |article| Task::Summary {
        article,
        language: &language,
        sentences: length.sentences.get().min(MOST_SENTENCES),
    };
    let prompt = model.prompt(&task(assignment.text))?;
    let most = (length.sentences.get().saturating_mul(TOKENS_PER_SENTENCE))
        .min(length.words.get().saturating_mul(TOKENS_PER_WORD))
        .min(MOST_TOKENS);
    let options = DecodeOptions {
        no_repeat_ngram: Some(NO_REPEAT_NGRAM),
        length: LengthBounds {
            max_tokens: NonZeroUsize::new(most),
            ..LengthBounds::default()
        },
        ..DecodeOptions::default()
    };
    let facts = Facts::of(assignment.text, assignment.source, assignment.target);
    let source_tokens = prompt.len();
    let under_way = UnderWay {
        writing: Some(request.write(model, prompt, options)?),
        detokenizer: Detokenizer::new(model.tokenizer.clone()),
        telling: Telling::new(length, Arc::new(facts), &task("").text()?),
        ready: VecDeque::new(),
        ending: Ending {
            usage: Usage {
                source_tokens,
                ..Usage::default()
            },
            cut: false,
        },
    };
    Ok(stream::try_unfold(Some(under_way), UnderWay::next))
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
            // What was asked for is there: dropping the rest frees its place.
            self.ending.usage.compute_time = writing.since();
            return Ok(());
        }
        if let Some(token) = writing.next().await {
            self.ending.usage.target_tokens += 1;
            let text = self.detokenizer.push(token);
            self.ready.extend(self.telling.push(&text));
            self.writing = Some(writing);
            return Ok(());
        }
        let mut output = writing.end().await?;
        self.ending.usage.queue_time = output.queue_time;
        self.ending.usage.compute_time = output.compute_time;
        self.ending.cut = !output.take_best().finished;
        let rest = self.detokenizer.rest();
        self.ready.extend(self.telling.push(&rest));
        self.ready.extend(self.telling.finish());
        Ok(())
    }
}
