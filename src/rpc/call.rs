//! What every call has: the domain, its client's deadline, the count for the log.

use tonic::{Request, Status};

use crate::rpc::{Api, deadline::Deadline, domain::Domain, status::RpcError, tally::Tally};

/// One call under way. Cheap to clone.
#[derive(Clone)]
pub struct Call {
    pub domain: Domain,
    pub deadline: Deadline,
    pub tally: Tally,
}

impl Call {
    /// Refuses the request while models load.
    pub fn begin<T>(api: &Api, request: &Request<T>) -> Result<Self, RpcError> {
        Ok(Call {
            domain: api.domain.get()?.clone(),
            deadline: Deadline::of(request.metadata()),
            tally: Tally::of(request.extensions()),
        })
    }

    /// The work's result as a response, unless the deadline comes first.
    pub async fn answer<T>(
        &self,
        work: impl Future<Output = Result<T, RpcError>>,
    ) -> Result<tonic::Response<T>, Status> {
        let response = self
            .deadline
            .bound(async { work.await.map_err(Status::from) })
            .await?;
        Ok(tonic::Response::new(response))
    }
}
