//! The models that write summaries: what each reads, and how it is decoded.

use super::{MOST_SENTENCES, most_tokens};
use crate::{
    article::Language,
    inference::{
        DecodeOptions,
        decode::{LengthBounds, Search},
    },
    model::{
        Causal, Model, TokenId, Translator,
        causal::{PromptError, Task},
        tokenizer::{self, bpe},
    },
    summarize::Length,
};
use std::{num::NonZeroUsize, sync::Arc};

/// A model that writes summaries. Cheap to clone.
#[derive(Clone)]
pub enum Author {
    /// Does what it is asked for in words, in whichever language.
    Instruction(Arc<Causal>),
    /// Was trained on texts and their summaries, and knows nothing else.
    Summarizer {
        model: Arc<Translator>,
        /// What it reads before a text.
        prefix: String,
    },
}

/// What is asked of an author, but for the article.
pub struct Request {
    /// English name of the language that is written.
    pub language: String,
    /// The most that the summary may have.
    pub sentences: usize,
    /// Tokens that the author reads, at most.
    pub room: usize,
}

/// Small models fall into loops: no six tokens come twice where the model's folder asks for nothing else.
const NO_REPEAT_NGRAM: NonZeroUsize = NonZeroUsize::new(6).unwrap();
/// Bytes of text for a token at the most, on the average of a window.
const LONGEST_TOKEN: usize = 64;
/// About as many as are usual.
const BYTES_PER_TOKEN: usize = 4;

impl Author {
    pub fn model(&self) -> Model {
        match self {
            Author::Instruction(model) => Model::Causal(model.clone()),
            Author::Summarizer { model, .. } => Model::Translator(model.clone()),
        }
    }

    /// Tokens that it reads at the most; what an instruction model writes is read, too.
    pub fn reads(&self) -> usize {
        match self {
            Author::Instruction(model) => model.config.context_length,
            Author::Summarizer { model, .. } => model.max_source_tokens(),
        }
    }

    /// Tokens that it writes at the most for a summary of that length.
    fn writes(&self, length: Length) -> usize {
        let most = most_tokens(length);
        match self {
            Author::Instruction(model) => most.min(model.config.context_length / 2),
            Author::Summarizer { .. } => most,
        }
    }

    /// What it is to be asked for such a summary.
    pub(super) fn request(&self, target: &Language, length: Length) -> Request {
        Request {
            language: target.english_name(),
            sentences: length.sentences.get().min(MOST_SENTENCES),
            room: match self {
                Author::Instruction(_) => self.reads() - self.writes(length),
                Author::Summarizer { .. } => self.reads(),
            },
        }
    }

    /// How it is decoded for a summary of that length.
    pub(super) fn options(&self, length: Length, search: Search) -> DecodeOptions {
        let folder = match self {
            Author::Instruction(_) => None,
            Author::Summarizer { model, .. } => model.no_repeat_ngram(),
        };
        DecodeOptions {
            search,
            no_repeat_ngram: Some(folder.unwrap_or(NO_REPEAT_NGRAM)),
            length: LengthBounds {
                max_tokens: NonZeroUsize::new(self.writes(length)),
                ..LengthBounds::default()
            },
            ..DecodeOptions::default()
        }
    }

    /// What it reads for an article.
    ///
    /// # Errors
    /// That is more than there is room for.
    pub(super) fn prompt(
        &self,
        request: &Request,
        article: &str,
    ) -> Result<Vec<TokenId>, PromptError> {
        match self {
            Author::Instruction(model) => model.prompt(&request.task(article), request.room),
            Author::Summarizer { model, prefix } => source(model, prefix, article, request.room),
        }
    }

    /// What it is told beside the article, and must not write.
    pub(super) fn instructions(&self, request: &Request) -> Result<String, PromptError> {
        match self {
            Author::Instruction(_) => request.task("").text(),
            Author::Summarizer { .. } => Ok(String::new()),
        }
    }

    pub(super) fn detokenizer(&self) -> Detokenizer {
        match self {
            Author::Instruction(model) => {
                Detokenizer::Bpe(bpe::Detokenizer::new(model.tokenizer.clone()))
            }
            Author::Summarizer { model, .. } => {
                Detokenizer::Pieces(tokenizer::Detokenizer::new(model.target().clone()))
            }
        }
    }
}

impl Request {
    fn task<'a>(&'a self, article: &'a str) -> Task<'a> {
        Task::Summary {
            article,
            language: &self.language,
            sentences: self.sentences,
        }
    }
}

/// The prefix, the article in one line and the end.
fn source(
    model: &Translator,
    prefix: &str,
    article: &str,
    room: usize,
) -> Result<Vec<TokenId>, PromptError> {
    let too_long = |tokens| PromptError::TooLong { tokens, most: room };
    // Not all of a text of megabytes is cut into pieces to learn that it is too long.
    if article.len() > room.saturating_mul(LONGEST_TOKEN) {
        return Err(too_long(article.len() / BYTES_PER_TOKEN));
    }
    let line = article.split_whitespace().collect::<Vec<_>>().join(" ");
    let pieces = model.source().encode(&format!("{prefix}{line}"));
    let tokens = pieces.into_iter().map(|token| token.id);
    let tokens: Vec<TokenId> = tokens.chain([model.end()]).collect();
    match tokens.len() > room {
        true => Err(too_long(tokens.len())),
        false => Ok(tokens),
    }
}

/// Tokens back into text as they come.
pub(super) enum Detokenizer {
    Bpe(bpe::Detokenizer),
    Pieces(tokenizer::Detokenizer),
}

impl Detokenizer {
    /// The characters that the token completes.
    pub fn push(&mut self, token: TokenId) -> String {
        match self {
            Detokenizer::Bpe(text) => text.push(token),
            Detokenizer::Pieces(text) => text.push(token),
        }
    }

    /// What is left when no more tokens come.
    pub fn rest(&mut self) -> String {
        match self {
            Detokenizer::Bpe(text) => text.rest(),
            Detokenizer::Pieces(text) => text.rest(),
        }
    }
}
