//! The client's `grpc-timeout`: work stops when nobody waits for it any more.

use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use tokio::time::{Instant, timeout_at};
use tonic::{Status, metadata::MetadataMap};

use crate::rpc::status::RpcError;

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

    /// The future's result, unless the deadline comes first, which drops the future.
    pub async fn bound<T>(
        self,
        work: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        match self.0 {
            None => work.await,
            Some(at) => timeout_at(at, work)
                .await
                .unwrap_or_else(|_| Err(RpcError::Deadline.into())),
        }
    }

    /// The stream until the deadline, which drops it and ends it with an error.
    pub fn bound_stream<T>(
        self,
        items: impl Stream<Item = Result<T, Status>> + Send + 'static,
    ) -> impl Stream<Item = Result<T, Status>> + Send + 'static
    where
        T: Send + 'static,
    {
        stream::unfold(Some(items.boxed()), move |items| async move {
            let mut items = items?;
            let next = match self.0 {
                None => Ok(items.next().await),
                Some(at) => timeout_at(at, items.next()).await,
            };
            match next {
                Ok(Some(item)) => Some((item, Some(items))),
                Ok(None) => None,
                Err(_) => Some((Err(RpcError::Deadline.into()), None)),
            }
        })
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
