//! Logs and metrics of the process.

use std::io::{self, IsTerminal};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, filter::ParseError, fmt};

/// From a short sentence to a long article on a busy machine. Unit: seconds.
const DURATION_BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Writes the log to standard error, where panics go, too.
pub fn log_to_stderr(filter: &str) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(())
}

/// Starts to count. The handle writes what `/metrics` shows.
pub fn record_metrics() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Full("depeche_request_duration_seconds".to_owned()),
            &DURATION_BUCKETS,
        )?
        .install_recorder()?;
    metrics::describe_counter!(
        "depeche_requests_total",
        "Requests that ended, by gRPC code"
    );
    metrics::describe_histogram!(
        "depeche_request_duration_seconds",
        metrics::Unit::Seconds,
        "Time from a request's headers to its last byte"
    );
    metrics::describe_counter!(
        "depeche_fidelity_warnings_total",
        "Sentences that were given with a warning, by kind"
    );
    metrics::describe_counter!(
        "depeche_fidelity_checks_total",
        "Texts that were checked, by model, check and how it ended: faithful, repaired, unfaithful"
    );
    metrics::describe_gauge!("depeche_build_info", "1, labelled with the version");
    metrics::gauge!("depeche_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}
