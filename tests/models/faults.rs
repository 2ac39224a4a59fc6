//! Sources that do not do what they should. After each, the store holds the whole model or nothing.

use super::bench::{Bench, entry, file, gguf, gzip, hub, hub_path, sha256, with_tiny};
use super::server::{Fault, Server};

#[test]
fn a_connection_that_is_cut_is_resumed() {
    let (bench, path, weights) = with_tiny("cut");
    bench
        .server
        .fail(&path, [Fault::Cut(100_000), Fault::Cut(50_000)]);
    bench.models(&["pull", "tiny"]);
    bench.assert_whole("tiny");
    let requests = bench.server.requests(&path);
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].header("range"), None);
    assert_eq!(requests[1].header("range"), Some("bytes=100000-"));
    assert_eq!(requests[2].header("range"), Some("bytes=150000-"));
    assert!(requests[1].header("if-range").is_some());
    assert_eq!(
        std::fs::read(bench.folder("tiny").join("model.gguf")).unwrap(),
        weights
    );
}

#[test]
fn what_is_not_what_is_published_is_thrown_away() {
    let (bench, path, weights) = with_tiny("wrong");
    let mut flipped = weights.clone();
    flipped[200_000] ^= 1;
    let longer = [weights.as_slice(), b"more"].concat();
    for (instead, word) in [
        (flipped, "SHA-256"),
        (weights[..299_999].to_vec(), "299999 bytes"),
        (longer, "300004 bytes"),
    ] {
        bench.server.fail(&path, [Fault::Instead(instead)]);
        let said = bench.refused(&["pull", "tiny"], 1);
        assert!(
            said.contains(word) && said.contains("tiny"),
            "{word}: {said}"
        );
        bench.assert_nothing("tiny");
        let left = bench.store.join(".partial/tiny/parts/model.gguf.0");
        assert!(!left.exists(), "{word}");
    }
    bench.models(&["pull", "tiny"]);
    bench.assert_whole("tiny");
}

#[test]
fn an_answer_that_is_final_is_not_asked_for_again() {
    let (bench, path, _) = with_tiny("final");
    for (status, word) in [
        (404, "is not there"),
        (401, "HF_TOKEN"),
        (403, "HF_TOKEN"),
        (418, "418"),
    ] {
        let before = bench.server.requests(&path).len();
        bench.server.fail(&path, [Fault::Status(status, vec![])]);
        let said = bench.refused(&["pull", "tiny"], 1);
        assert!(
            said.contains(word) && said.contains(&path),
            "{status}: {said}"
        );
        assert_eq!(bench.server.requests(&path).len(), before + 1);
        bench.assert_nothing("tiny");
    }
    bench.models(&["pull", "tiny"]);
    bench.assert_whole("tiny");
}

#[test]
fn a_source_that_is_busy_or_broken_for_a_while_is_asked_again() {
    let (bench, path, _) = with_tiny("busy");
    let asked = vec![("Retry-After", "1".to_owned())];
    let dated = vec![("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT".to_owned())];
    bench.server.fail(
        &path,
        [
            Fault::Status(429, asked),
            Fault::Status(503, dated),
            Fault::Status(500, vec![]),
            Fault::Cut(0),
        ],
    );
    bench.models(&["pull", "tiny"]);
    bench.assert_whole("tiny");
    assert_eq!(bench.server.requests(&path).len(), 5);
    bench.models(&["remove", "tiny"]);
    bench.server.fail(&path, [Fault::Instead(Vec::new())]);
    bench.models(&["pull", "tiny"]);
    bench.assert_whole("tiny");
}

#[test]
fn a_source_that_stays_broken_is_given_up_and_one_that_asks_for_an_hour_is_not_waited_for() {
    let (bench, path, _) = with_tiny("broken");
    bench
        .server
        .fail(&path, vec![Fault::Status(502, vec![]); 20]);
    let said = bench.refused(&["pull", "tiny"], 1);
    assert!(said.contains("5 times") && said.contains("502"), "{said}");
    assert_eq!(bench.server.requests(&path).len(), 5);
    bench.assert_nothing("tiny");

    bench.server.heal(&path);
    let hour = vec![("Retry-After", "3600".to_owned())];
    bench.server.fail(&path, [Fault::Status(429, hour)]);
    let said = bench.refused(&["pull", "tiny"], 1);
    assert!(said.contains("3600 s"), "{said}");
    bench.assert_nothing("tiny");
}

#[test]
fn a_source_that_cannot_be_reached_is_named() {
    let (bench, ..) = with_tiny("nobody");
    let output = bench
        .command(&["models", "pull", "tiny"])
        .env("HF_ENDPOINT", "http://127.0.0.1:1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = super::bench::told(&output);
    assert!(
        said.contains("127.0.0.1:1") && said.contains("pull again"),
        "{said}"
    );
    bench.assert_nothing("tiny");
}

#[test]
fn a_redirect_is_followed_and_the_token_stays_at_home() {
    let (bench, path, weights) = with_tiny("redirect");
    let store_of_objects = Server::start();
    store_of_objects.put("/blob?signature=x", &weights);
    let there = store_of_objects.url("/blob?signature=x");
    let moved = hub_path("owner/renamed", "model.gguf");
    let to = |url: &str| Fault::Status(302, vec![("Location", url.to_owned())]);
    // First within the hub, relative, then to another origin, where the second attempt resumes.
    bench.server.fail(&path, [to(&moved), to(&moved)]);
    bench.server.fail(&moved, [to(&there), to(&there)]);
    store_of_objects.fail("/blob?signature=x", [Fault::Cut(70_000)]);
    bench.models(&["pull", "tiny"]);
    bench.assert_whole("tiny");
    let bearer = Some("Bearer secret");
    assert_eq!(
        bench.server.requests(&path)[0].header("authorization"),
        bearer
    );
    assert_eq!(
        bench.server.requests(&moved)[0].header("authorization"),
        bearer
    );
    let blobs = store_of_objects.requests("/blob?signature=x");
    assert_eq!(blobs.len(), 2);
    assert_eq!(blobs[1].header("range"), Some("bytes=70000-"));
    for request in blobs {
        assert_eq!(request.header("authorization"), None);
    }
}

#[test]
fn a_redirect_goes_neither_round_in_circles_nor_out_of_tls() {
    let (bench, path, _) = with_tiny("circles");
    for (location, word) in [
        (path.as_str(), "again and again"),
        ("http://mirror.example/model.gguf", "not encrypted"),
        ("ftp://127.0.0.1/model.gguf", "not encrypted"),
    ] {
        let to = Fault::Status(302, vec![("Location", location.to_owned())]);
        bench.server.fail(&path, vec![to; 12]);
        let said = bench.refused(&["pull", "tiny"], 1);
        assert!(said.contains(word), "{location}: {said}");
        bench.assert_nothing("tiny");
        bench.server.heal(&path);
    }
    bench.server.fail(&path, [Fault::Status(302, vec![])]);
    assert!(bench.refused(&["pull", "tiny"], 1).contains("no address"));
    bench.assert_nothing("tiny");
}

#[test]
fn pickles_are_refused_whatever_they_are_called() {
    let bench = Bench::new("pickles");
    // By name, before anything is fetched.
    for name in ["model.pt", "pytorch_model.bin"] {
        let files = [file("model.gguf", b"GGUF"), file(name, b"x")];
        bench.write_catalog(&[entry("odd", "causal", &hub("owner/odd"), &files)]);
        let said = bench.refused(&["pull", "odd"], 1);
        assert!(said.contains(name) && said.contains("pickle"), "{said}");
    }
    assert_eq!(bench.server.all_requests(), 0);
    // By content, though its hash is the published one.
    for (content, word) in [
        (b"\x80\x02}q\x00(X\x01\0\0\0a".as_slice(), "a pickle"),
        (b"PK\x03\x04archive/data.pkl", "zip"),
        (b"<html>please sign in</html>", "web page"),
    ] {
        bench
            .server
            .put(&hub_path("owner/odd", "model.gguf"), content);
        let files = [file("model.gguf", content)];
        bench.write_catalog(&[entry("odd", "causal", &hub("owner/odd"), &files)]);
        let said = bench.refused(&["pull", "odd"], 1);
        assert!(said.contains(word), "{said}");
        bench.assert_nothing("odd");
    }
}

#[test]
fn a_packed_file_that_is_damaged_leaves_nothing() {
    let bench = Bench::new("damaged-gzip");
    let weights = gguf(3, 50_000);
    let packed = gzip(&weights);
    let sum = sha256(&weights);
    // Only the sum of what is inside is published, as in the live index.
    let files = [format!(
        "{{ path = \"model.gguf\", sha256 = \"{sum}\", download = [{{ path = \"a/model.gguf.gz\" }}] }}"
    )];
    bench.write_catalog(&[entry("packed", "causal", &hub("owner/packed"), &files)]);
    let path = hub_path("owner/packed", "a/model.gguf.gz");
    bench.server.put(&path, &packed);
    let mut flipped = packed.clone();
    flipped[packed.len() / 2] ^= 0x10;
    for instead in [
        packed[..packed.len() - 100].to_vec(),
        flipped,
        gzip(&gguf(4, 50_000)),
    ] {
        bench.server.fail(&path, [Fault::Instead(instead)]);
        let said = bench.refused(&["pull", "packed"], 1);
        assert!(said.contains("thrown away"), "{said}");
        bench.assert_nothing("packed");
    }
    bench.models(&["pull", "packed"]);
    bench.assert_whole("packed");
}
