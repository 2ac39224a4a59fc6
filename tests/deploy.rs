//! What lies in `deploy/` speaks of metrics and services that there are.

mod common;

use std::{collections::BTreeSet, fs};

use common::path;
use depeche::rpc::proto;

/// Names of our metrics in a text, without what Prometheus appends to a histogram's.
fn metrics(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(|c| !is_part(c))
        .filter(|word| word.starts_with("depeche_") || word.starts_with("process_"))
        .map(|word| {
            let histogram = ["_bucket", "_sum", "_count"];
            let base = histogram.iter().find_map(|end| word.strip_suffix(end));
            base.unwrap_or(word).to_owned()
        })
        .collect()
}

fn read(relative: &str) -> String {
    fs::read_to_string(path(relative)).unwrap()
}

#[test]
fn dashboard_and_alerts_ask_for_metrics_that_there_are() {
    let described = metrics(&read("src/telemetry/metrics.rs"))
        .union(&metrics(&read("src/telemetry/process.rs")))
        .cloned()
        .collect::<BTreeSet<_>>();
    for (file, made) in [
        ("deploy/grafana/depeche.json", [].as_slice()),
        ("deploy/prometheus/rules.yaml", &[]),
        // The adapter makes this one.
        (
            "deploy/prometheus/adapter.yaml",
            &["depeche_queue_wait_seconds_mean"],
        ),
    ] {
        let asked = metrics(&read(file));
        assert!(!asked.is_empty(), "{file}");
        let unknown: Vec<_> = asked
            .difference(&described)
            .filter(|name| !made.contains(&name.as_str()))
            .collect();
        assert!(unknown.is_empty(), "{file}: {unknown:?}");
    }
}

#[test]
fn every_described_metric_is_shown_on_the_dashboard() {
    let shown = metrics(&read("deploy/grafana/depeche.json"));
    let hidden: Vec<_> = metrics(&read("src/telemetry/metrics.rs"))
        .into_iter()
        // The tokens say more.
        .filter(|name| name != "depeche_queue_sentences")
        .filter(|name| !shown.contains(name))
        .collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}

#[test]
fn streams_are_retried_only_where_nothing_can_have_been_done() {
    let pool = proto::descriptors().unwrap();
    let methods = pool.services().flat_map(|service| {
        let methods: Vec<_> = service.methods().collect();
        methods
    });
    let streams: Vec<_> = methods
        .filter(|method| method.is_server_streaming() || method.is_client_streaming())
        .filter(|method| method.full_name().starts_with("depeche."))
        .map(|method| format!("/{}/{}", method.parent_service().full_name(), method.name()))
        .collect();
    assert_eq!(streams.len(), 3, "{streams:?}");
    for file in [
        "deploy/envoy/envoy.yaml",
        "deploy/kubernetes/overlays/istio/traffic.yaml",
    ] {
        let text = read(file);
        for stream in &streams {
            assert!(text.contains(stream), "{file} does not name {stream}");
        }
    }
}
