//! Messages that cannot be decoded or are too large are their sender's mistake: INVALID_ARGUMENT,
//! where the transport says INTERNAL, OUT_OF_RANGE and, of what grows too large when it is unpacked,
//! RESOURCE_EXHAUSTED, as if it were to be tried again.

use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use super::Responding;
use crate::rpc::status;

/// How the Protobuf decoder's and the transport's own messages begin: nothing else tells them from
/// errors of the service.
const UNDECODABLE: &str = "failed to decode Protobuf message";
const OVERSIZED: &str = "Error, decoded message length too large";
const UNFRAMED: &str = "protocol error: received message with";
const NOT_UNPACKED: &str = "Error decompressing";
const MISSING: &str = "Missing request message";
const CUT_SHORT: &str = "Unexpected EOF decoding stream";
const BROKEN: &str = "h2 protocol error: error reading a body from connection";
const UNPACKED_OVERSIZED: &str = "Error decompressing: size limit";

/// The layer.
pub fn layer<S>() -> impl Layer<S, Service = BadMessage<S>> + Clone {
    tower::layer::layer_fn(BadMessage)
}

#[derive(Clone)]
pub struct BadMessage<S>(S);

impl<S> Service<Request<Body>> for BadMessage<S>
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
        let response = self.0.call(request);
        Box::pin(async move {
            let mut response = response.await?;
            correct(response.headers_mut());
            Ok(response.map(|body| Body::new(body.map_frame(correct_trailers))))
        })
    }
}

fn correct_trailers(frame: Frame<bytes::Bytes>) -> Frame<bytes::Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            correct(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}

fn correct(headers: &mut HeaderMap) {
    let Some(status) = Status::from_header_map(headers) else {
        return;
    };
    let message = status.message();
    let begins = |with: &[&str]| with.iter().any(|with| message.starts_with(with));
    let corrected = match status.code() {
        Code::Internal if begins(&[UNDECODABLE, UNFRAMED, NOT_UNPACKED, MISSING, CUT_SHORT]) => {
            status::unreadable_message(message)
        }
        // Nobody reads it; the log and the metrics tell it from a fault of the server.
        Code::Unknown | Code::Internal if begins(&[BROKEN]) => {
            Status::cancelled("the client's connection broke")
        }
        Code::OutOfRange if begins(&[OVERSIZED]) => status::oversized_message(message),
        Code::ResourceExhausted if begins(&[UNPACKED_OVERSIZED]) => {
            status::oversized_message(message)
        }
        _ => return,
    };
    // Headers that cannot be written leave the transport's own status, which is an error, too.
    let _ = corrected.add_header(headers);
}
