//! Abstractive summaries: written by an instruction model, piece by piece, in each language by itself.

use futures::{Stream, StreamExt, TryStreamExt};

use crate::{
    article::Language,
    rpc::{
        call::Call,
        convert::{self, Spent},
        document::{self, Passes, Prepared},
        domain::Writer,
        proto::v1,
        request::Summarize,
        status::RpcError,
    },
    summarize::abstractive::{self, Assignment, Doubt, Ending, Event, Piece, WriteError},
    translate::{SentenceUsage, Warning, WarningKind},
};

/// A document and the summaries that are being written of it.
pub struct Begun {
    pub prepared: Prepared,
    pub summaries: Vec<Summary>,
}

/// The summary in one language.
pub struct Summary {
    pub language: Language,
    pub route: v1::Route,
    pub told: Told,
}

/// What a summary consists of as it comes.
type Told = futures::stream::BoxStream<'static, Result<Part, RpcError>>;

pub enum Part {
    Piece(v1::SummaryDelta),
    /// What it cost, and what can only be warned of at its end.
    Spent {
        usage: SentenceUsage,
        warnings: Vec<v1::Warning>,
    },
}

/// Finds the model and begins to write, in the document's own language where none is named.
pub async fn begin(call: &Call, request: Summarize) -> Result<Begun, RpcError> {
    let passes = Passes::Whole(request.targets.len().max(1));
    let prepared = document::prepare(call, request.source, passes).await?;
    let writer = call.domain.load_writer().await?;
    let languages = match request.targets.is_empty() {
        true => vec![prepared.source.clone()],
        false => request.targets,
    };
    let mut summaries = Vec::with_capacity(languages.len());
    for language in languages {
        let assignment = Assignment {
            text: prepared.document.text(),
            source: &prepared.source,
            target: &language,
            length: request.length,
        };
        let events = abstractive::write(&prepared.claim, &writer.model, &assignment)?;
        summaries.push(Summary {
            route: route(&prepared, &language, &writer),
            told: told(call, &language, events).boxed(),
            language,
        });
    }
    Ok(Begun {
        prepared,
        summaries,
    })
}

fn route(prepared: &Prepared, language: &Language, writer: &Writer) -> v1::Route {
    v1::Route {
        hops: vec![v1::Hop {
            source_language: prepared.source.to_string(),
            target_language: language.to_string(),
            model: writer.id.clone(),
        }],
    }
}

/// The events as the contract has them.
fn told(
    call: &Call,
    language: &Language,
    events: impl Stream<Item = Result<Event, WriteError>> + Send + 'static,
) -> impl Stream<Item = Result<Part, RpcError>> + Send + 'static {
    let (tally, language) = (call.tally.clone(), language.to_string());
    let mut sentences = 0;
    events
        .map_err(RpcError::from)
        .map_ok(move |event| match event {
            Event::Piece(piece) => {
                let position = sentences;
                if piece.sentence.is_some() {
                    sentences += 1;
                    tally.add_sentence(&SentenceUsage::default());
                }
                Part::Piece(delta(&language, piece, position))
            }
            Event::End(ending) => end(ending),
        })
}

fn delta(language: &str, piece: Piece, position: usize) -> v1::SummaryDelta {
    let sentence = piece.sentence.map(|sentence| {
        let doubts: Vec<Warning> = sentence.doubts.iter().map(doubted).collect();
        v1::SummarySentence {
            text: sentence.text,
            source_span: None,
            score: 0.0,
            warnings: convert::sentence_warnings(&doubts, convert::narrow(position)),
        }
    });
    v1::SummaryDelta {
        language: language.to_owned(),
        text: piece.text,
        sentence,
    }
}

fn doubted(doubt: &Doubt) -> Warning {
    let (kind, what, thing) = match doubt {
        Doubt::Number(number) => (WarningKind::Number, "a number", number),
        Doubt::Name(name) => (WarningKind::Name, "a name", name),
    };
    Warning {
        kind,
        message: format!("{what} is not in the document: {thing}"),
    }
}

fn end(ending: Ending) -> Part {
    let cut = ending.cut.then(|| {
        convert::document_warning(
            v1::WarningCode::Length,
            "the model was stopped before its end: ask for fewer sentences".to_owned(),
        )
    });
    Part::Spent {
        usage: SentenceUsage {
            source_tokens: ending.usage.source_tokens,
            target_tokens: ending.usage.target_tokens,
            queue_time: ending.usage.queue_time,
            compute_time: ending.usage.compute_time,
            times: None,
        },
        warnings: cut.into_iter().collect(),
    }
}

/// What is to be warned of every such summary, known before it is written.
pub fn warnings(prepared: &Prepared) -> Vec<v1::Warning> {
    let generated = convert::document_warning(
        v1::WarningCode::Generated,
        "a language model wrote this text: it may say what the document does not".to_owned(),
    );
    let mut warnings = prepared.warnings.clone();
    warnings.push(generated);
    warnings
}

/// The whole summary in one language, from its pieces.
pub async fn whole(
    prepared: &Prepared,
    summary: Summary,
) -> Result<(v1::Summary, Spent), RpcError> {
    let mut spent = Spent::default();
    let mut message = v1::Summary {
        language: summary.language.to_string(),
        text: String::new(),
        sentences: Vec::new(),
        route: Some(summary.route),
        warnings: warnings(prepared),
    };
    let mut told = summary.told;
    while let Some(part) = told.try_next().await? {
        match part {
            Part::Piece(delta) => {
                message.text.push_str(&delta.text);
                message.sentences.extend(delta.sentence);
            }
            Part::Spent { usage, warnings } => {
                spent.add(&usage);
                message.warnings.extend(warnings);
            }
        }
    }
    let of_sentences = message
        .sentences
        .iter()
        .flat_map(|sentence| &sentence.warnings);
    message
        .warnings
        .extend(of_sentences.cloned().collect::<Vec<_>>());
    Ok((message, spent))
}
