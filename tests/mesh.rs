//! Behind the real Envoy with the configuration of `deploy/envoy/`. What takes a minute is run by
//! hand: `tests/mesh/run run.py faults --binary target/release/depeche`.

mod common;

use std::{
    process::Command,
    sync::{Mutex, PoisonError},
};

use common::path;

/// The scripts share an environment below `target/`, which the first makes.
static ENVIRONMENT: Mutex<()> = Mutex::new(());

fn succeeds(arguments: &[&str]) {
    let _alone = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    let output = Command::new(path("tests/mesh/run"))
        .args(arguments)
        .args(["--binary", env!("CARGO_BIN_EXE_depeche")])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_trace_from_a_client_through_envoy_arrives_whole() {
    succeeds(&["traced.py"]);
}

#[test]
fn clients_see_nothing_of_a_rolling_restart() {
    succeeds(&["run.py", "rolling", "--seconds", "3", "--callers", "4"]);
}
