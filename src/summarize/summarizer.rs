//! The handle that requests hold: sentence vectors from a translation encoder, then the choice.

use super::{Length, SummarySentence, candidates, select};
use crate::{
    article::{Document, Language, strip_invisible},
    inference::{InferenceError, Reservation, Task},
    model::{Student, TokenId},
};
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;

#[derive(Debug, Clone, thiserror::Error)]
pub enum SummarizeError {
    #[error("no installed model reads {language}; installed: {installed}")]
    NotInstalled {
        language: Language,
        installed: String,
    },
    #[error(transparent)]
    Inference(#[from] InferenceError),
}

/// A model whose encoder a summariser may use.
#[derive(Clone)]
pub struct Reading {
    pub language: Language,
    pub model: Arc<Student>,
}

/// Chooses the sentences that say what an article says. Cheap to clone, shared by all requests.
#[derive(Clone)]
pub struct Summarizer {
    models: Arc<[Reading]>,
}

/// Sentences of one request in the queue at a time, as for translations.
const SENTENCES_UNDER_WAY: usize = 256;

impl Summarizer {
    pub fn new(models: Vec<Reading>) -> Self {
        Summarizer {
            models: models.into(),
        }
    }

    /// The chosen sentences in article order; fewer than asked for when the article has fewer.
    /// Computed in the turn of `request`; dropping the future frees its places in the queue.
    pub async fn summarize(
        &self,
        request: &Reservation,
        document: &Arc<Document>,
        source: &Language,
        length: Length,
    ) -> Result<Vec<SummarySentence>, SummarizeError> {
        let model = self.model(source)?;
        let candidates = candidates(document);
        let sentences: Vec<_> = document.sentences().collect();
        let sources: Vec<Vec<TokenId>> = candidates
            .iter()
            .map(|&index| tokens(model, &sentences[index].text))
            .collect();
        let vectors: Vec<Vec<f32>> = stream::iter(sources)
            .map(|source| request.run(model, source, Task::Encode))
            .buffered(SENTENCES_UNDER_WAY)
            .map_ok(|output| output.vector)
            .try_collect()
            .await?;
        // Half a second for ten thousand sentences: not on a thread that serves others.
        let document = document.clone();
        let choice =
            tokio::task::spawn_blocking(move || select(&document, &candidates, &vectors, length));
        choice
            .await
            .map_err(|error| InferenceError::Model(error.to_string()).into())
    }

    fn model(&self, source: &Language) -> Result<&Arc<Student>, SummarizeError> {
        let reading = self
            .models
            .iter()
            .find(|reading| reading.language.serves(source));
        reading
            .map(|reading| &reading.model)
            .ok_or_else(|| SummarizeError::NotInstalled {
                language: source.clone(),
                installed: self
                    .models
                    .iter()
                    .map(|reading| reading.language.to_string())
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }
}

/// What the encoder reads of a sentence: at most the model's window, for a vector needs no more.
fn tokens(model: &Student, sentence: &str) -> Vec<TokenId> {
    let tokens = model
        .source
        .encode(&strip_invisible(sentence))
        .into_iter()
        .map(|token| token.id);
    tokens
        .take(model.config.max_source_tokens - 1)
        .chain([model.config.end()])
        .collect()
}
