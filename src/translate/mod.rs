//! Documents into other languages, sentence by sentence, faithfully.
//!
//! - `route`: which models lead from a language to another
//! - `sentence`: one sentence through one model, attempt by attempt
//! - `prepare`: what the model reads in a sentence's place
//! - `capitals`: headlines in capitals, which the model cannot read
//! - `alignment`: a translation that knows where it came from
//! - `fidelity`: what must not get lost, one file a check

mod alignment;
mod capitals;
mod fidelity;
mod prepare;
mod route;
mod sentence;
#[cfg(test)]
mod test;

pub use route::{Hop, Route};

use crate::{
    article::{Document, Language, Sentence, strip_invisible},
    inference::{InferenceError, Reservation},
    model::Student,
};
use futures::{Stream, StreamExt, stream};
use sentence::Sentences;
use std::{
    collections::BTreeSet,
    ops::{AddAssign, Range},
    sync::Arc,
    time::Duration,
};

/// What a translation may not have kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WarningKind {
    /// The same words over and over.
    Repetition,
    /// Cut off, or far shorter or longer than the source.
    Length,
    /// Something that the model has no letters for.
    Unknown,
    Number,
    Name,
    /// An address, a word in another script or a sign, kept but perhaps not at its place.
    Protected,
    /// Invisible characters that the model does not read were left out.
    InvisibleRemoved,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Warning {
    pub kind: WarningKind,
    pub message: String,
}

#[derive(Clone, Debug)]
pub struct TranslatedSentence {
    /// Position among the document's sentences.
    pub index: usize,
    /// Bytes of the document's text.
    pub span: Range<usize>,
    pub text: String,
    pub warnings: Vec<Warning>,
    pub usage: SentenceUsage,
}

/// What a sentence cost, all attempts counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SentenceUsage {
    pub source_tokens: usize,
    pub target_tokens: usize,
    /// Waiting for a place in a batch.
    pub queue_time: Duration,
    /// In a batch, which other sentences share.
    pub compute_time: Duration,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum TranslateError {
    #[error(
        "no installed model translates {source_language} to {target_language}; installed: {installed}"
    )]
    NotInstalled {
        source_language: Language,
        target_language: Language,
        installed: String,
    },
    #[error(transparent)]
    Inference(#[from] InferenceError),
}

/// Which sentences of a document to translate.
#[derive(Clone, Debug)]
pub enum Selection {
    All,
    /// By their position among the document's sentences, rising.
    Sentences(Vec<usize>),
}

/// A model that a translator may use.
#[derive(Clone)]
pub struct Translating {
    pub id: Arc<str>,
    pub source: Language,
    pub target: Language,
    pub model: Arc<Student>,
}

/// Translates documents. Cheap to clone, shared by all requests.
#[derive(Clone)]
pub struct Translator {
    models: Arc<[Translating]>,
}

/// Sentences of one request in the queue and in batches at a time: enough to fill the batches of
/// every worker, few enough that another request's sentences come soon.
const SENTENCES_UNDER_WAY: usize = 256;

impl Translator {
    pub fn new(models: Vec<Translating>) -> Self {
        Translator {
            models: models.into(),
        }
    }

    /// A route between any two languages that installed models lead from one to the other, in the
    /// order of the languages.
    pub fn routes(&self) -> Vec<Route> {
        let sources: BTreeSet<&Language> = self.models.iter().map(|model| &model.source).collect();
        let targets: BTreeSet<&Language> = self.models.iter().map(|model| &model.target).collect();
        let pairs = sources
            .iter()
            .flat_map(|source| targets.iter().map(move |target| (*source, *target)));
        pairs
            .filter(|(source, target)| source != target)
            .filter_map(|(source, target)| route::shortest(&self.models, source, target))
            .map(|models| Route::over(&models))
            .collect()
    }

    /// The way from a language to another; see `route::shortest`.
    pub fn route(&self, source: &Language, target: &Language) -> Result<Route, TranslateError> {
        let models = route::shortest(&self.models, source, target).ok_or_else(|| {
            TranslateError::NotInstalled {
                source_language: source.clone(),
                target_language: target.clone(),
                installed: self.installed(),
            }
        })?;
        Ok(Route::over(&models))
    }

    /// The selected sentences in order, each as soon as it is ready, in the turn of `request`, which
    /// is held until the last. Dropping the stream frees its places in the queue and in the batches
    /// within one step.
    pub fn translate(
        &self,
        request: &Arc<Reservation>,
        document: &Document,
        selection: &Selection,
        route: &Route,
    ) -> impl Stream<Item = Result<TranslatedSentence, TranslateError>> + Send + 'static + use<>
    {
        let hops = match self.hops(route, request) {
            Err(error) => return stream::iter([Err(error)]).left_stream(),
            Ok(hops) => hops,
        };
        let sentences = chosen(document, selection)
            .into_iter()
            .map(move |(index, sentence)| {
                let hops = hops.clone();
                async move { translate_sentence(&hops, index, sentence).await }
            });
        stream::iter(sentences)
            .buffered(SENTENCES_UNDER_WAY)
            .right_stream()
    }

    /// The models of a route as one request uses them; its claim on the queue is held with them.
    fn hops(
        &self,
        route: &Route,
        request: &Arc<Reservation>,
    ) -> Result<Arc<[Sentences]>, TranslateError> {
        let of_hop = |hop: &Hop| match self.models.iter().find(|model| *model.id == *hop.model) {
            Some(Translating { id, model, .. }) => Ok(Sentences {
                request: request.clone(),
                model: model.clone(),
                model_id: id.clone(),
            }),
            None => Err(TranslateError::NotInstalled {
                source_language: hop.source.clone(),
                target_language: hop.target.clone(),
                installed: self.installed(),
            }),
        };
        route.hops.iter().map(of_hop).collect()
    }

    fn installed(&self) -> String {
        let pairs: Vec<_> = self
            .models
            .iter()
            .map(|model| format!("{} to {}", model.source, model.target))
            .collect();
        if pairs.is_empty() {
            "none".into()
        } else {
            pairs.join(", ")
        }
    }
}

fn chosen(document: &Document, selection: &Selection) -> Vec<(usize, Sentence)> {
    let sentences = document.sentences().cloned().enumerate();
    match selection {
        Selection::All => sentences.collect(),
        Selection::Sentences(indices) => sentences
            .filter(|(index, _)| indices.binary_search(index).is_ok())
            .collect(),
    }
}

async fn translate_sentence(
    hops: &[Sentences],
    index: usize,
    source: Sentence,
) -> Result<TranslatedSentence, TranslateError> {
    let visible = strip_invisible(&source.text);
    let removed = source.text.chars().count() - visible.chars().count();
    let shouted = capitals::is_shouted(&visible);
    let mut translated = TranslatedSentence {
        index,
        span: source.span,
        text: if shouted {
            capitals::lowered(&visible)
        } else {
            visible.into_owned()
        },
        warnings: Vec::new(),
        usage: SentenceUsage::default(),
    };
    if removed > 0 {
        translated.warnings.push(Warning {
            kind: WarningKind::InvisibleRemoved,
            message: format!("{removed} invisible characters (bidirectional controls, zero-width spaces or soft hyphens) were left out"),
        });
    }
    for hop in hops {
        let outcome = hop.translate(&translated.text).await?;
        translated.text = outcome.text;
        translated.warnings.extend(outcome.warnings);
        translated.usage += outcome.usage;
    }
    if shouted {
        translated.text = capitals::raised(&translated.text);
    }
    Ok(translated)
}

impl AddAssign for SentenceUsage {
    fn add_assign(&mut self, other: Self) {
        self.source_tokens += other.source_tokens;
        self.target_tokens += other.target_tokens;
        self.queue_time += other.queue_time;
        self.compute_time += other.compute_time;
    }
}

impl WarningKind {
    /// As metrics and logs name it.
    pub fn as_str(self) -> &'static str {
        match self {
            WarningKind::Repetition => "repetition",
            WarningKind::Length => "length",
            WarningKind::Unknown => "unknown",
            WarningKind::Number => "number",
            WarningKind::Name => "name",
            WarningKind::Protected => "protected",
            WarningKind::InvisibleRemoved => "invisible_removed",
        }
    }
}
