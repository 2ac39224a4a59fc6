//! `SummarizationService`.

use std::sync::Arc;

use futures::{
    Stream, StreamExt, TryStreamExt,
    future::try_join_all,
    stream::{self, BoxStream},
};
use tonic::{Request, Response, Status};

use crate::{
    rpc::{
        Api, Responses,
        call::Call,
        convert::Spent,
        document::{self, Prepared},
        highlights::{self, Voice},
        passes::Passes,
        proto::v1::{
            StreamSummarizeRequest, StreamSummarizeResponse, SummarizeRequest, SummarizeResponse,
            Summary, SummaryDelta, SummaryEnd, SummaryStart, TargetRoute, Warning,
            stream_summarize_response::Event, summarization_service_server::SummarizationService,
        },
        request::{self, Limits, Style, Summarize},
        status::RpcError,
        written::{self, Part},
    },
    summarize::SummarySentence,
};

#[tonic::async_trait]
impl SummarizationService for Api {
    type StreamSummarizeStream = Responses<StreamSummarizeResponse>;

    async fn summarize(
        &self,
        request: Request<SummarizeRequest>,
    ) -> Result<Response<SummarizeResponse>, Status> {
        let call = Call::begin(self, &request)?;
        call.answer(summarize(&call, self.limits, request.into_inner()))
            .await
    }

    async fn stream_summarize(
        &self,
        request: Request<StreamSummarizeRequest>,
    ) -> Result<Response<Self::StreamSummarizeStream>, Status> {
        let call = Call::begin(self, &request)?;
        let events = call
            .answer(stream_summarize(&call, self.limits, request.into_inner()))
            .await?;
        Ok(events.map(|events| call.deadline.bound_stream(events).boxed() as _))
    }
}

async fn summarize(
    call: &Call,
    limits: Limits,
    request: SummarizeRequest,
) -> Result<SummarizeResponse, RpcError> {
    let request = limits.summarize(request)?;
    match request.style {
        Style::Extractive => quoted(call, request).await,
        Style::Abstractive => written(call, request).await,
    }
}

async fn quoted(call: &Call, request: Summarize) -> Result<SummarizeResponse, RpcError> {
    let (prepared, voices, chosen) = begin(call, request).await?;
    let parts = voices
        .iter()
        .map(|voice| highlights::whole(call, &prepared, &chosen, voice));
    let parts = try_join_all(parts).await?;
    Ok(response(&prepared, parts))
}

async fn written(call: &Call, request: Summarize) -> Result<SummarizeResponse, RpcError> {
    let written::Begun {
        prepared,
        summaries,
    } = written::begin(call, request).await?;
    let parts = summaries.into_iter().map(written::whole);
    let parts = try_join_all(parts).await?;
    Ok(response(&prepared, parts))
}

fn response(prepared: &Prepared, parts: Vec<(Summary, Spent)>) -> SummarizeResponse {
    let spent = parts
        .iter()
        .fold(Spent::default(), |sum, (_, spent)| sum.merge(*spent));
    SummarizeResponse {
        summaries: parts.into_iter().map(|(summary, _)| summary).collect(),
        detected_language: prepared.detected_language(),
        usage: Some(spent.usage(prepared)),
    }
}

type Begun = (Prepared, Vec<Voice>, Arc<Vec<SummarySentence>>);

async fn begin(call: &Call, request: Summarize) -> Result<Begun, RpcError> {
    let passes = Passes::summarizing(request.length, request.targets.len());
    let prepared = document::prepare(call, request.source, passes).await?;
    let (voices, reader) = highlights::voices(call, &prepared, request.targets).await?;
    let chosen = highlights::choose(call, &prepared, reader, request.length).await?;
    Ok((prepared, voices, chosen))
}

/// What a streamed summary consists of, whichever way it is made.
struct Streamed {
    prepared: Prepared,
    start: SummaryStart,
    /// Of all languages, as they come.
    parts: BoxStream<'static, Result<Part, RpcError>>,
}

async fn stream_summarize(
    call: &Call,
    limits: Limits,
    request: StreamSummarizeRequest,
) -> Result<impl Stream<Item = Result<StreamSummarizeResponse, Status>> + use<>, RpcError> {
    let document = request::required("document", request.document)?;
    let streamed = async {
        let request = limits.summarize(document)?;
        match request.style {
            Style::Extractive => stream_quoted(call, request).await,
            Style::Abstractive => stream_written(call, request).await,
        }
    };
    let Streamed {
        prepared,
        start,
        parts,
    } = streamed
        .await
        .map_err(|error| request::inside("document", error))?;
    let state = (parts, Spent::default(), Vec::new(), prepared);
    let events = stream::try_unfold(Some(state), |state| async move {
        let Some((mut parts, mut spent, mut warnings, prepared)) = state else {
            return Ok(None);
        };
        loop {
            match parts.try_next().await? {
                Some(Part::Piece(delta)) => {
                    let state = Some((parts, spent, warnings, prepared));
                    return Ok(Some((Event::Delta(delta), state)));
                }
                Some(Part::Spent {
                    usage,
                    warnings: more,
                }) => {
                    spent.add(&usage);
                    warnings.extend(more);
                }
                None => {
                    let usage = Some(spent.usage(&prepared));
                    let end = Event::End(SummaryEnd { usage, warnings });
                    return Ok(Some((end, None)));
                }
            }
        }
    });
    Ok(
        stream::once(async { Ok::<_, RpcError>(Event::Start(start)) })
            .chain(events)
            .map_ok(|event| StreamSummarizeResponse { event: Some(event) })
            .map_err(Status::from),
    )
}

async fn stream_quoted(call: &Call, request: Summarize) -> Result<Streamed, RpcError> {
    let (prepared, voices, chosen) = begin(call, request).await?;
    let parts = voices.iter().map(|voice| {
        let language = voice.language();
        highlights::told(call, &prepared, &chosen, voice)
            .enumerate()
            .map(move |(position, told)| {
                let (sentence, usage) = told?;
                let gap = if position == 0 { "" } else { " " };
                let delta = Part::Piece(SummaryDelta {
                    language: language.clone(),
                    text: format!("{gap}{}", sentence.text),
                    sentence: Some(sentence),
                });
                let end = Part::Spent {
                    usage,
                    warnings: Vec::new(),
                };
                Ok::<_, RpcError>([delta, end])
            })
            .map_ok(|parts| stream::iter(parts.map(Ok)))
            .try_flatten()
            .boxed()
    });
    let parts = stream::select_all(parts.collect::<Vec<_>>()).boxed();
    Ok(Streamed {
        start: SummaryStart {
            detected_language: prepared.detected_language(),
            targets: voices.iter().map(Voice::target_route).collect(),
            warnings: warnings_of(voices.iter().map(|voice| voice.warnings(&prepared))),
        },
        prepared,
        parts,
    })
}

async fn stream_written(call: &Call, request: Summarize) -> Result<Streamed, RpcError> {
    let written::Begun {
        prepared,
        summaries,
    } = written::begin(call, request).await?;
    let target = |summary: &written::Summary| TargetRoute {
        language: summary.language.to_string(),
        route: Some(summary.route.clone()),
    };
    Ok(Streamed {
        start: SummaryStart {
            detected_language: prepared.detected_language(),
            targets: summaries.iter().map(target).collect(),
            warnings: warnings_of(summaries.iter().map(|summary| summary.warnings.clone())),
        },
        prepared,
        parts: stream::select_all(summaries.into_iter().map(|summary| summary.told)).boxed(),
    })
}

/// Those of all summaries, each once.
fn warnings_of(all: impl Iterator<Item = Vec<Warning>>) -> Vec<Warning> {
    let mut warnings: Vec<Warning> = Vec::new();
    for warning in all.flatten() {
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    warnings
}
