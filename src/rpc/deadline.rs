//! The client's `grpc-timeout`, and the server's own limit: work stops when nobody waits for it any more.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::{FutureExt, Stream, StreamExt, stream};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tonic::{Status, metadata::MetadataMap};
use tracing::Instrument;

use crate::rpc::status::{self, RpcError};

/// The answer has to travel, and the transport has a timer of its own for the same moment: ending
/// a little earlier lets the client read DEADLINE_EXCEEDED instead of a reset stream.
const MARGIN: Duration = Duration::from_millis(4);

/// When a request's answer is of no use any more, if its client said so.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// From a request that arrived just now. A timeout that cannot be read is none, as in other
    /// gRPC servers.
    pub fn of(metadata: &MetadataMap) -> Self {
        let timeout = metadata
            .get("grpc-timeout")
            .and_then(|value| value.to_str().ok())
            .and_then(parse);
        Deadline(timeout.and_then(|timeout| {
            Instant::now().checked_add(timeout.saturating_sub(MARGIN.min(timeout / 10)))
        }))
    }

    /// No later than so long from now, if there is a limit.
    pub fn within(self, limit: Option<Duration>) -> Self {
        let limit = limit.and_then(|limit| Instant::now().checked_add(limit));
        Deadline(self.0.into_iter().chain(limit).min())
    }

    /// The moment, if there is one.
    pub fn at(self) -> Option<std::time::Instant> {
        self.0.map(Instant::into_std)
    }

    /// The future's result, unless the deadline comes first, which drops the future.
    pub async fn bound<T, E: From<RpcError>>(
        self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match self.0 {
            None => work.await,
            Some(at) => timeout_at(at, work)
                .await
                .unwrap_or_else(|_| Err(RpcError::Deadline.into())),
        }
    }

    /// The stream until the deadline, which drops it and ends it with an error. It is read by a task of its
    /// own, so that a client that stops reading holds no more than its next item after the deadline.
    pub fn bound_stream<T>(
        self,
        items: impl Stream<Item = Result<T, Status>> + Send + 'static,
    ) -> impl Stream<Item = Result<T, Status>> + Send + 'static
    where
        T: Send + 'static,
    {
        let (send, receive) = mpsc::channel(1);
        let reading = async move {
            let read = AssertUnwindSafe(pass_on(items, &send)).catch_unwind();
            let read = self.bound(async { Ok::<_, RpcError>(read.await) });
            let end = tokio::select! {
                end = read => end,
                // Nobody listens any more: the items are dropped.
                () = send.closed() => return,
            };
            let error = match end {
                Ok(Ok(())) => return,
                Ok(Err(_)) => status::panicked(),
                Err(error) => error.into(),
            };
            // An error means that nobody listens any more.
            let _ = send.send(Err(error)).await;
        };
        tokio::spawn(reading.in_current_span());
        stream::unfold(receive, async |mut receive| {
            Some((receive.recv().await?, receive))
        })
    }
}

async fn pass_on<T>(items: impl Stream<Item = T>, send: &mpsc::Sender<T>) {
    let mut items = std::pin::pin!(items);
    while let Some(item) = items.next().await {
        if send.send(item).await.is_err() {
            return;
        }
    }
}

/// At most eight digits and a unit, as in the gRPC specification.
fn parse(value: &str) -> Option<Duration> {
    let unit_at = value.len().checked_sub(1)?;
    let (digits, unit) = value.split_at_checked(unit_at)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(n * 3600),
        "M" => Duration::from_secs(n * 60),
        "S" => Duration::from_secs(n),
        "m" => Duration::from_millis(n),
        "u" => Duration::from_micros(n),
        "n" => Duration::from_nanos(n),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_the_grpc_specification_writes_it() {
        for (value, expected) in [
            ("5S", Some(Duration::from_secs(5))),
            ("1H", Some(Duration::from_secs(3600))),
            ("99999999m", Some(Duration::from_millis(99_999_999))),
            ("250u", Some(Duration::from_micros(250))),
            ("123456789n", None),
            ("S", None),
            ("", None),
            ("-1S", None),
            ("5é", None),
        ] {
            assert_eq!(parse(value), expected, "{value:?}");
        }
    }

    fn soon() -> Deadline {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", "1S".parse().unwrap());
        Deadline::of(&metadata)
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_outlasts_its_deadline_is_dropped_and_told() {
        let (dropped, mut alive) = tokio::sync::oneshot::channel::<()>();
        let work = async move {
            let _held = dropped;
            std::future::pending::<Result<(), Status>>().await
        };
        let status = soon().bound(work).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
        assert!(alive.try_recv().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn the_servers_limit_holds_where_the_client_asks_for_more_or_says_nothing() {
        let limit = Some(Duration::from_millis(300));
        let at = std::time::Instant::from(Instant::now() + Duration::from_millis(300));
        assert_eq!(soon().within(limit).at(), Some(at));
        let silent = Deadline::of(&MetadataMap::new());
        assert_eq!(silent.within(limit).at(), Some(at));
        assert_eq!(silent.within(None).at(), None);
        assert!(soon().within(Some(Duration::from_secs(9))).at() > Some(at));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_nobody_reads_is_dropped_at_its_deadline() {
        let (dropped, alive) = tokio::sync::oneshot::channel::<()>();
        let items = stream::unfold(dropped, async |held| Some((Ok(1), held)));
        let unread = soon().bound_stream(items);
        assert!(alive.await.is_err());
        drop(unread);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_in_a_stream_is_an_error_and_not_its_end() {
        let items = stream::poll_fn(|_| -> std::task::Poll<Option<Result<i32, Status>>> {
            panic!("as a test")
        });
        let told: Vec<_> = soon().bound_stream(items).collect().await;
        assert_eq!(told[0].as_ref().unwrap_err().code(), tonic::Code::Internal);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_outlasts_its_deadline_ends_with_the_error() {
        let items = stream::iter([Ok(1)]).chain(stream::pending());
        let told: Vec<_> = soon().bound_stream(items).collect().await;
        assert_eq!(told.len(), 2);
        assert_eq!(*told[0].as_ref().unwrap(), 1);
        assert_eq!(
            told[1].as_ref().unwrap_err().code(),
            tonic::Code::DeadlineExceeded
        );
    }
}
