//! Abstractive summaries: written by a model, piece by piece, in each language by itself; in languages that the
//! model does not write, translated sentence by sentence.

use std::sync::Arc;

use futures::{Stream, StreamExt, TryStreamExt, future::Either};

use crate::{
    article::{Document, Language},
    inference::{DecodeOptions, Reservation},
    rpc::{
        call::Call,
        convert::{self, Spent},
        document::{self, Prepared},
        domain::{Voice, Writer},
        passes::Passes,
        proto::v1,
        request::Summarize,
        status::RpcError,
    },
    summarize::{
        Length,
        abstractive::{
            self, Assignment, Doubt, Ending, Event, Piece, Shown, Usage, WrittenSentence,
        },
    },
    translate::{self, Cache, LoadedRoute, Selection, SentenceUsage, Times, Warning, WarningKind},
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
    let languages = match request.targets.is_empty() {
        true => vec![prepared.source.clone()],
        false => request.targets,
    };
    let writer = call.load_writer(&prepared.source, &languages).await?;
    prepared.passes_are(passes(writer.author.reads()))?;
    let interpreter = interpreter(call, &prepared, &writer, length)?;
    let mut summaries = Vec::with_capacity(writer.voices.len());
    for voice in &writer.voices {
        let assignment = Assignment {
            document: &prepared.document,
            source: &prepared.source,
            target: &voice.written,
            length,
            search: request.search,
        };
        let written = abstractive::write(&prepared.claim, &writer.author, &assignment);
        let (shown, events) = written.await?;
        let told = match (&voice.route, &interpreter) {
            (Some(route), Some(claim)) => {
                let translated = Translated {
                    claim: claim.clone(),
                    cache: call.domain.cache.clone(),
                    route: route.clone(),
                };
                Either::Left(translated.sentences(events.map_err(RpcError::from)))
            }
            _ => Either::Right(events.map_err(RpcError::from).map_ok(Heard::from)),
        };
        summaries.push(Summary {
            warnings: warnings(&prepared, shown),
            route: route(&prepared, voice, &writer),
            told: told_as(call, &writer, &voice.language, told).boxed(),
            language: voice.language.clone(),
        });
    }
    Ok(Begun {
        prepared,
        summaries,
    })
}

/// The place among those whose sentences are translated, where any summary is.
fn interpreter(
    call: &Call,
    prepared: &Prepared,
    writer: &Writer,
    length: Length,
) -> Result<Option<Arc<Reservation>>, RpcError> {
    let routes = writer
        .voices
        .iter()
        .filter_map(|voice| voice.route.as_ref());
    let models = routes.map(|route| route.hops.len()).sum();
    if models == 0 {
        return Ok(None);
    }
    let cost = Passes::retelling(length, models).cost(prepared.document.text().len());
    Ok(Some(Arc::new(call.claim(&call.domain.engine, cost)?)))
}

/// What is told of a summary under way, in its own language.
enum Heard {
    Piece(Piece, Vec<Warning>, SentenceUsage),
    End(Ending),
}

impl From<Event> for Heard {
    fn from(event: Event) -> Self {
        match event {
            Event::Piece(piece) => {
                let doubts = piece.sentence.iter().flat_map(|sentence| &sentence.doubts);
                let doubts = doubts.map(doubted).collect();
                Heard::Piece(piece, doubts, SentenceUsage::default())
            }
            Event::End(ending) => Heard::End(ending),
        }
    }
}

/// What translates a summary.
#[derive(Clone)]
struct Translated {
    claim: Arc<Reservation>,
    cache: Cache,
    route: LoadedRoute,
}

impl Translated {
    /// Each sentence as a whole once it is written.
    fn sentences(
        self,
        events: impl Stream<Item = Result<Event, RpcError>> + Send + 'static,
    ) -> impl Stream<Item = Result<Heard, RpcError>> + Send + 'static {
        let mut told = 0;
        events.try_filter_map(move |event| {
            let (this, first) = (self.clone(), told == 0);
            told += usize::from(matches!(&event, Event::Piece(piece) if piece.sentence.is_some()));
            async move {
                match event {
                    Event::End(ending) => Ok(Some(Heard::End(ending))),
                    Event::Piece(Piece { sentence: None, .. }) => Ok(None),
                    Event::Piece(Piece {
                        sentence: Some(sentence),
                        ..
                    }) => {
                        let gap = if first { "" } else { " " };
                        this.sentence(sentence, gap).await.map(Some)
                    }
                }
            }
        })
    }

    async fn sentence(&self, written: WrittenSentence, gap: &str) -> Result<Heard, RpcError> {
        let mut warnings: Vec<Warning> = written.doubts.iter().map(doubted).collect();
        let document = Document::parse(&written.text);
        let translated = translate::translate(
            &self.claim,
            &self.cache,
            &document,
            &Selection::All,
            &self.route,
            DecodeOptions::default(),
        );
        let mut translated = std::pin::pin!(translated);
        let (mut texts, mut usage) = (Vec::new(), SentenceUsage::default());
        while let Some(part) = translated.try_next().await? {
            usage += part.usage;
            warnings.extend(part.warnings);
            texts.push(part.text);
        }
        let text = texts.join(" ");
        let piece = Piece {
            text: format!("{gap}{text}"),
            sentence: Some(WrittenSentence {
                text,
                doubts: Vec::new(),
            }),
        };
        Ok(Heard::Piece(piece, warnings, usage))
    }
}

fn route(prepared: &Prepared, voice: &Voice, writer: &Writer) -> v1::Route {
    let written = v1::Hop {
        source_language: prepared.source.to_string(),
        target_language: voice.written.to_string(),
        model: writer.id.clone(),
    };
    let translated = voice
        .route
        .as_ref()
        .map(|route| convert::route(&route.route()));
    let translated = translated.into_iter().flat_map(|route| route.hops);
    v1::Route {
        hops: [written].into_iter().chain(translated).collect(),
    }
}

/// What is heard as the contract has it.
fn told_as(
    call: &Call,
    writer: &Writer,
    language: &Language,
    heard: impl Stream<Item = Result<Heard, RpcError>> + Send + 'static,
) -> impl Stream<Item = Result<Part, RpcError>> + Send + 'static {
    let (tally, language) = (call.tally.clone(), language.to_string());
    let model = writer.id.clone();
    let (mut sentences, mut translating) = (0, SentenceUsage::default());
    heard.map_ok(move |heard| match heard {
        Heard::Piece(piece, warnings, usage) => {
            let position = sentences;
            if piece.sentence.is_some() {
                sentences += 1;
                translating += usage;
                tally.add_sentence(&usage);
            }
            Part::Piece(delta(&language, piece, &warnings, position))
        }
        Heard::End(ending) => {
            let mut usage = usage(&ending.usage);
            tally.add_text(&usage);
            translate::count_tokens(&model, &usage);
            usage += translating;
            end(&ending, usage)
        }
    })
}

fn delta(language: &str, piece: Piece, warnings: &[Warning], position: usize) -> v1::SummaryDelta {
    let sentence = piece.sentence.map(|sentence| v1::SummarySentence {
        text: sentence.text,
        source_span: None,
        score: 0.0,
        warnings: convert::sentence_warnings(warnings, convert::narrow(position)),
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
        ..SentenceUsage::default()
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
    let mut warnings = prepared.warnings.clone();
    warnings.push(convert::generated());
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
