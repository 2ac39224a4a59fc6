//! A request that is one message must arrive within a time: a client that dribbles it would hold its
//! stream and what is read of it for ever. Streams of requests may pause; keepalive tells whether somebody
//! is there.

use std::{
    collections::HashSet,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use prost_reflect::{DescriptorError, DescriptorPool};
use tokio::time::{Sleep, sleep};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use crate::rpc::{proto, status::RpcError};

/// How long a message may take to arrive, and for which methods.
#[derive(Clone, Debug)]
pub struct Patience {
    methods: Arc<HashSet<String>>,
    time: Duration,
}

impl Patience {
    /// For all methods whose request is one message.
    pub fn of_contract(time: Duration) -> Result<Self, DescriptorError> {
        let health = DescriptorPool::decode(tonic_health::pb::FILE_DESCRIPTOR_SET)?;
        let services = proto::descriptors()?.services().chain(health.services());
        let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
        let methods = methods
            .filter(|method| !method.is_client_streaming())
            .map(|method| format!("/{}/{}", method.parent_service().full_name(), method.name()));
        Ok(Patience {
            methods: Arc::new(methods.collect()),
            time,
        })
    }
}

/// The layer.
pub fn layer<S>(patience: Patience) -> impl Layer<S, Service = Receive<S>> + Clone {
    tower::layer::layer_fn(move |inner| Receive {
        inner,
        patience: patience.clone(),
    })
}

#[derive(Clone)]
pub struct Receive<S> {
    inner: S,
    patience: Patience,
}

impl<S> Service<Request<Body>> for Receive<S>
where
    S: Service<Request<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Patience { methods, time } = &self.patience;
        let request = match methods.contains(request.uri().path()) {
            false => request,
            true => request.map(|body| {
                Body::new(Awaited {
                    body,
                    time: *time,
                    over: Box::pin(sleep(*time)),
                })
            }),
        };
        self.inner.call(request)
    }
}

/// A body that is an error once its time is over.
struct Awaited {
    body: Body,
    time: Duration,
    over: Pin<Box<Sleep>>,
}

impl http_body::Body for Awaited {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        match self.over.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Some(Err(RpcError::SlowSender(self.time).into()))),
            Poll::Pending => Poll::Pending,
        }
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
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_message_that_does_not_arrive_is_given_up() {
        let never = StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, Status>>());
        let time = Duration::from_secs(30);
        let body = Awaited {
            body: Body::new(never),
            time,
            over: Box::pin(sleep(time)),
        };
        let error = body.collect().await.unwrap_err();
        assert_eq!(error.code(), tonic::Code::DeadlineExceeded);
    }

    #[test]
    fn streams_of_requests_may_pause() {
        let patience = Patience::of_contract(Duration::ZERO).unwrap();
        let waits = |path: &str| patience.methods.contains(path);
        assert!(waits("/depeche.v1.TranslationService/StreamTranslate"));
        assert!(waits("/grpc.health.v1.Health/Check"));
        assert!(!waits("/depeche.v1.TranslationService/TranslateBatch"));
    }
}
