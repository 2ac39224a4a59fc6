//! A panic ends one request, with INTERNAL, and not its connection. The panic hook has logged it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use futures::FutureExt;
use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::Responding;
use crate::rpc::status;

/// The layer.
pub fn layer<S>() -> impl Layer<S, Service = CatchPanic<S>> + Clone {
    tower::layer::layer_fn(CatchPanic)
}

/// Unwinding leaves nothing half done that another request sees: requests share only immutable
/// state and channels.
#[derive(Clone)]
pub struct CatchPanic<S>(S);

impl<S> Service<Request<Body>> for CatchPanic<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Responding<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Ok(response) = catch_unwind(AssertUnwindSafe(|| self.0.call(request))) else {
            return Box::pin(async { Ok(status::panicked().into_http()) });
        };
        let response = AssertUnwindSafe(response).catch_unwind();
        Box::pin(async move {
            match response.await {
                Ok(response) => Ok(response?.map(|body| Body::new(Caught(Some(body))))),
                Err(_) => Ok(status::panicked().into_http()),
            }
        })
    }
}

/// A response body; none after a panic.
struct Caught(Option<Body>);

impl http_body::Body for Caught {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        let Some(body) = &mut self.0 else {
            return Poll::Ready(None);
        };
        catch_unwind(AssertUnwindSafe(|| Pin::new(body).poll_frame(cx))).unwrap_or_else(|_| {
            self.0 = None;
            let mut trailers = HeaderMap::new();
            Poll::Ready(Some(
                status::panicked()
                    .add_header(&mut trailers)
                    .map(|()| Frame::trailers(trailers)),
            ))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .as_ref()
            .map(http_body::Body::size_hint)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tonic::Code;
    use tower::{ServiceExt, service_fn};

    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_handler_is_internal() {
        let service = layer().layer(service_fn(async |_: Request<Body>| -> Result<_, Status> {
            panic!("as a test")
        }));
        let response: Response<Body> = service.oneshot(Request::default()).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("as a test"));
    }

    #[tokio::test]
    async fn a_panic_in_a_stream_ends_it_with_internal() {
        let service = layer().layer(service_fn(async |_: Request<Body>| {
            let frames = futures::stream::poll_fn(
                |_| -> Poll<Option<Result<Frame<bytes::Bytes>, Status>>> { panic!("as a test") },
            );
            Ok::<_, Status>(Response::new(Body::new(http_body_util::StreamBody::new(
                frames,
            ))))
        }));
        let response = service.oneshot(Request::default()).await.unwrap();
        let trailers = response
            .into_body()
            .collect()
            .await
            .unwrap()
            .trailers()
            .cloned()
            .unwrap();
        assert_eq!(
            Status::from_header_map(&trailers).unwrap().code(),
            Code::Internal
        );
    }
}
