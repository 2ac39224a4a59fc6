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
    Ok((&mut task.0).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_that_quotes_nothing() {
        let error = apart(async { panic!("Zanzibar") }).await;
        let error: RpcError = error.map(|(): ()| ()).unwrap_err();
        let status = tonic::Status::from(error);
        assert_eq!(status.code(), tonic::Code::Internal);
        assert!(!format!("{status:?}").contains("Zanzibar"), "{status:?}");
    }
}
