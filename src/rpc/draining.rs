//! The end of the service, as far as calls under way need to know of it.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures::{FutureExt, Stream, StreamExt, future::BoxFuture};
use tokio::sync::watch;

/// Begins the end.
pub struct Drain(watch::Sender<bool>);

/// Tells when it has begun. Cheap to clone.
#[derive(Clone)]
pub struct Draining(watch::Receiver<bool>);

impl Drain {
    pub fn new() -> (Self, Draining) {
        let (begin, begun) = watch::channel(false);
        (Drain(begin), Draining(begun))
    }

    pub fn begin(&self) {
        self.0.send_replace(true);
    }
}

impl Draining {
    /// Waits for the beginning of the end; for ever where nobody can begin it any more.
    pub async fn begun(mut self) {
        if self.0.wait_for(|begun| *begun).await.is_err() {
            std::future::pending().await
        }
    }
}

/// What a client sends on one stream, until the service begins to end: then only what has come by then.
pub struct Received<S: Stream> {
    items: S,
    draining: BoxFuture<'static, ()>,
    /// What had come when the end began.
    last: Option<VecDeque<S::Item>>,
    cut: Cut,
}

/// Whether something may have been left on a stream that ended.
#[derive(Clone, Default)]
pub struct Cut(Arc<AtomicBool>);

/// So many items are taken at once when the end begins: more than the transport's windows have room for,
/// so that a client that goes on sending does not keep the service from ending.
const MOST_AT_ONCE: usize = 4096;

impl<S: Stream + Unpin> Received<S> {
    pub fn new(items: S, draining: Draining) -> Self {
        Received {
            items,
            draining: draining.begun().boxed(),
            last: None,
            cut: Cut::default(),
        }
    }

    pub fn cut(&self) -> Cut {
        self.cut.clone()
    }

    /// What can be had without waiting.
    fn take_the_last(&mut self, cx: &mut Context<'_>) -> VecDeque<S::Item> {
        let mut last = VecDeque::new();
        while last.len() < MOST_AT_ONCE {
            match self.items.poll_next_unpin(cx) {
                Poll::Ready(Some(item)) => last.push_back(item),
                Poll::Ready(None) => return last,
                Poll::Pending => break,
            }
        }
        self.cut.0.store(true, Ordering::Release);
        last
    }
}

impl Cut {
    pub fn happened(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl<S: Stream + Unpin> Stream for Received<S>
where
    S::Item: Unpin,
{
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let me = &mut *self;
        if me.last.is_none() {
            if me.draining.poll_unpin(cx).is_pending() {
                let item = ready!(me.items.poll_next_unpin(cx));
                if item.is_none() {
                    // At its end the stream is not asked again.
                    me.last = Some(VecDeque::new());
                }
                return Poll::Ready(item);
            }
            me.last = Some(me.take_the_last(cx));
        }
        Poll::Ready(me.last.as_mut().and_then(VecDeque::pop_front))
    }
}

#[cfg(test)]
mod tests {
    use futures::{channel::mpsc, stream};

    use super::*;

    #[tokio::test]
    async fn what_came_before_the_end_is_given_and_what_comes_later_is_not() {
        let (drain, draining) = Drain::new();
        let (send, items) = mpsc::unbounded();
        let mut received = Received::new(items, draining);
        let cut = received.cut();
        for item in 1..=3 {
            send.unbounded_send(item).unwrap();
        }
        assert_eq!(received.next().await, Some(1));
        drain.begin();
        assert_eq!(received.next().await, Some(2));
        send.unbounded_send(4).unwrap();
        assert_eq!(received.next().await, Some(3));
        assert_eq!(received.next().await, None);
        assert!(cut.happened());
    }

    #[tokio::test]
    async fn a_stream_that_had_ended_is_not_cut() {
        let (drain, draining) = Drain::new();
        let received = Received::new(stream::iter([1, 2]), draining);
        let cut = received.cut();
        drain.begin();
        assert_eq!(received.collect::<Vec<_>>().await, [1, 2]);
        assert!(!cut.happened());
    }

    #[tokio::test]
    async fn a_stream_that_waits_for_its_client_is_ended() {
        let (drain, draining) = Drain::new();
        let mut received = Received::new(stream::pending::<()>(), draining);
        let cut = received.cut();
        let (end, ()) = futures::join!(received.next(), async { drain.begin() });
        assert_eq!(end, None);
        assert!(cut.happened());
    }

    #[tokio::test]
    async fn without_somebody_to_begin_it_there_is_no_end() {
        let (_, draining) = Drain::new();
        let received = Received::new(stream::iter([1, 2]), draining);
        assert_eq!(received.count().await, 2);
    }
}
