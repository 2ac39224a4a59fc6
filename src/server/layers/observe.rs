//! Counts, durations, one log line and one span for every request, when its last byte is sent or
//! its client has gone; and its ids, in whatever is logged on the way. Texts are never told here.

mod methods;
mod steps;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt;
use tower::{Layer, Service};
use tracing::{Instrument, Span};

use super::Responding;
use crate::{
    rpc::{status::code_name, tally::Tally},
    telemetry::{Ended, Identity, RequestSpan, Tracer},
};
use methods::Method;
pub use methods::Methods;

/// The layer.
pub fn layer<S>(methods: Methods) -> impl Layer<S, Service = Observe<S>> + Clone {
    let tracer = Arc::new(Tracer::new());
    tower::layer::layer_fn(move |inner| Observe {
        inner,
        methods: methods.clone(),
        tracer: tracer.clone(),
    })
}

#[derive(Clone)]
pub struct Observe<S> {
    inner: S,
    methods: Methods,
    tracer: Arc<Tracer>,
}

impl<S> Service<Request<Body>> for Observe<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Responding<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let identity = Identity::of(request.headers());
        let method = self.methods.find(request.uri().path());
        let mut record = Record::begin(method, &identity, self.tracer.clone());
        request.extensions_mut().insert(record.tally.clone());
        let span = record.span.clone();
        let response = span.in_scope(|| self.inner.call(request));
        let answered = async move {
            let mut response = response.await?;
            record.see(response.headers());
            identity.answer(&record.trace.ids(), response.headers_mut());
            Ok(response.map(|body| Body::new(Watched { body, record })))
        };
        Box::pin(answered.instrument(span))
    }
}

/// A request under way; dropped at its end, which is when it is told.
struct Record {
    method: Arc<Method>,
    began: Instant,
    tally: Tally,
    code: Code,
    /// Of the error that refused the request, see [`shed_reason`].
    shed: Option<String>,
    /// For the log.
    span: Span,
    tracer: Arc<Tracer>,
    trace: RequestSpan,
}

impl Record {
    fn begin(method: Arc<Method>, identity: &Identity, tracer: Arc<Tracer>) -> Self {
        let trace = match method.is_probe() {
            true => RequestSpan::none(),
            false => tracer.begin(&method.service, &method.name, identity.parent.as_ref()),
        };
        let ids = trace.ids();
        let trace_id = ids.is_valid().then(|| ids.trace_id());
        // Of the highest level, so that no filter takes the ids from an error.
        let span = tracing::error_span!(
            "request",
            request_id = identity.request_id,
            trace_id = trace_id.map(tracing::field::display),
            // Found out further inside.
            client = tracing::field::Empty,
        );
        metrics::gauge!("depeche_requests_in_flight").increment(1.0);
        Record {
            method,
            began: Instant::now(),
            tally: Tally::default(),
            // What is dropped before its end was given up by its client.
            code: Code::Cancelled,
            shed: None,
            span,
            tracer,
            trace,
        }
    }

    /// Headers of a response without body and trailers of any other have the code.
    fn see(&mut self, headers: &HeaderMap) {
        if let Some(status) = Status::from_header_map(headers) {
            self.code = status.code();
            self.shed = shed_reason(&status);
        }
    }
}

/// Why a request was refused that the service could have served at another time: the reason of the
/// error's details. Nothing else becomes a label.
fn shed_reason(status: &Status) -> Option<String> {
    matches!(status.code(), Code::ResourceExhausted | Code::Unavailable).then(|| {
        let info = status.get_details_error_info();
        info.map_or_else(|| "unknown".to_owned(), |info| info.reason.to_lowercase())
    })
}

impl Drop for Record {
    fn drop(&mut self) {
        let elapsed = self.began.elapsed();
        let work = self.tally.work();
        let Method { service, name } = self.method.as_ref();
        let code = code_name(self.code);

        let labels = [("service", service.clone()), ("method", name.clone())];
        metrics::histogram!("depeche_request_duration_seconds", &labels).record(elapsed);
        if let Some(first) = work.first_sentence {
            let waited = first.saturating_duration_since(self.began);
            metrics::histogram!("depeche_first_sentence_seconds", &labels).record(waited);
        }
        let [service_label, method_label] = labels;
        let labels = [service_label, method_label, ("code", code.to_owned())];
        metrics::counter!("depeche_requests_total", &labels).increment(1);
        if let Some(reason) = self.shed.take() {
            metrics::counter!("depeche_shed_requests_total", "reason" => reason).increment(1);
        }
        metrics::gauge!("depeche_requests_in_flight").decrement(1.0);

        let ms = elapsed.as_secs_f64() * 1e3;
        let sentences = work.sentences;
        let _request = self.span.enter();
        if self.method.is_probe() {
            tracing::debug!(method = %format_args!("{service}/{name}"), code, ms, "request");
        } else {
            tracing::info!(method = %format_args!("{service}/{name}"), code, ms, sentences, "request");
        }
        if self.trace.is_recorded() {
            let ended = Ended {
                code: self.code as i32,
                fault: is_servers(self.code).then_some(code),
                names: steps::names(&work),
                attributes: steps::counts(&work),
            };
            self.tracer.end(&self.trace, ended, &steps::of(&work));
        }
    }
}

/// Which codes say that the server failed, after OpenTelemetry's conventions for gRPC servers.
fn is_servers(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

/// A body that looks at its trailers as they pass.
struct Watched {
    body: Body,
    record: Record,
}

impl http_body::Body for Watched {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        let span = self.record.span.clone();
        let _request = span.enter();
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.record.see(trailers);
                }
            }
            Some(Err(status)) => self.record.code = status.code(),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn only_what_was_refused_for_others_counts_as_shed() {
        let with_reason = |code, reason: &str| {
            let details = ErrorDetails::with_error_info(reason, "depeche", HashMap::new());
            Status::with_error_details(code, "no", details)
        };
        for (status, reason) in [
            (
                with_reason(Code::ResourceExhausted, "OVERLOADED"),
                Some("overloaded"),
            ),
            (with_reason(Code::Unavailable, "LOADING"), Some("loading")),
            (with_reason(Code::InvalidArgument, "INVALID_REQUEST"), None),
            (Status::resource_exhausted("bare"), Some("unknown")),
            (Status::ok(""), None),
        ] {
            assert_eq!(shed_reason(&status).as_deref(), reason, "{status:?}");
        }
    }
}
