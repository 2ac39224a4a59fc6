//! Finds out whose request it is, and refuses what its client may not call.

use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::{Status, body::Body};
use tower::{Layer, Service};
use tracing::Span;

use super::Responding;
use crate::{rpc::tally::Tally, server::auth::Identities};

/// The layer.
pub fn layer<S>(identities: Identities) -> impl Layer<S, Service = Identify<S>> + Clone {
    tower::layer::layer_fn(move |inner| Identify {
        inner,
        identities: identities.clone(),
    })
}

#[derive(Clone)]
pub struct Identify<S> {
    inner: S,
    identities: Identities,
}

impl<S> Service<Request<Body>> for Identify<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Responding<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let path = request.uri().path();
        match self
            .identities
            .of(path, request.headers(), request.extensions())
        {
            Ok(client) => {
                Span::current().record("client", &*client.asker.account);
                Tally::of(request.extensions()).asked_by(&client.asker);
                request.extensions_mut().insert(client);
                Box::pin(self.inner.call(request))
            }
            Err(refusal) => Box::pin(async { Ok(Status::from(refusal).into_http()) }),
        }
    }
}
