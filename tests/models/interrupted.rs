//! Pulls that end in the middle, and pulls at the same time.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::bench::{Bench, entry, file, gguf, hub, hub_path, size, told, with_tiny};
use super::server::Fault;

/// Waits for something that another process brings about.
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "waited a minute for {what}"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_pull_that_is_killed_is_resumed_by_the_next() {
    let (bench, path, weights) = with_tiny("killed");
    bench.server.fail(&path, [Fault::Stall(120_000)]);
    let mut child = bench.command(&["models", "pull", "tiny"]).spawn().unwrap();
    let part = bench.store.join(".partial/tiny/parts/model.gguf.0");
    wait_until("the first part", || size(&part) == 120_000);
    // SIGKILL: the process can do nothing any more.
    child.kill().unwrap();
    child.wait().unwrap();
    bench.assert_nothing("tiny");
    bench.models(&["pull", "tiny"]);
    bench.assert_whole("tiny");
    let requests = bench.server.requests(&path);
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].header("range"), Some("bytes=120000-"));
    assert_eq!(
        fs::read(bench.folder("tiny").join("model.gguf")).unwrap(),
        weights
    );
}

#[test]
fn what_a_killed_pull_left_is_thrown_away_when_it_is_of_another_file() {
    let (bench, path, _) = with_tiny("stale");
    bench.server.fail(&path, [Fault::Stall(120_000)]);
    let mut child = bench.command(&["models", "pull", "tiny"]).spawn().unwrap();
    let part = bench.store.join(".partial/tiny/parts/model.gguf.0");
    wait_until("the first part", || size(&part) == 120_000);
    child.kill().unwrap();
    child.wait().unwrap();
    // Damaged while nobody looked; the tag and the size still fit.
    let mut bytes = fs::read(&part).unwrap();
    bytes[60_000] ^= 1;
    fs::write(&part, bytes).unwrap();
    bench.models(&["pull", "tiny"]);
    bench.assert_whole("tiny");
    let ranges: Vec<_> = bench
        .server
        .requests(&path)
        .iter()
        .map(|request| request.header("range").map(str::to_owned))
        .collect();
    assert_eq!(ranges, [None, Some("bytes=120000-".to_owned()), None]);
}

#[test]
fn a_file_that_changed_at_its_source_meanwhile_is_fetched_anew() {
    let (bench, path, _) = with_tiny("changed");
    // Nothing is published of it: only its tag tells.
    let files = ["{ path = \"model.gguf\" }".to_owned()];
    bench.write_catalog(&[entry("tiny", "causal", &hub("owner/tiny"), &files)]);
    bench.server.fail(&path, [Fault::Stall(120_000)]);
    let mut child = bench.command(&["models", "pull", "tiny"]).spawn().unwrap();
    let part = bench.store.join(".partial/tiny/parts/model.gguf.0");
    wait_until("the first part", || size(&part) == 120_000);
    child.kill().unwrap();
    child.wait().unwrap();
    let new = gguf(11, 310_000);
    bench.server.put(&path, &new);
    bench.models(&["pull", "tiny"]);
    bench.assert_whole("tiny");
    let requests = bench.server.requests(&path);
    assert_eq!(requests[1].header("range"), Some("bytes=120000-"));
    assert_eq!(requests.len(), 2);
    assert_eq!(
        fs::read(bench.folder("tiny").join("model.gguf")).unwrap(),
        new
    );
}

#[test]
fn files_that_were_whole_are_not_fetched_again() {
    let bench = Bench::new("several");
    let (first, second) = (gguf(1, 80_000), b"{\"a\": 1}".to_vec());
    let files = [file("model.gguf", &first), file("config.json", &second)];
    bench.write_catalog(&[entry("two", "causal", &hub("owner/two"), &files)]);
    let [weights, config] = ["model.gguf", "config.json"].map(|name| hub_path("owner/two", name));
    bench.server.put(&weights, &first);
    bench.refused(&["pull", "two"], 1);
    bench.assert_nothing("two");
    bench.server.put(&config, &second);
    bench.models(&["pull", "two"]);
    bench.assert_whole("two");
    assert_eq!(bench.server.requests(&weights).len(), 1);
}

#[test]
fn two_pulls_of_one_model_fetch_it_once_and_both_succeed() {
    let (bench, path, _) = with_tiny("two");
    bench.server.fail(&path, [Fault::Stall(100_000)]);
    let first = bench.command(&["models", "pull", "tiny"]).spawn().unwrap();
    let part = bench.store.join(".partial/tiny/parts/model.gguf.0");
    wait_until("the first part", || size(&part) == 100_000);
    let mut second = bench.command(&["models", "pull", "tiny"]).spawn().unwrap();
    let mut said = BufReader::new(second.stderr.take().unwrap()).lines();
    let line = said.next().unwrap().unwrap();
    assert!(line.contains("waiting"), "{line}");
    bench.server.release();
    let (first, second) = (
        first.wait_with_output().unwrap(),
        second.wait_with_output().unwrap(),
    );
    assert!(first.status.success(), "{}", told(&first));
    assert!(second.status.success());
    assert!(String::from_utf8_lossy(&first.stdout).contains("tiny: installed"));
    assert!(String::from_utf8_lossy(&second.stdout).contains("already installed"));
    assert_eq!(bench.server.requests(&path).len(), 1);
    bench.assert_whole("tiny");
}

#[test]
fn many_pulls_at_once_leave_one_whole_model_of_each() {
    let bench = Bench::new("many");
    let mut entries = Vec::new();
    for id in ["a", "b"] {
        let weights = gguf(id.bytes().map(u64::from).sum(), 200_000);
        bench
            .server
            .put(&hub_path(&format!("owner/{id}"), "model.gguf"), &weights);
        // Without a published sum, so that they all write into pins.toml.
        let files = ["{ path = \"model.gguf\" }".to_owned()];
        entries.push(entry(id, "causal", &hub(&format!("owner/{id}")), &files));
    }
    bench.write_catalog(&entries);
    let children: Vec<_> = ["a", "b", "a", "b", "a", "b"]
        .iter()
        .map(|id| bench.command(&["models", "pull", id]).spawn().unwrap())
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
    }
    let pins = fs::read_to_string(bench.store.join("pins.toml")).unwrap();
    for id in ["a", "b"] {
        bench.assert_whole(id);
        assert!(pins.contains(&format!("{id}/model.gguf")), "{pins}");
        assert_eq!(
            bench
                .server
                .requests(&hub_path(&format!("owner/{id}"), "model.gguf"))
                .len(),
            1
        );
    }
}

/// How to get a small file system of one's own: as root, or as a user who is root in a namespace.
const NAMESPACES: [&[&str]; 2] = [&["unshare", "-m"], &["unshare", "-rm"]];

#[test]
fn a_full_disk_is_told_plainly_and_the_pull_goes_on_when_there_is_room() {
    let (bench, path, _) = with_tiny("full");
    let catalog = bench.store.join("catalog.toml");
    let disk = super::common::scratch("store-full-disk");
    // The disk is there only inside the namespace, so all of it happens in one shell.
    let script = r#"
        mount -t tmpfs -o size=256k none "$DEPECHE_MODELS" || exit 99
        cp "$CATALOG" "$DEPECHE_MODELS"
        "$DEPECHE" models pull tiny; echo "first=$?"
        test -e "$DEPECHE_MODELS/tiny"; echo "there=$?"
        mount -o remount,size=4m "$DEPECHE_MODELS" || exit 99
        "$DEPECHE" models pull tiny; echo "second=$?"
        "$DEPECHE" models verify tiny; echo "verify=$?"
        cd "$DEPECHE_MODELS/tiny" && sha256sum --check --strict --quiet SHA256SUMS; echo "sums=$?"
    "#;
    let mut said = String::new();
    for namespace in NAMESPACES {
        let mut command = Command::new(namespace[0]);
        let settings = bench.command(&[]);
        command.envs(
            settings
                .get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        );
        let output = command
            .args(&namespace[1..])
            .args(["sh", "-c", script])
            .current_dir(super::common::ROOT)
            .env("DEPECHE", env!("CARGO_BIN_EXE_depeche"))
            .env("DEPECHE_MODELS", &disk)
            .env("CATALOG", &catalog)
            .output();
        let output = match output {
            Ok(output) => output,
            Err(error) => {
                said += &format!("{namespace:?}: {error}\n");
                continue;
            }
        };
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if !printed.contains("first=") {
            said += &format!("{namespace:?}: {}\n", told(&output));
            continue;
        }
        let errors = told(&output);
        assert!(errors.contains("the disk is full"), "{errors}");
        for line in ["first=1", "there=1", "second=0", "verify=0", "sums=0"] {
            assert!(
                printed.lines().any(|printed| printed == line),
                "{line}: {printed}{errors}"
            );
        }
        let requests = bench.server.requests(&path);
        assert_eq!(requests.len(), 2);
        assert!(requests[1].header("range").is_some(), "not resumed");
        return;
    }
    panic!(
        "no small file system can be mounted here, neither as root nor in a user namespace:\n{said}"
    );
}

#[test]
fn a_store_that_cannot_be_written_is_told() {
    let (bench, ..) = with_tiny("unwritable");
    // A file where a folder should be; permissions do not stop root.
    let blocked = bench.store.join("catalog.toml");
    let output = bench
        .command(&["models", "pull", "fr-en", "--models"])
        .arg(Path::new(&blocked).join("inside"))
        .current_dir(&bench.store)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(
        told(&output).contains("catalog.toml/inside"),
        "{}",
        told(&output)
    );
}
