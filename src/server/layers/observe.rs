//! One count, one duration and one log line for every request, when its last byte is sent or its
//! client has gone. Texts are never logged.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use prost_reflect::{DescriptorError, DescriptorPool};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use super::Responding;
use crate::rpc::{proto, status::code_name, tally::Tally};

/// A method's names as labels.
#[derive(Clone, Debug)]
struct Method {
    service: String,
    name: String,
}

/// The methods that may become labels: a path is the client's to choose, and every new label is
/// memory for good.
#[derive(Clone)]
pub struct Methods {
    known: Arc<HashMap<String, Arc<Method>>>,
    unknown: Arc<Method>,
}

impl Methods {
    /// The contract's own and those of health.
    pub fn of_contract() -> Result<Self, DescriptorError> {
        let health = DescriptorPool::decode(tonic_health::pb::FILE_DESCRIPTOR_SET)?;
        let mut known = HashMap::new();
        for pool in [proto::descriptors()?, &health] {
            for service in pool.services() {
                for method in service.methods() {
                    let path = format!("/{}/{}", service.full_name(), method.name());
                    let method = Method {
                        service: service.full_name().to_owned(),
                        name: method.name().to_owned(),
                    };
                    known.insert(path, Arc::new(method));
                }
            }
        }
        let unknown = Method {
            service: "other".to_owned(),
            name: "other".to_owned(),
        };
        Ok(Methods {
            known: Arc::new(known),
            unknown: Arc::new(unknown),
        })
    }

    fn find(&self, path: &str) -> Arc<Method> {
        self.known.get(path).unwrap_or(&self.unknown).clone()
    }
}

/// The layer.
pub fn layer<S>(methods: Methods) -> impl Layer<S, Service = Observe<S>> + Clone {
    tower::layer::layer_fn(move |inner| Observe {
        inner,
        methods: methods.clone(),
    })
}

#[derive(Clone)]
pub struct Observe<S> {
    inner: S,
    methods: Methods,
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
        let tally = Tally::default();
        request.extensions_mut().insert(tally.clone());
        let mut record = Record {
            method: self.methods.find(request.uri().path()),
            began: Instant::now(),
            tally,
            // What is dropped before its end was given up by its client.
            code: Code::Cancelled,
        };
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await?;
            record.see(response.headers());
            Ok(response.map(|body| Body::new(Watched { body, record })))
        })
    }
}

/// A request under way; dropped at its end, which is when it is told.
struct Record {
    method: Arc<Method>,
    began: Instant,
    tally: Tally,
    code: Code,
}

impl Record {
    /// Headers of a response without body and trailers of any other have the code.
    fn see(&mut self, headers: &HeaderMap) {
        if let Some(status) = Status::from_header_map(headers) {
            self.code = status.code();
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let elapsed = self.began.elapsed();
        let Method { service, name } = self.method.as_ref();
        let code = code_name(self.code);
        let labels = [("service", service.clone()), ("method", name.clone())];
        metrics::histogram!("depeche_request_duration_seconds", &labels)
            .record(elapsed.as_secs_f64());
        let [service_label, method_label] = labels;
        let labels = [service_label, method_label, ("code", code.to_owned())];
        metrics::counter!("depeche_requests_total", &labels).increment(1);

        let ms = elapsed.as_secs_f64() * 1e3;
        let sentences = self.tally.sentences();
        // Probes come every few seconds and say nothing that health does not.
        if service.starts_with("grpc.health") {
            tracing::debug!(method = %format_args!("{service}/{name}"), code, ms, "request");
        } else {
            tracing::info!(method = %format_args!("{service}/{name}"), code, ms, sentences, "request");
        }
    }
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
