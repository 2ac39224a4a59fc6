use std::{path::Path, time::Duration};

use super::{
    figures::{Latency, Rates},
    model::Family,
};

fn seconds(values: &[f64]) -> Vec<Duration> {
    values
        .iter()
        .copied()
        .map(Duration::from_secs_f64)
        .collect()
}

#[test]
fn a_rate_is_the_median_of_all_runs_between_the_slowest_and_the_fastest() {
    let rates = |median, slowest, fastest| Rates {
        median,
        slowest,
        fastest,
    };
    for (times, expected) in [
        (&[2.0][..], rates(50.0, 50.0, 50.0)),
        (&[1.0, 4.0, 2.0], rates(50.0, 25.0, 100.0)),
        (&[1.0, 4.0, 2.0, 2.5], rates(45.0, 25.0, 100.0)),
    ] {
        assert_eq!(Rates::of(100, &seconds(times)), expected, "{times:?}");
    }
}

#[test]
fn percentiles_are_those_of_the_sorted_times() {
    let latency = Latency::of(seconds(&[0.003, 0.001, 0.002])).unwrap();
    assert_eq!((latency.p50, latency.max, latency.sentences), (2.0, 3.0, 3));
    assert_eq!(Latency::of(Vec::new()), None);
}

#[test]
fn folders_are_told_apart_by_their_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (folder, expected) in [
        ("models/fr-en", Family::Student),
        ("tests/golden/students/base", Family::Student),
        ("tests/golden/marian/swish-tied", Family::Marian),
        ("tests/golden/t5/relu-tied", Family::T5),
        ("tests/golden/causal/gemma3", Family::Causal),
    ] {
        assert_eq!(Family::of(&root.join(folder)), expected, "{folder}");
    }
}
