//! Abstractive summaries: written by an instruction model, piece by piece, in each language by itself.

use futures::{Stream, StreamExt, TryStreamExt};

use crate::{
    article::Language,
    rpc::{
        call::Call,
        convert::{self, Spent},
        document::{self, Prepared},
        domain::Writer,
        passes::Passes,
        proto::v1,
        request::Summarize,
        status::RpcError,
    },
    summarize::abstractive::{
        self, Assignment, Doubt, Ending, Event, Piece, Shown, Usage, WriteError,
    },
    translate::{self, SentenceUsage, Times, Warning, WarningKind},
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
    /// What is to be warned of it, known before it is written.
    pub warnings: Vec<v1::Warning>,
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

/// Tokens that a model reads, as long as it is not loaded.
const USUAL_CONTEXT: usize = 8192;

/// Finds the model and begins to write, in the document's own language where none is named.
pub async fn begin(call: &Call, request: Summarize) -> Result<Begun, RpcError> {
    let texts = request.targets.len().max(1);
    let length = request.length;
    let passes = |reads| Passes::Whole {
        texts,
        length,
        reads,
    };
    let prepared = document::prepare(call, request.source, passes(USUAL_CONTEXT)).await?;
    let writer = call.load_writer().await?;
    prepared.passes_are(passes(writer.model.config.context_length))?;
    let languages = match request.targets.is_empty() {
        true => vec![prepared.source.clone()],
        false => request.targets,
    };
    let mut summaries = Vec::with_capacity(languages.len());
    for language in languages {
        let assignment = Assignment {
            document: &prepared.document,
            source: &prepared.source,
            target: &language,
            length: request.length,
        };
        let written = abstractive::write(&prepared.claim, &writer.model, &assignment);
        let (shown, events) = written.await?;
        summaries.push(Summary {
            warnings: warnings(&prepared, shown),
            route: route(&prepared, &language, &writer),
            told: told(call, &writer, &language, events).boxed(),
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
    writer: &Writer,
    language: &Language,
    events: impl Stream<Item = Result<Event, WriteError>> + Send + 'static,
) -> impl Stream<Item = Result<Part, RpcError>> + Send + 'static {
    let (tally, language) = (call.tally.clone(), language.to_string());
    let model = writer.id.clone();
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
            Event::End(ending) => {
                let usage = usage(&ending.usage);
                tally.add_text(&usage);
                translate::count_tokens(&model, &usage);
                end(&ending, usage)
            }
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

fn usage(usage: &Usage) -> SentenceUsage {
    let Usage {
        source_tokens,
        target_tokens,
        submitted,
        queue_time,
        compute_time,
        read_time,
    } = *usage;
    SentenceUsage {
        source_tokens,
        target_tokens,
        queue_time,
        compute_time,
        times: submitted
            .map(|submitted| Times::new(submitted, queue_time, read_time, compute_time)),
    }
}

fn end(ending: &Ending, usage: SentenceUsage) -> Part {
    let cut = ending.cut.then(|| {
        convert::document_warning(
            v1::WarningCode::Length,
            "the model was stopped before its end: ask for fewer sentences".to_owned(),
        )
    });
    Part::Spent {
        usage,
        warnings: cut.into_iter().collect(),
    }
}

fn warnings(prepared: &Prepared, shown: Shown) -> Vec<v1::Warning> {
    let generated = convert::document_warning(
        v1::WarningCode::Generated,
        "a language model wrote this text: it may say what the document does not".to_owned(),
    );
    let mut warnings = prepared.warnings.clone();
    warnings.push(generated);
    if let Shown::Part { sentences, of } = shown {
        warnings.push(convert::document_warning(
            v1::WarningCode::Shortened,
            format!(
                "the text is longer than the model reads: it was shown the {sentences} sentences, of {of}, \
                 that say most of what the text says"
            ),
        ));
    }
    warnings
}

/// Those of all summaries, each once.
pub fn warnings_of(summaries: &[Summary]) -> Vec<v1::Warning> {
    let mut warnings: Vec<v1::Warning> = Vec::new();
    for warning in summaries.iter().flat_map(|summary| &summary.warnings) {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
    warnings
}

/// The whole summary in one language, from its pieces.
pub async fn whole(summary: Summary) -> Result<(v1::Summary, Spent), RpcError> {
    let mut spent = Spent::default();
    let mut message = v1::Summary {
        language: summary.language.to_string(),
        text: String::new(),
        sentences: Vec::new(),
        route: Some(summary.route),
        warnings: summary.warnings,
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
