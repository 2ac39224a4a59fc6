//! Work that goes on whether or not somebody looks at it, and ends when nobody can any more.

use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::rpc::status::RpcError;

/// Ends the task when dropped.
struct Owned<T>(JoinHandle<T>);

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Does the work on a task of its own: what it holds it gives back when it is done, not when its result
/// is fetched. Dropping the future drops the work.
pub async fn apart<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, RpcError> {
    let mut task = Owned(tokio::spawn(work.in_current_span()));
    (&mut task.0)
        .await
        .map_err(|error| RpcError::Failed(error.to_string()))
}
