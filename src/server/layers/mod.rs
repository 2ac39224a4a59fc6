//! The middleware, from the outside in: one idea a file.

pub mod bad_message;
pub mod catch_panic;
pub mod identify;
pub mod observe;
pub mod receive;
pub mod send;

use futures::future::BoxFuture;

/// What every layer's service gives back.
type Responding<E> = BoxFuture<'static, Result<http::Response<tonic::body::Body>, E>>;
