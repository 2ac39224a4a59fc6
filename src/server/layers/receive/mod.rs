//! A message must arrive within a time, and all that are arriving have bounded memory: clients that
//! dribble theirs would hold streams, and what was read of them, for ever. Where a request is one message,
//! its time begins with the call; streams of requests may pause between messages, and keepalive tells
//! whether somebody is there.

mod framing;

use std::{
    collections::HashSet,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
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
use framing::Framing;

/// How long a message may take to arrive, and how many bytes may be arriving. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Patience {
    /// Whose request is one message.
    single: Arc<HashSet<String>>,
    time: Duration,
    arriving: Arc<AtomicUsize>,
    most: usize,
}

impl Patience {
    /// For all methods. `most`: bytes of messages that have begun and not ended.
    pub fn of_contract(time: Duration, most: usize) -> Result<Self, DescriptorError> {
        let health = DescriptorPool::decode(tonic_health::pb::FILE_DESCRIPTOR_SET)?;
        let services = proto::descriptors()?.services().chain(health.services());
        let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
        let methods = methods
            .filter(|method| !method.is_client_streaming())
            .map(|method| format!("/{}/{}", method.parent_service().full_name(), method.name()));
        Ok(Patience {
            single: Arc::new(methods.collect()),
            time,
            arriving: Arc::default(),
            most,
        })
    }

    fn arriving(&self, path: &str, body: Body) -> Arriving {
        let single = self.single.contains(path);
        Arriving {
            body,
            messages: match single {
                true => Messages::One,
                false => Messages::Many,
            },
            over: single.then(|| Box::pin(sleep(self.time))),
            framing: Framing::default(),
            patience: self.clone(),
        }
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
        let (parts, body) = request.into_parts();
        let body = self.patience.arriving(parts.uri.path(), body);
        self.inner.call(Request::from_parts(parts, Body::new(body)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Messages {
    One,
    Many,
}

/// A body that is an error once a message takes too long, or where too much is arriving already.
struct Arriving {
    body: Body,
    messages: Messages,
    /// When the message must be there, if one is waited for.
    over: Option<Pin<Box<Sleep>>>,
    framing: Framing,
    patience: Patience,
}

impl Arriving {
    /// Keeps count of these bytes.
    fn pass(&mut self, bytes: &[u8]) -> Result<(), RpcError> {
        let before = self.framing.held();
        let begun = self.framing.pass(bytes);
        let now = self.framing.held();
        let Patience {
            time,
            arriving,
            most,
            ..
        } = &self.patience;
        if self.messages == Messages::Many {
            if begun {
                self.over = Some(Box::pin(sleep(*time)));
            } else if now == 0 {
                self.over = None;
            }
        }
        if now <= before {
            arriving.fetch_sub(before - now, Ordering::Relaxed);
            return Ok(());
        }
        let all = arriving.fetch_add(now - before, Ordering::Relaxed) + (now - before);
        // One that is larger than that may come alone.
        match all > *most && all > now {
            true => Err(RpcError::Crowded),
            false => Ok(()),
        }
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let held = self.framing.held();
        self.patience.arriving.fetch_sub(held, Ordering::Relaxed);
    }
}

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            if let Some(Ok(frame)) = &frame
                && let Some(data) = frame.data_ref()
                && let Err(error) = self.pass(data)
            {
                return Poll::Ready(Some(Err(error.into())));
            }
            return Poll::Ready(frame);
        }
        match self.over.as_mut().map(|over| over.as_mut().poll(cx)) {
            Some(Poll::Ready(())) => {
                let slow = RpcError::SlowSender(self.patience.time);
                Poll::Ready(Some(Err(slow.into())))
            }
            Some(Poll::Pending) | None => Poll::Pending,
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
mod test;
