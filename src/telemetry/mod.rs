//! What an operator sees of the process.
//!
//! - `logs`: lines on standard error, for people or for machines
//! - `metrics`: what `/metrics` shows; `process`: the part of it that the kernel knows
//! - `identity`: which request, and which trace it is a part of
//! - `traces`: spans, told when a request has ended, and their export over OTLP

mod identity;
mod logs;
mod metrics;
mod process;
mod traces;

pub use identity::Identity;
pub use logs::{Content, Format, log_to_stderr};
pub use metrics::record_metrics;
pub use process::ProcessMetrics;
pub use traces::{ENDPOINT_VARIABLES, Ended, Exporter, ExporterError, RequestSpan, Step, Tracer};
