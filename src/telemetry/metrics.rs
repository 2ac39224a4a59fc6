//! The metrics' names, what they mean, and the buckets of their histograms.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// From a short sentence to the longest that a request may take by default. Unit: seconds.
const DURATION_BUCKETS: [f64; 18] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
    120.0, 300.0, 600.0,
];
/// Places of a worker's batches that are taken, of all that it has.
const FILL_BUCKETS: [f64; 8] = [0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0];

/// Starts to count. The handle writes what `/metrics` shows.
pub fn record_metrics() -> Result<PrometheusHandle, BuildError> {
    let durations = [
        "depeche_request_duration_seconds",
        "depeche_first_sentence_seconds",
        "depeche_queue_wait_seconds",
    ];
    let mut builder = PrometheusBuilder::new();
    for name in durations {
        builder = builder.set_buckets_for_metric(exactly(name), &DURATION_BUCKETS)?;
    }
    let handle = builder
        .set_buckets_for_metric(exactly("depeche_batch_fill_ratio"), &FILL_BUCKETS)?
        .install_recorder()?;
    describe();
    metrics::gauge!("depeche_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

fn exactly(name: &str) -> Matcher {
    Matcher::Full(name.to_owned())
}

fn describe() {
    describe_requests();
    describe_work();
    describe_cache();
    describe_models();
    describe_connections();
    describe_counter!(
        "depeche_tls_reloads_total",
        "Times that changed certificates were read, by result"
    );
    describe_counter!(
        "depeche_tokens_reloads_total",
        "Times that the file with the tokens was read again, by result"
    );
    describe_gauge!("depeche_build_info", "1, labelled with the version");
}

fn describe_connections() {
    describe_gauge!("depeche_connections", "Connections to the gRPC port");
    describe_gauge!(
        "depeche_connections_limit",
        "Connections that there may be: more are closed at once"
    );
    describe_counter!(
        "depeche_connections_refused_total",
        "Connections that were ended before their first request, by reason"
    );
    describe_counter!(
        "depeche_unread_answers_total",
        "Answers that were dropped because their clients did not read them"
    );
}

fn describe_requests() {
    describe_counter!(
        "depeche_requests_total",
        "Requests that ended, by gRPC code"
    );
    describe_histogram!(
        "depeche_request_duration_seconds",
        Unit::Seconds,
        "Time from a request's headers to its last byte"
    );
    describe_gauge!(
        "depeche_requests_in_flight",
        "Requests that have begun and not ended"
    );
    describe_histogram!(
        "depeche_first_sentence_seconds",
        Unit::Seconds,
        "Time from a request's headers to its first sentence, where it has one"
    );
    describe_counter!(
        "depeche_shed_requests_total",
        "Requests that were refused so that others are served, by reason"
    );
    describe_counter!(
        "depeche_fidelity_warnings_total",
        "Sentences that were given with a warning, by kind"
    );
    describe_counter!(
        "depeche_fidelity_checks_total",
        "Texts that were checked, by model, check and how it ended: faithful, repaired, unfaithful"
    );
}

fn describe_work() {
    describe_gauge!(
        "depeche_queue_tokens",
        "Source tokens of sentences that wait for a place in a batch"
    );
    describe_gauge!(
        "depeche_queue_sentences",
        "Sentences that wait for a place in a batch"
    );
    describe_gauge!(
        "depeche_batch_rows",
        "Outputs being written right now, each hypothesis of a beam counted"
    );
    describe_gauge!(
        "depeche_admitted_tokens",
        "Estimated tokens of all requests under way, each language, model and hypothesis of a beam counted"
    );
    describe_gauge!(
        "depeche_admission_tokens_per_second",
        "Tokens a second that the engine is counted on"
    );
    describe_gauge!(
        "depeche_admission_limit_tokens",
        "Tokens that may come before an interactive request while the queue stands"
    );
    describe_histogram!(
        "depeche_queue_wait_seconds",
        Unit::Seconds,
        "Time that a sentence, or a text to be written, waited for a place in a batch, by engine and urgency"
    );
    describe_histogram!(
        "depeche_batch_fill_ratio",
        "Places taken in a worker's batches at a decode step, of all that it has, by engine"
    );
    describe_counter!(
        "depeche_tokens_total",
        "Tokens that models read (source) and wrote (target), by model, repeated attempts counted"
    );
    describe_counter!(
        "depeche_saved_tokens_total",
        "Tokens that were not computed because nobody waited for them any more"
    );
}

fn describe_cache() {
    describe_counter!(
        "depeche_cache_hits_total",
        "Sentences whose translation was known from an earlier request, by model"
    );
    describe_counter!(
        "depeche_cache_misses_total",
        "Sentences that were translated because it was not, by model; none while nothing is kept"
    );
    describe_gauge!(
        "depeche_cache_bytes",
        Unit::Bytes,
        "Memory of translated sentences that are kept"
    );
}

fn describe_models() {
    describe_gauge!("depeche_models_loaded", "Models in memory");
    describe_gauge!(
        "depeche_model_memory_bytes",
        Unit::Bytes,
        "Memory of a model's weights; 0 while it is not loaded"
    );
    describe_counter!(
        "depeche_model_evictions_total",
        "Times that a model left memory for another, by model"
    );
    describe_gauge!(
        "depeche_models_loaded_bytes",
        Unit::Bytes,
        "Memory of all loaded models and of those being loaded"
    );
    describe_gauge!(
        "depeche_models_memory_budget_bytes",
        Unit::Bytes,
        "Memory that loaded models may take"
    );
}
