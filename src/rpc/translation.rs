//! `TranslationService`.

use std::sync::{Arc, OnceLock};

use futures::{Stream, StreamExt, TryStreamExt, future, stream};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    inference::InferenceError,
    rpc::{
        Api, Responses,
        apart::apart,
        call::{Call, Reading},
        convert::Spent,
        document::{self, Prepared},
        draining::Received,
        passes::Passes,
        pieces::{self, Piece, Target},
        proto::v1::{
            DetectLanguageRequest, DetectLanguageResponse, DetectedLanguage,
            StreamTranslateRequest, StreamTranslateResponse, TranslateBatchRequest,
            TranslateBatchResponse, TranslateRequest, TranslateResponse, TranslationDelta,
            TranslationEnd, TranslationStart, stream_translate_response::Event,
            translate_batch_response::Result as BatchResult,
            translation_service_server::TranslationService,
        },
        request::{self, Limits, Translate},
        status::{self, RpcError},
    },
};

/// Documents of one batch stream that are under way at a time. Enough that sentences of many
/// documents fill the models' batches; few enough that one client's batch is not all of the queue.
const BATCH_CONCURRENCY: usize = 32;

#[tonic::async_trait]
impl TranslationService for Api {
    type StreamTranslateStream = Responses<StreamTranslateResponse>;
    type TranslateBatchStream = Responses<TranslateBatchResponse>;

    async fn translate(
        &self,
        request: Request<TranslateRequest>,
    ) -> Result<Response<TranslateResponse>, Status> {
        let call = Call::begin(self, &request)?;
        let limits = self.limits;
        call.answer(async { translate(&call, limits.translate(request.into_inner())?).await })
            .await
    }

    async fn stream_translate(
        &self,
        request: Request<StreamTranslateRequest>,
    ) -> Result<Response<Self::StreamTranslateStream>, Status> {
        let call = Call::begin(self, &request)?;
        let events = call
            .answer(stream_translate(&call, self.limits, request.into_inner()))
            .await?;
        Ok(events.map(|events| call.deadline.bound_stream(events).boxed() as _))
    }

    async fn translate_batch(
        &self,
        request: Request<Streaming<TranslateBatchRequest>>,
    ) -> Result<Response<Self::TranslateBatchStream>, Status> {
        let call = Call::begin_batch(self, &request)?;
        let limits = self.limits;
        let deadline = call.deadline;
        let documents = Received::new(request.into_inner(), self.draining.clone());
        let cut = documents.cut();
        // What was taken is answered before the stream ends, however it ends.
        let failure = Arc::<OnceLock<Status>>::default();
        let seen = failure.clone();
        let results = documents
            .scan((), move |(), item| {
                future::ready(item.map_err(|status| seen.set(status)).ok())
            })
            .map(move |item| batch_item(call.clone(), limits, item))
            .buffer_unordered(BATCH_CONCURRENCY)
            .map(Ok)
            .chain(
                stream::once(async move {
                    let draining = || cut.happened().then(|| RpcError::Draining.into());
                    failure.get().cloned().or_else(draining).map(Err)
                })
                .filter_map(future::ready),
            );
        Ok(Response::new(deadline.bound_stream(results).boxed()))
    }

    async fn detect_language(
        &self,
        request: Request<DetectLanguageRequest>,
    ) -> Result<Response<DetectLanguageResponse>, Status> {
        let call = Call::begin(self, &request)?;
        call.answer(detect_language(&call, self.limits, request.into_inner()))
            .await
    }
}

async fn begin(call: &Call, request: Translate) -> Result<(Prepared, Vec<Target>), RpcError> {
    let passes = passes(&request);
    let prepared = document::prepare(call, request.source, passes).await?;
    let loaded = call
        .load(&prepared, &request.targets, Reading::NotNeeded)
        .await?;
    let targets = Target::all(request.targets, loaded.routes, request.decoding);
    Ok((prepared, targets))
}

fn passes(request: &Translate) -> Passes {
    Passes::translating(request.targets.len(), request.decoding.search)
}

async fn translate(call: &Call, request: Translate) -> Result<TranslateResponse, RpcError> {
    let (prepared, targets) = begin(call, request).await?;
    let (translations, spent) = pieces::all(call, &prepared, &targets).await?;
    Ok(TranslateResponse {
        translations,
        detected_language: prepared.detected_language(),
        usage: Some(spent.usage(&prepared)),
    })
}

async fn stream_translate(
    call: &Call,
    limits: Limits,
    request: StreamTranslateRequest,
) -> Result<impl Stream<Item = Result<StreamTranslateResponse, Status>> + use<>, RpcError> {
    let document = request::required("document", request.document)?;
    let begun = async { begin(call, limits.translate(document)?).await };
    let (prepared, targets) = begun
        .await
        .map_err(|error| request::inside("document", error))?;
    let mut warnings = prepared.warnings.clone();
    for warning in targets.iter().flat_map(|target| target.warnings(&prepared)) {
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    let start = Event::Start(TranslationStart {
        detected_language: prepared.detected_language(),
        targets: targets.iter().map(Target::message).collect(),
        warnings,
    });
    let deltas = targets.iter().map(|target| {
        let language = target.language.to_string();
        pieces::pieces(call, &prepared, target)
            .map_ok(move |piece| (language.clone(), piece))
            .boxed()
    });
    let deltas = stream::select_all(deltas.collect::<Vec<_>>());
    let events = stream::try_unfold(
        Some((deltas, Spent::default(), prepared)),
        |state| async move {
            let Some((mut deltas, mut spent, prepared)) = state else {
                return Ok(None);
            };
            let Some((language, piece)) = deltas.try_next().await? else {
                let end = TranslationEnd {
                    usage: Some(spent.usage(&prepared)),
                };
                return Ok(Some((Event::End(end), None)));
            };
            spent.add(&piece.usage);
            Ok(Some((
                delta(language, piece),
                Some((deltas, spent, prepared)),
            )))
        },
    );
    Ok(stream::once(async { Ok::<_, RpcError>(start) })
        .chain(events)
        .map_ok(|event| StreamTranslateResponse { event: Some(event) })
        .map_err(Status::from))
}

fn delta(language: String, piece: Piece) -> Event {
    Event::Delta(TranslationDelta {
        language,
        text: piece.text,
        sentence: piece.sentence,
    })
}

/// An error of a document, be it a panic, is its result.
async fn batch_item(
    call: Call,
    limits: Limits,
    TranslateBatchRequest { id, document }: TranslateBatchRequest,
) -> TranslateBatchResponse {
    let translated = apart(translate_in_turn(call, limits, document)).await;
    let result = match translated.flatten() {
        Ok(response) => BatchResult::Translation(response),
        Err(error) => BatchResult::Error(status::document_error(&error.into())),
    };
    TranslateBatchResponse {
        id,
        result: Some(result),
    }
}

/// A batch is in no hurry: where a single request is refused, its documents wait for their turn, and flow
/// control makes its client wait.
async fn translate_in_turn(
    call: Call,
    limits: Limits,
    document: Option<TranslateRequest>,
) -> Result<TranslateResponse, RpcError> {
    let within = |error| request::inside("document", error);
    let document = request::required("document", document)?;
    let request = limits.translate(document).map_err(within)?;
    let (engine, cost) = (
        &call.domain.engine,
        passes(&request).cost(request.source.text.len()),
    );
    let mut place = None;
    loop {
        let held = match place.take() {
            Some(held) => held,
            None => engine.line_up(cost).await,
        };
        let outcome = translate_in_time(&call, request.clone()).await;
        let Err(error) = &outcome else { return outcome };
        let Some(after) = error.retry_after() else {
            return outcome.map_err(within);
        };
        // For room it waits in its place; whoever else waits need not wait for its other reasons.
        match error {
            RpcError::Inference(InferenceError::Overloaded { .. }) => place = Some(held),
            _ => drop(held),
        }
        tokio::time::sleep(after).await;
    }
}

/// One document of a batch. Waiting for its turn to come again is not counted.
async fn translate_in_time(call: &Call, request: Translate) -> Result<TranslateResponse, RpcError> {
    let call = call.document();
    call.deadline.bound(translate(&call, request)).await
}

async fn detect_language(
    call: &Call,
    limits: Limits,
    request: DetectLanguageRequest,
) -> Result<DetectLanguageResponse, RpcError> {
    let text = limits.detect(request)?;
    let languages = document::detect(text).await?;
    let languages = languages
        .into_iter()
        .map(|detected| DetectedLanguage {
            installed: call.domain.reads(&detected.language),
            language: detected.language.to_string(),
            confidence: detected.confidence,
        })
        .collect();
    Ok(DetectLanguageResponse { languages })
}
