//! What a model is shown of a document: all of it or, where that is more than it reads, the sentences
//! that say most of what the document says.

use crate::{
    article::Document,
    model::{
        Causal, TokenId,
        causal::{PromptError, Task},
    },
    summarize::{Length, candidates, select},
};
use std::num::NonZeroUsize;

/// How much of a document a model was shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    All,
    /// So many of its sentences.
    Part {
        sentences: usize,
        of: usize,
    },
}

/// What is asked of a model, but for the article.
pub struct Request {
    /// English name of the language that is written.
    pub language: String,
    /// The most that the summary may have.
    pub sentences: usize,
    /// Tokens of the prompt, at most.
    pub room: usize,
}

/// Of the words that should fit, so that they do.
const MARGIN: f64 = 0.97;

impl Request {
    pub fn task<'a>(&'a self, article: &'a str) -> Task<'a> {
        Task::Summary {
            article,
            language: &self.language,
            sentences: self.sentences,
        }
    }

    /// The prompt. A document that is too long takes time: half a second for ten thousand sentences.
    ///
    /// # Errors
    /// Not even one sentence fits.
    pub fn prompt(
        &self,
        model: &Causal,
        document: &Document,
    ) -> Result<(Vec<TokenId>, Shown), PromptError> {
        let too_long = match model.prompt(&self.task(document.text()), self.room) {
            Err(PromptError::TooLong { tokens, .. }) => tokens,
            other => return other.map(|prompt| (prompt, Shown::All)),
        };
        let instructions = model.prompt(&self.task(""), self.room)?.len();
        let room = (self.room - instructions) as f64;
        let candidates = candidates(document);
        let mut words = document.text().split_whitespace().count();
        let mut tokens = too_long;
        loop {
            // Fewer at each attempt: the last was too long.
            let fit = room / (tokens - instructions) as f64 * MARGIN;
            words = (words as f64 * fit) as usize;
            let Some(limit) = NonZeroUsize::new(words) else {
                return Err(PromptError::TooLong {
                    tokens: too_long,
                    most: self.room,
                });
            };
            let chosen = select(document, &candidates, &[], Length::words(limit));
            let shown: Vec<&str> = chosen.iter().map(|sentence| &*sentence.text).collect();
            match model.prompt(&self.task(&shown.join(" ")), self.room) {
                Err(PromptError::TooLong { tokens: still, .. }) => tokens = still,
                other => {
                    let shown = Shown::Part {
                        sentences: shown.len(),
                        of: document.sentences().count(),
                    };
                    return other.map(|prompt| (prompt, shown));
                }
            }
        }
    }
}
