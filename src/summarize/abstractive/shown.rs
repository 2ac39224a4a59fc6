//! What a model is shown of a document: all of it or, where that is more than it reads, the sentences
//! that say most of what the document says.

use super::author::{Author, Request};
use crate::{
    article::Document,
    model::{TokenId, causal::PromptError},
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

/// Of the words that should fit, so that they do.
const MARGIN: f64 = 0.97;

/// What the author reads. A document that is too long takes time: half a second for ten thousand sentences.
///
/// # Errors
/// Not even one sentence fits.
pub fn prompt(
    author: &Author,
    request: &Request,
    document: &Document,
) -> Result<(Vec<TokenId>, Shown), PromptError> {
    let too_long = match author.prompt(request, document.text()) {
        Err(PromptError::TooLong { tokens, .. }) => tokens,
        other => return other.map(|prompt| (prompt, Shown::All)),
    };
    let instructions = author.prompt(request, "")?.len();
    let room = (request.room - instructions) as f64;
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
                most: request.room,
            });
        };
        let chosen = select(document, &candidates, &[], Length::words(limit));
        let shown: Vec<&str> = chosen.iter().map(|sentence| &*sentence.text).collect();
        match author.prompt(request, &shown.join(" ")) {
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
