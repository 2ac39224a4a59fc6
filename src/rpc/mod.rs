//! The contract's services. Each method parses its request, makes one domain call and converts
//! what comes back.
//!
//! - [`proto`]: the generated contract
//! - [`request`]: requests → domain types; [`convert`]: domain types → messages
//! - [`status`]: errors → statuses, the one place
//! - `passes`: how often the models go over a text
//! - [`domain`], [`call`], [`client`], [`document`], [`deadline`], [`draining`], [`tally`]: what all methods share
//! - `apart`: work on a task of its own
//! - [`pieces`], [`highlights`]: a translation, a summary, piece by piece: unary and streaming
//!   methods are two ways of reading the same pieces
//! - `translation`, `summarization`, `article`, `catalog`: one service each

mod apart;
mod article;
pub mod call;
mod catalog;
pub mod client;
pub mod convert;
pub mod deadline;
pub mod document;
pub mod domain;
pub mod draining;
pub mod highlights;
pub mod passes;
pub mod pieces;
pub mod proto;
pub mod request;
pub mod status;
mod summarization;
pub mod tally;
mod translation;
mod written;

use std::{pin::Pin, time::Instant};

use futures::Stream;
use tonic::{Status, codec::CompressionEncoding, service::Routes};

use proto::v1::{
    article_service_server::ArticleServiceServer, catalog_service_server::CatalogServiceServer,
    summarization_service_server::SummarizationServiceServer,
    translation_service_server::TranslationServiceServer,
};

/// Target of the log's events that have texts of requests or answers; told only where the operator
/// wants them.
pub const CONTENT: &str = "depeche::content";

/// Room for all fields of a request but its text.
const REQUEST_OVERHEAD_BYTES: usize = 64 << 10;

/// The full names of the services, as health and metrics use them.
pub const SERVICE_NAMES: [&str; 4] = [
    proto::v1::translation_service_server::SERVICE_NAME,
    proto::v1::summarization_service_server::SERVICE_NAME,
    proto::v1::article_service_server::SERVICE_NAME,
    proto::v1::catalog_service_server::SERVICE_NAME,
];

/// A streaming method's response.
pub type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// All services in one: each is stateless over the same domain.
#[derive(Clone)]
pub struct Api {
    pub domain: domain::DomainCell,
    pub limits: request::Limits,
    /// Told by GetServerInfo.
    pub inference_threads: usize,
    /// Told by GetServerInfo as uptime.
    pub started: Instant,
    /// Tells streams of requests that no more are taken.
    pub draining: draining::Draining,
    pub answers: Answers,
}

/// How answers travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    Plain,
    /// By gzip or zstd where the client accepts one of them, whichever it names first.
    Compressed,
}

/// The services as a tower service: behind a socket in `serve`, called directly by the commands.
pub fn routes(api: Api) -> Routes {
    let max_bytes = api
        .limits
        .max_text_bytes
        .saturating_add(REQUEST_OVERHEAD_BYTES);
    macro_rules! service {
        ($server:ident) => {{
            let service = $server::new(api.clone())
                .max_decoding_message_size(max_bytes)
                .max_encoding_message_size(usize::MAX)
                .accept_compressed(CompressionEncoding::Gzip)
                .accept_compressed(CompressionEncoding::Zstd);
            match api.answers {
                Answers::Plain => service,
                Answers::Compressed => service
                    .send_compressed(CompressionEncoding::Gzip)
                    .send_compressed(CompressionEncoding::Zstd),
            }
        }};
    }
    Routes::new(service!(TranslationServiceServer))
        .add_service(service!(SummarizationServiceServer))
        .add_service(service!(ArticleServiceServer))
        .add_service(service!(CatalogServiceServer))
}
