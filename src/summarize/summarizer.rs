//! What a request asks for: sentence vectors from a translation encoder, then the choice.

use super::{Length, SummarySentence, candidates, select};
use crate::{
    article::{Document, strip_invisible},
    inference::{InferenceError, Reservation, Task},
    model::{TokenId, Translator},
};
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;

/// Sentences of one request in the queue at a time, as for translations.
const SENTENCES_UNDER_WAY: usize = 256;

/// The sentences that say what an article says, in its order; fewer than asked for when it has fewer.
/// `reader`: a model that reads the article's language; its encoder alone is used.
/// Computed in the turn of `request`; dropping the future frees its places in the queue.
pub async fn summarize(
    request: &Reservation,
    document: &Arc<Document>,
    reader: &Arc<Translator>,
    length: Length,
) -> Result<Vec<SummarySentence>, InferenceError> {
    let candidates = candidates(document);
    let sentences: Vec<_> = document.sentences().collect();
    let sources: Vec<Vec<TokenId>> = candidates
        .iter()
        .map(|&index| tokens(reader, &sentences[index].text))
        .collect();
    let vectors: Vec<Vec<f32>> = stream::iter(sources)
        .map(|source| request.run(reader, source, Task::Encode))
        .buffered(SENTENCES_UNDER_WAY)
        .map_ok(|output| output.vector)
        .try_collect()
        .await?;
    // Half a second for ten thousand sentences: not on a thread that serves others.
    let document = document.clone();
    let choice =
        tokio::task::spawn_blocking(move || select(&document, &candidates, &vectors, length));
    Ok(choice.await?)
}

/// What the encoder reads of a sentence: at most the model's window, for a vector needs no more.
fn tokens(model: &Translator, sentence: &str) -> Vec<TokenId> {
    let tokens = model
        .source()
        .encode(&strip_invisible(sentence))
        .into_iter()
        .map(|token| token.id);
    tokens
        .take(model.max_source_tokens() - 1)
        .chain([model.end()])
        .collect()
}
