//! What lies in `deploy/` speaks of metrics and services that there are.

mod common;

use std::{collections::BTreeSet, fs, path::Path};

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

/// The text of all Rust files below a folder, without their tests.
fn sources(folder: &std::path::Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.extension() {
            _ if path.is_dir() => text += &sources(&path),
            // The process tells its own, in a place of their own.
            _ if path.ends_with("test.rs") || path.ends_with("telemetry/process.rs") => {}
            Some(end) if end == "rs" => {
                text += &fs::read_to_string(&path).unwrap();
            }
            _ => {}
        }
    }
    text
}

#[test]
fn every_metric_is_described_in_the_one_place() {
    let described = metrics(&read("src/telemetry/metrics.rs"));
    let text = sources(&path("src"));
    let mut counted = 0;
    for kind in ["counter", "gauge", "histogram"] {
        for rest in text.split(&format!(" metrics::{kind}!(")).skip(1) {
            let name = rest.split('"').nth(1).unwrap();
            assert!(described.contains(name), "{name}");
            counted += 1;
        }
        assert!(
            !text.contains(&format!("metrics::describe_{kind}!(")),
            "{kind}"
        );
    }
    assert!(counted > 20, "{counted}");
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
        let routes: Vec<&str> = text.split("match:").collect();
        // A route may be named (`&streams`) and used again (`*streams`).
        let named = |route: &&&str| !route.contains("*streams");
        for stream in &streams {
            let route = routes.iter().find(|route| route.contains(stream));
            let route = route.unwrap_or_else(|| panic!("{file} does not name {stream}"));
            let same = || routes.iter().find(|route| route.contains("&streams"));
            let route = Some(route).filter(named).or_else(same).unwrap();
            let causes = route.lines().find_map(|line| {
                let (key, causes) = line.trim().split_once(':')?;
                ["retry_on", "retryOn"].contains(&key).then_some(causes)
            });
            let causes = causes.unwrap_or_else(|| panic!("{file}: {stream}"));
            for cause in causes.trim().split(',') {
                let nothing_done = ["connect-failure", "refused-stream", "reset-before-request"];
                assert!(
                    nothing_done.contains(&cause),
                    "{file}: {stream} after {cause}"
                );
            }
        }
    }
}

#[test]
fn the_image_is_built_from_all_that_the_program_is_made_of() {
    let containerfile = read("deploy/Containerfile");
    let copied: Vec<&str> = containerfile
        .lines()
        .take_while(|line| !line.starts_with("RUN cargo build"))
        .filter_map(|line| line.strip_prefix("COPY "))
        .flat_map(|line| line.split(' '))
        .collect();
    let mut sources = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut included = Vec::new();
    while let Some(path) = sources.pop() {
        if path.is_dir() {
            sources.extend(
                std::fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        for rest in std::fs::read_to_string(&path)
            .unwrap()
            .split("include_str!(\"")
            .skip(1)
        {
            let (file, _) = rest.split_once('"').unwrap();
            included.push(file.trim_start_matches("../").to_owned());
        }
    }
    assert!(included.len() > 1, "{included:?}");
    for file in included {
        let copied = copied
            .iter()
            .any(|copied| Path::new(&file).starts_with(copied));
        assert!(
            copied || !file.starts_with("models/"),
            "{file} is not copied"
        );
    }
}
