//! `SummarizationService`.

use std::sync::Arc;

use futures::{Stream, StreamExt, TryStreamExt, stream};
use tonic::{Request, Response, Status};

use crate::{
    rpc::{
        Api, Responses,
        call::Call,
        convert::Spent,
        document::{self, Prepared},
        highlights::{self, Voice},
        proto::v1::{
            StreamSummarizeRequest, StreamSummarizeResponse, SummarizeRequest, SummarizeResponse,
            SummaryDelta, SummaryEnd, SummaryStart, stream_summarize_response::Event,
            summarization_service_server::SummarizationService,
        },
        request::{self, Limits},
        status::RpcError,
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

type Begun = (Prepared, Vec<Voice>, Arc<Vec<SummarySentence>>);

async fn begin(call: &Call, limits: Limits, request: SummarizeRequest) -> Result<Begun, RpcError> {
    let request = limits.summarize(request)?;
    let prepared = document::prepare(&call.domain, request.source).await?;
    let (voices, reader) = highlights::voices(call, &prepared, request.targets).await?;
    let chosen = highlights::choose(&prepared, reader, request.length).await?;
    Ok((prepared, voices, chosen))
}

async fn summarize(
    call: &Call,
    limits: Limits,
    request: SummarizeRequest,
) -> Result<SummarizeResponse, RpcError> {
    let (prepared, voices, chosen) = begin(call, limits, request).await?;
    let parts = voices
        .iter()
        .map(|voice| highlights::whole(call, &prepared, &chosen, voice));
    let parts = futures::future::try_join_all(parts).await?;
    let spent = parts
        .iter()
        .fold(Spent::default(), |sum, (_, spent)| sum.merge(*spent));
    Ok(SummarizeResponse {
        summaries: parts.into_iter().map(|(summary, _)| summary).collect(),
        detected_language: prepared.detected_language(),
        usage: Some(spent.usage(&prepared)),
    })
}

async fn stream_summarize(
    call: &Call,
    limits: Limits,
    request: StreamSummarizeRequest,
) -> Result<impl Stream<Item = Result<StreamSummarizeResponse, Status>> + use<>, RpcError> {
    let document = request::required("document", request.document)?;
    let (prepared, voices, chosen) = begin(call, limits, document)
        .await
        .map_err(|error| request::inside("document", error))?;
    let start = Event::Start(SummaryStart {
        detected_language: prepared.detected_language(),
        targets: voices.iter().map(Voice::target_route).collect(),
        warnings: prepared.warnings.clone(),
    });
    let deltas = voices.iter().map(|voice| {
        let language = voice.language();
        highlights::told(call, &prepared, &chosen, voice)
            .enumerate()
            .map(move |(position, told)| {
                let (sentence, usage) = told?;
                let text = match position {
                    0 => sentence.text.clone(),
                    _ => format!(" {}", sentence.text),
                };
                let language = language.clone();
                Ok::<_, RpcError>((
                    SummaryDelta {
                        language,
                        text,
                        sentence: Some(sentence),
                    },
                    usage,
                ))
            })
            .boxed()
    });
    let deltas = stream::select_all(deltas.collect::<Vec<_>>());
    let events = stream::try_unfold(
        Some((deltas, Spent::default(), prepared)),
        |state| async move {
            let Some((mut deltas, mut spent, prepared)) = state else {
                return Ok(None);
            };
            let Some((delta, usage)) = deltas.try_next().await? else {
                let end = SummaryEnd {
                    usage: Some(spent.usage(&prepared)),
                };
                return Ok(Some((Event::End(end), None)));
            };
            spent.add(&usage);
            Ok(Some((Event::Delta(delta), Some((deltas, spent, prepared)))))
        },
    );
    Ok(stream::once(async { Ok::<_, RpcError>(start) })
        .chain(events)
        .map_ok(|event| StreamSummarizeResponse { event: Some(event) })
        .map_err(Status::from))
}
