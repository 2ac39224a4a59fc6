//! Documents into other languages, sentence by sentence, faithfully.
//!
//! - `route`: which models lead from a language to another
//! - `sentence`: one sentence through one model, attempt by attempt
//! - `asked`: one sentence by an instruction model, where no model translates
//! - `prepare`: what the model reads in a sentence's place
//! - `capitals`: headlines in capitals, which the model cannot read
//! - `alignment`: a translation that knows where it came from
//! - `fidelity`: what must not get lost, one file a check
//! - `cache`: what was translated lately
//! - `times`: when the models worked on a sentence

mod alignment;
mod asked;
mod cache;
mod capitals;
mod fidelity;
mod prepare;
mod route;
mod sentence;
#[cfg(test)]
mod test;
mod times;

pub use asked::Asked;
pub use cache::Cache;
pub use route::{Hop, LoadedHop, LoadedRoute, Route, Routes};
pub use times::{Interval, Times};

use crate::{
    article::{Document, Sentence, strip_invisible},
    inference::{DecodeOptions, InferenceError, Position, Reservation},
};
use futures::{Stream, StreamExt, stream};
use sentence::{Outcome, Sentences};
use std::{
    iter,
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
    /// Where the search computes it.
    pub likelihood: Option<Likelihood>,
}

/// How likely the models find what they wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Likelihood {
    /// Natural logarithm of the probability of all tokens.
    pub log_probability: f32,
    /// The ends counted.
    pub tokens: usize,
}

impl Likelihood {
    /// Mean logarithm of a token's probability.
    pub fn per_token(self) -> f32 {
        self.log_probability / self.tokens.max(1) as f32
    }

    /// Of two parts, or of two hops; none where one is not known.
    fn and(self, other: Option<Likelihood>) -> Option<Likelihood> {
        let other = other?;
        Some(Likelihood {
            log_probability: self.log_probability + other.log_probability,
            tokens: self.tokens + other.tokens,
        })
    }
}

/// What a sentence cost, all attempts counted; what the cache had counts as when it was computed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SentenceUsage {
    pub source_tokens: usize,
    pub target_tokens: usize,
    /// Those of them that were not computed, for the cache had the translation.
    pub kept_source_tokens: usize,
    pub kept_target_tokens: usize,
    /// Waiting for a place in a batch.
    pub queue_time: Duration,
    /// In a batch, which other sentences share.
    pub compute_time: Duration,
    /// None where no model was needed.
    pub times: Option<Times>,
}

/// Which sentences of a document to translate.
#[derive(Clone, Debug)]
pub enum Selection {
    All,
    /// By their position among the document's sentences, rising.
    Sentences(Vec<usize>),
}

/// Sentences of one request in the queue and in batches at a time: enough to fill the batches of
/// every worker, few enough that another request's sentences come soon.
const SENTENCES_UNDER_WAY: usize = 256;

/// The selected sentences in order, each as soon as it is ready, in the turn of `request`, which is
/// held until the last. Dropping the stream frees its places in the queue and in the batches within
/// one step. What `cache` has is not computed.
pub fn translate(
    request: &Arc<Reservation>,
    cache: &Cache,
    document: &Document,
    selection: &Selection,
    route: &LoadedRoute,
    decoding: DecodeOptions,
) -> impl Stream<Item = Result<TranslatedSentence, InferenceError>> + Send + 'static + use<> {
    let hops = route
        .hops
        .iter()
        .zip(iter::once(Position::Last).chain(iter::repeat(Position::First)))
        .map(|(hop, position)| {
            Sentences::new(
                request.clone(),
                cache.clone(),
                hop.clone(),
                decoding,
                position,
            )
        });
    let hops: Arc<[Sentences]> = hops.collect();
    let asked = route.asked.clone();
    let sentences = chosen(document, selection)
        .into_iter()
        .map(move |(index, sentence)| {
            let (hops, asked) = (hops.clone(), asked.clone());
            async move {
                let asked = asked.as_ref().map(|asked| (asked, decoding));
                translate_sentence(&hops, asked, index, sentence).await
            }
        });
    stream::iter(sentences).buffered(SENTENCES_UNDER_WAY)
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
    asked: Option<(&Asked, DecodeOptions)>,
    index: usize,
    source: Sentence,
) -> Result<TranslatedSentence, InferenceError> {
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
        likelihood: Some(Likelihood::default()),
    };
    if removed > 0 {
        translated.warnings.push(Warning {
            kind: WarningKind::InvisibleRemoved,
            message: format!("{removed} invisible characters (bidirectional controls, zero-width spaces or soft hyphens) were left out"),
        });
    }
    for hop in hops {
        let outcome = hop.translate(&translated.text).await?;
        translated.is_now(outcome);
    }
    if let Some((asked, decoding)) = asked {
        let outcome = asked.translate(&translated.text, decoding).await?;
        translated.is_now(outcome);
    }
    if shouted {
        translated.text = capitals::raised(&translated.text);
    }
    Ok(translated)
}

impl TranslatedSentence {
    /// One hop further.
    fn is_now(&mut self, outcome: Outcome) {
        self.text = outcome.text;
        self.warnings.extend(outcome.warnings);
        self.usage += outcome.usage;
        let so_far = self.likelihood;
        self.likelihood = so_far.and_then(|so_far| so_far.and(outcome.likelihood));
    }
}

/// Counts what a model has read and written.
pub fn count_tokens(model: &str, usage: &SentenceUsage) {
    for (direction, tokens) in [
        ("source", usage.source_tokens),
        ("target", usage.target_tokens),
    ] {
        let labels = [
            ("model", model.to_owned()),
            ("direction", direction.to_owned()),
        ];
        metrics::counter!("depeche_tokens_total", &labels).increment(tokens as u64);
    }
}

impl AddAssign for SentenceUsage {
    fn add_assign(&mut self, other: Self) {
        self.source_tokens += other.source_tokens;
        self.target_tokens += other.target_tokens;
        self.kept_source_tokens += other.kept_source_tokens;
        self.kept_target_tokens += other.kept_target_tokens;
        self.queue_time += other.queue_time;
        self.compute_time += other.compute_time;
        self.times = match (self.times, other.times) {
            (Some(ours), Some(theirs)) => Some(ours.and(theirs)),
            (ours, theirs) => ours.or(theirs),
        };
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
