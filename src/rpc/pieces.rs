//! A translation as the pieces that it is made of, in order: what stands before a sentence, and
//! the sentence. Whole and streamed translations are the same pieces.

use std::{pin::Pin, vec};

use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::{
    article::{Language, strip_invisible},
    inference::{DecodeOptions, InferenceError},
    rpc::{
        CONTENT,
        call::Call,
        convert::{self, Spent},
        document::Prepared,
        proto::v1,
        status::RpcError,
    },
    translate::{self, LoadedRoute, Selection, SentenceUsage, TranslatedSentence},
};

/// A target language and the way there.
#[derive(Clone)]
pub struct Target {
    pub language: Language,
    pub route: LoadedRoute,
    pub decoding: DecodeOptions,
}

impl Target {
    pub fn message(&self) -> v1::TargetRoute {
        v1::TargetRoute {
            language: self.language.to_string(),
            route: Some(convert::route(&self.route.route())),
        }
    }

    /// What is to be warned of before anything is translated.
    pub fn warnings(&self, prepared: &Prepared) -> Vec<v1::Warning> {
        let generated = self.route.asked.as_ref().map(|_| convert::generated());
        prepared.warnings.iter().cloned().chain(generated).collect()
    }

    /// The languages with the routes to them, in their order.
    pub fn all(
        languages: Vec<Language>,
        routes: Vec<LoadedRoute>,
        decoding: DecodeOptions,
    ) -> Vec<Self> {
        let target = |(language, route)| Target {
            language,
            route,
            decoding,
        };
        languages.into_iter().zip(routes).map(target).collect()
    }
}

/// The next piece of a translation.
pub struct Piece {
    /// To append to the text so far.
    pub text: String,
    /// None in the last piece, which is what stands after the last sentence.
    pub sentence: Option<v1::TranslatedSentence>,
    pub usage: SentenceUsage,
}

/// Translates the document. Dropping the stream takes its sentences out of the queue.
pub fn pieces(
    call: &Call,
    prepared: &Prepared,
    target: &Target,
) -> impl Stream<Item = Result<Piece, RpcError>> + Send + 'static + use<> {
    let document = &prepared.document;
    let gaps: Vec<String> = document
        .gaps()
        .into_iter()
        .map(|gap| strip_invisible(gap).into_owned())
        .collect();
    let (claim, all) = (&prepared.claim, &Selection::All);
    let cache = &call.domain.cache;
    let sentences =
        translate::translate(claim, cache, document, all, &target.route, target.decoding);
    let state = Progress {
        sentences: sentences.boxed(),
        expected: prepared.sentences,
        gaps: gaps.into_iter(),
        call: call.clone(),
        written: 0,
        given: 0,
        finished: false,
    };
    stream::try_unfold(state, Progress::next)
}

type Sentences = Pin<Box<dyn Stream<Item = Result<TranslatedSentence, InferenceError>> + Send>>;

struct Progress {
    sentences: Sentences,
    expected: usize,
    gaps: vec::IntoIter<String>,
    call: Call,
    /// Bytes of the translated text so far.
    written: usize,
    /// Sentences so far.
    given: usize,
    finished: bool,
}

impl Progress {
    async fn next(mut self) -> Result<Option<(Piece, Self)>, RpcError> {
        if self.finished {
            return Ok(None);
        }
        let Some(sentence) = self.sentences.try_next().await? else {
            if self.given != self.expected {
                return Err(RpcError::Incomplete {
                    given: self.given,
                    expected: self.expected,
                });
            }
            self.finished = true;
            self.call.tally.rejoined();
            let piece = Piece {
                text: self.gaps.next().unwrap_or_default(),
                sentence: None,
                usage: SentenceUsage::default(),
            };
            return Ok(Some((piece, self)));
        };
        self.call.tally.add_sentence(&sentence.usage);
        tracing::info!(target: CONTENT, source = ?sentence.span, text = sentence.text, "translated");
        let mut text = self.gaps.next().unwrap_or_default();
        let start = self.written + text.len();
        text.push_str(&sentence.text);
        self.written += text.len();
        let message = v1::TranslatedSentence {
            source_span: Some(convert::span(&sentence.span)),
            target_span: Some(convert::span(&(start..self.written))),
            warnings: convert::sentence_warnings(&sentence.warnings, convert::narrow(self.given)),
            score: sentence.likelihood.map(|likelihood| likelihood.per_token()),
            text: sentence.text,
        };
        self.given += 1;
        Ok(Some((
            Piece {
                text,
                sentence: Some(message),
                usage: sentence.usage,
            },
            self,
        )))
    }
}

/// The whole translation, from its pieces.
pub async fn whole(
    call: &Call,
    prepared: &Prepared,
    target: &Target,
) -> Result<(v1::Translation, Spent), RpcError> {
    let mut translation = v1::Translation {
        language: target.language.to_string(),
        text: String::new(),
        sentences: Vec::with_capacity(prepared.sentences),
        route: Some(convert::route(&target.route.route())),
        warnings: target.warnings(prepared),
    };
    let mut spent = Spent::default();
    let mut pieces = std::pin::pin!(pieces(call, prepared, target));
    while let Some(piece) = pieces.try_next().await? {
        translation.text.push_str(&piece.text);
        spent.add(&piece.usage);
        if let Some(sentence) = piece.sentence {
            translation
                .warnings
                .extend(sentence.warnings.iter().cloned());
            translation.sentences.push(sentence);
        }
    }
    Ok((translation, spent))
}

/// The whole translations into all targets, computed side by side.
pub async fn all(
    call: &Call,
    prepared: &Prepared,
    targets: &[Target],
) -> Result<(Vec<v1::Translation>, Spent), RpcError> {
    let parts = targets.iter().map(|target| whole(call, prepared, target));
    let parts = futures::future::try_join_all(parts).await?;
    let spent = parts
        .iter()
        .fold(Spent::default(), |sum, (_, spent)| sum.merge(*spent));
    Ok((
        parts
            .into_iter()
            .map(|(translation, _)| translation)
            .collect(),
        spent,
    ))
}
