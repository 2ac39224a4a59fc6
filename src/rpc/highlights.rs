//! A summary sentence by sentence: chosen once, then told in each language.

use std::{sync::Arc, time::Instant};

use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::{
    article::Language,
    inference::DecodeOptions,
    model::Translator,
    rpc::{
        call::{Call, Reading},
        convert::{self, Spent},
        document::Prepared,
        pieces::Target,
        proto::v1,
        status::RpcError,
        tally::Stage,
    },
    summarize::{Length, SummarySentence, summarize},
    translate::{self, Selection, SentenceUsage},
};

/// The language of a summary.
#[derive(Clone)]
pub enum Voice {
    /// The document's own: the sentences as they stand.
    Own(Language),
    /// Another one.
    Translated(Target),
}

impl Voice {
    pub fn language(&self) -> String {
        match self {
            Voice::Own(language) => language.to_string(),
            Voice::Translated(target) => target.language.to_string(),
        }
    }

    /// No hops in the document's own language.
    pub fn route(&self) -> v1::Route {
        match self {
            Voice::Own(_) => v1::Route::default(),
            Voice::Translated(target) => convert::route(&target.route.route()),
        }
    }

    /// What is to be warned of before anything is told.
    pub fn warnings(&self, prepared: &Prepared) -> Vec<v1::Warning> {
        match self {
            Voice::Own(_) => prepared.warnings.clone(),
            Voice::Translated(target) => target.warnings(prepared),
        }
    }

    pub fn target_route(&self) -> v1::TargetRoute {
        v1::TargetRoute {
            language: self.language(),
            route: Some(self.route()),
        }
    }
}

/// The voices of a request, and the model that reads the document; without languages, the document's
/// own.
pub async fn voices(
    call: &Call,
    prepared: &Prepared,
    languages: Vec<Language>,
) -> Result<(Vec<Voice>, Option<Arc<Translator>>), RpcError> {
    let others: Vec<_> = languages
        .iter()
        .filter(|language| !prepared.source.serves(language))
        .cloned()
        .collect();
    let loaded = call.load(prepared, &others, Reading::Needed).await?;
    if languages.is_empty() {
        let own = Voice::Own(prepared.source.clone());
        return Ok((vec![own], loaded.reader));
    }
    let mut routes = loaded.routes.into_iter();
    let voices = languages.into_iter().filter_map(|language| {
        if prepared.source.serves(&language) {
            return Some(Voice::Own(language));
        }
        routes.next().map(|route| {
            Voice::Translated(Target {
                language,
                route,
                decoding: DecodeOptions::default(),
            })
        })
    });
    Ok((voices.collect(), loaded.reader))
}

/// Chooses the sentences that the summary is made of, in the document's order.
pub async fn choose(
    call: &Call,
    prepared: &Prepared,
    reader: Option<Arc<Translator>>,
    length: Length,
) -> Result<Arc<Vec<SummarySentence>>, RpcError> {
    let reader = reader.ok_or_else(|| RpcError::NoReader {
        language: prepared.source.clone(),
        pull: None,
    })?;
    let began = Instant::now();
    let chosen = summarize(&prepared.claim, &prepared.document, &reader, length).await?;
    call.tally.passed(Stage::Choose, began);
    Ok(Arc::new(chosen))
}

/// The chosen sentences in one language, each as soon as it is ready.
pub fn told(
    call: &Call,
    prepared: &Prepared,
    chosen: &Arc<Vec<SummarySentence>>,
    voice: &Voice,
) -> impl Stream<Item = Result<(v1::SummarySentence, SentenceUsage), RpcError>> + Send + 'static + use<>
{
    let chosen = chosen.clone();
    let tally = call.tally.clone();
    let Voice::Translated(target) = voice else {
        let own = (0..chosen.len()).map(move |position| {
            tally.add_sentence(&SentenceUsage::default());
            let sentence = &chosen[position];
            Ok((
                message(sentence, sentence.text.clone(), Vec::new()),
                SentenceUsage::default(),
            ))
        });
        return stream::iter(own).boxed();
    };
    let selection = Selection::Sentences(chosen.iter().map(|sentence| sentence.index).collect());
    let expected = chosen.len();
    let translated = translate::translate(
        &prepared.claim,
        &call.domain.cache,
        &prepared.document,
        &selection,
        &target.route,
        target.decoding,
    );
    let told = translated
        .map_err(RpcError::from)
        .enumerate()
        .map(move |(position, translated)| {
            let translated = translated?;
            let sentence = chosen.get(position).ok_or(RpcError::Incomplete {
                given: position + 1,
                expected: chosen.len(),
            })?;
            tally.add_sentence(&translated.usage);
            let warnings =
                convert::sentence_warnings(&translated.warnings, convert::narrow(position));
            Ok((
                message(sentence, translated.text, warnings),
                translated.usage,
            ))
        });
    whole_or_error(told, expected).boxed()
}

/// Ends with an error when the stream ends before `expected` items.
fn whole_or_error<T: Send + 'static>(
    items: impl Stream<Item = Result<T, RpcError>> + Send + 'static,
    expected: usize,
) -> impl Stream<Item = Result<T, RpcError>> + Send + 'static {
    stream::try_unfold((items.boxed(), 0), move |(mut items, given)| async move {
        match items.try_next().await? {
            Some(item) => Ok(Some((item, (items, given + 1)))),
            None if given == expected => Ok(None),
            None => Err(RpcError::Incomplete { given, expected }),
        }
    })
}

fn message(
    sentence: &SummarySentence,
    text: String,
    warnings: Vec<v1::Warning>,
) -> v1::SummarySentence {
    v1::SummarySentence {
        text,
        source_span: Some(convert::span(&sentence.span)),
        score: sentence.score,
        warnings,
    }
}

/// The summary in one language, from its sentences.
pub async fn whole(
    call: &Call,
    prepared: &Prepared,
    chosen: &Arc<Vec<SummarySentence>>,
    voice: &Voice,
) -> Result<(v1::Summary, Spent), RpcError> {
    let mut spent = Spent::default();
    let mut sentences = Vec::with_capacity(chosen.len());
    let mut told = std::pin::pin!(told(call, prepared, chosen, voice));
    while let Some((sentence, usage)) = told.try_next().await? {
        spent.add(&usage);
        sentences.push(sentence);
    }
    Ok((summary(prepared, voice, sentences), spent))
}

/// The summary in a language that the whole document was translated into: its sentences are taken
/// from there, so that both say the same and nothing is computed twice.
pub fn from_translation(
    prepared: &Prepared,
    chosen: &[SummarySentence],
    target: &Target,
    translation: &v1::Translation,
) -> Result<v1::Summary, RpcError> {
    let mut sentences = Vec::with_capacity(chosen.len());
    for (position, sentence) in chosen.iter().enumerate() {
        let translated = translation
            .sentences
            .get(sentence.index)
            .ok_or(RpcError::Incomplete {
                given: translation.sentences.len(),
                expected: sentence.index + 1,
            })?;
        let mut warnings = translated.warnings.clone();
        for warning in &mut warnings {
            warning.sentence_index = Some(convert::narrow(position));
        }
        sentences.push(message(sentence, translated.text.clone(), warnings));
    }
    Ok(summary(
        prepared,
        &Voice::Translated(target.clone()),
        sentences,
    ))
}

fn summary(prepared: &Prepared, voice: &Voice, sentences: Vec<v1::SummarySentence>) -> v1::Summary {
    let texts: Vec<&str> = sentences
        .iter()
        .map(|sentence| sentence.text.as_str())
        .collect();
    let text = texts.join(" ");
    let mut warnings = voice.warnings(prepared);
    warnings.extend(
        sentences
            .iter()
            .flat_map(|sentence| sentence.warnings.iter().cloned()),
    );
    v1::Summary {
        language: voice.language(),
        text,
        sentences,
        route: Some(voice.route()),
        warnings,
    }
}
