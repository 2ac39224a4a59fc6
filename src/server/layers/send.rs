//! An answer that its client does not read is dropped after a time: a client that never opens its
//! windows would keep the server's memory for as long as its connection lives.

use std::{
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep},
};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::Responding;
use crate::rpc::status::RpcError;

/// What is handed to the transport at a time, which it then keeps until the client reads on: a frame of
/// HTTP/2, unless its client wants larger ones.
const PIECE: usize = 16 << 10;

/// The layer.
pub fn layer<S>(time: Duration) -> impl Layer<S, Service = Send<S>> + Clone {
    tower::layer::layer_fn(move |inner| Send { inner, time })
}

#[derive(Clone)]
pub struct Send<S> {
    inner: S,
    time: Duration,
}

impl<S> Service<Request<Body>> for Send<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: std::marker::Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Responding<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let response = self.inner.call(request);
        let time = self.time;
        Box::pin(async move {
            let response = response.await?;
            // A status alone needs no window.
            Ok(match response.body().is_end_stream() {
                true => response,
                false => response.map(|body| Body::new(Sent::new(body, time))),
            })
        })
    }
}

/// A body whose rest can be dropped while the transport holds it.
struct Sent {
    answer: Arc<Mutex<Answer>>,
    time: Duration,
    watch: AbortHandle,
}

/// What is left of an answer.
enum Answer {
    Left {
        body: Body,
        /// Of its last frame.
        rest: Bytes,
        /// When the transport took the last piece, if it has not come for another one since.
        taken: Option<Instant>,
    },
    /// Too late to be read.
    Dropped,
    Told,
}

impl Sent {
    fn new(body: Body, time: Duration) -> Self {
        let answer = Arc::new(Mutex::new(Answer::Left {
            body,
            rest: Bytes::new(),
            taken: None,
        }));
        let watch = tokio::spawn(watch(Arc::downgrade(&answer), time));
        Sent {
            answer,
            time,
            watch: watch.abort_handle(),
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// Drops the answer when the transport has not come for more of it for so long.
async fn watch(answer: Weak<Mutex<Answer>>, time: Duration) {
    let mut wait = time;
    loop {
        sleep(wait).await;
        let Some(answer) = answer.upgrade() else {
            return;
        };
        let mut locked = lock(&answer);
        let waited = match &*locked {
            Answer::Left { taken, .. } => taken.map_or(Duration::ZERO, |taken| taken.elapsed()),
            Answer::Dropped | Answer::Told => return,
        };
        if waited < time {
            wait = time - waited;
            continue;
        }
        let dropped = mem::replace(&mut *locked, Answer::Dropped);
        // What its end does must not wait for the lock.
        drop(locked);
        drop(dropped);
        metrics::counter!("depeche_unread_answers_total").increment(1);
        return;
    }
}

/// A panic of the body leaves nothing half done here.
fn lock(answer: &Mutex<Answer>) -> MutexGuard<'_, Answer> {
    answer.lock().unwrap_or_else(PoisonError::into_inner)
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut answer = lock(&self.answer);
        match &mut *answer {
            Answer::Left { body, rest, taken } => {
                *taken = None;
                if rest.is_empty() {
                    match ready!(Pin::new(body).poll_frame(cx)) {
                        Some(Ok(frame)) => match frame.into_data() {
                            Ok(data) => *rest = data,
                            Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                        },
                        end => return Poll::Ready(end),
                    }
                }
                *taken = Some(Instant::now());
                Poll::Ready(Some(Ok(Frame::data(piece(rest)))))
            }
            Answer::Dropped => {
                *answer = Answer::Told;
                let mut trailers = HeaderMap::new();
                let late = Status::from(RpcError::SlowReader(self.time));
                Poll::Ready(Some(
                    late.add_header(&mut trailers)
                        .map(|()| Frame::trailers(trailers)),
                ))
            }
            Answer::Told => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &*lock(&self.answer) {
            Answer::Left { body, rest, .. } => rest.is_empty() && body.is_end_stream(),
            Answer::Dropped => false,
            Answer::Told => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// The next piece, without the memory of the others.
fn piece(rest: &mut Bytes) -> Bytes {
    match rest.len() > PIECE {
        true => BytesMut::from(&rest.split_to(PIECE)[..]).freeze(),
        false => mem::take(rest),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};
    use tonic::Code;

    use super::*;

    const TIME: Duration = Duration::from_secs(60);

    fn body(sizes: &'static [usize]) -> (Body, tokio::sync::oneshot::Receiver<()>) {
        let (held, dropped) = tokio::sync::oneshot::channel();
        let mut sizes = sizes.iter().copied();
        let frames = futures::stream::poll_fn(move |_| {
            let _held = &held;
            Poll::Ready(sizes.next().map(|size| {
                Ok::<_, Status>(Frame::data(Bytes::from(
                    (0..size).map(|at| at as u8).collect::<Vec<_>>(),
                )))
            }))
        });
        (Body::new(StreamBody::new(frames)), dropped)
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_read_is_dropped_and_told() {
        let (inner, dropped) = body(&[PIECE + 1, 7]);
        let mut sent = Sent::new(inner, TIME);
        let first = sent.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first.len(), PIECE);
        let began = Instant::now();
        assert!(dropped.await.is_err());
        assert!((TIME..TIME * 2).contains(&began.elapsed()));
        let told = sent
            .frame()
            .await
            .unwrap()
            .unwrap()
            .into_trailers()
            .unwrap();
        let status = Status::from_header_map(&told).unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert!(sent.is_end_stream());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_read_slowly_is_whole() {
        let (inner, _dropped) = body(&[3 * PIECE + 1, 7]);
        let mut sent = Sent::new(inner, TIME);
        let mut whole = Vec::new();
        while let Some(frame) = sent.frame().await {
            whole.extend_from_slice(&frame.unwrap().into_data().unwrap());
            sleep(TIME / 2).await;
        }
        let expected: Vec<u8> = (0..3 * PIECE + 1).chain(0..7).map(|at| at as u8).collect();
        assert!(whole == expected);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_may_be_long_in_the_making() {
        let making = futures::stream::once(async {
            sleep(TIME * 10).await;
            Ok::<_, Status>(Frame::data(Bytes::from_static(b"at last")))
        });
        let sent = Sent::new(Body::new(StreamBody::new(making)), TIME);
        assert_eq!(sent.collect().await.unwrap().to_bytes(), "at last");
    }
}
