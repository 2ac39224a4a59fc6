use super::*;
use crate::catalog::{
    entry::{FileEntry, Task},
    fetch::content::PICKLES,
};

const SUM: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn file(path: &str) -> FileEntry {
    FileEntry {
        path: path.into(),
        bytes: Some(1),
        sha256: Some(SUM.into()),
        download: vec![Download {
            path: format!("folder/{path}.gz"),
            bytes: Some(1),
            sha256: Some(SUM.into()),
        }],
    }
}

fn files(paths: &[&str]) -> Vec<FileEntry> {
    paths.iter().map(|path| file(path)).collect()
}

/// A student that breaks no rule.
fn valid() -> Entry {
    Entry {
        id: "fr-en-tiny".into(),
        task: Task::Translation,
        engine: Engine::Student,
        architecture: Some("tiny".into()),
        source_languages: vec!["fr".into()],
        target_languages: vec!["en".into()],
        licence: "MPL-2.0".into(),
        licence_url: None,
        prefix: None,
        checked: Checked::Form,
        source: hub(COMMIT),
        quality: vec![Quality {
            metric: "bleu".into(),
            value: 40.0,
            set: "flores-devtest".into(),
            reference: "https://example.org".into(),
        }],
        files: files(&[
            "model.fren.intgemm.alphas.bin",
            "lex.50.50.fren.s2t.bin",
            "vocab.fren.spm",
        ]),
    }
}

fn hub(revision: &str) -> Source {
    Source::Hub {
        repository: "owner/name".into(),
        revision: revision.into(),
    }
}

fn python(packages: &[&str]) -> Source {
    Source::Python {
        packages: packages.iter().map(ToString::to_string).collect(),
    }
}

type Change = Box<dyn Fn(&mut Entry)>;

fn change(change: impl Fn(&mut Entry) + 'static) -> Change {
    Box::new(change)
}

#[test]
fn each_rule_that_is_broken_is_told() {
    let cases: Vec<(Change, &str)> = vec![
        (change(|e| e.id = "".into()), "id \"\""),
        (change(|e| e.id = "Fr-En".into()), "id \"Fr-En\""),
        (change(|e| e.id = ".hidden".into()), "id \".hidden\""),
        (change(|e| e.id = "a/b".into()), "id \"a/b\""),
        (
            change(|e| e.source_languages.clear()),
            "source_languages is empty",
        ),
        (
            change(|e| e.target_languages.clear()),
            "target_languages is empty",
        ),
        (
            change(|e| e.source_languages = vec!["zh_Hant".into()]),
            "source_languages: \"zh_Hant\" is not a language tag",
        ),
        (
            change(|e| e.source_languages = vec!["fra".into()]),
            "source_languages: \"fra\" is written fr",
        ),
        (
            change(|e| e.target_languages = vec!["en".into(), "en".into()]),
            "target_languages: \"en\" stands twice",
        ),
        (
            change(|e| e.prefix = Some("summarize: ".into())),
            "prefix is for models",
        ),
        (change(|e| e.licence = "".into()), "licence \"\""),
        (
            change(|e| e.licence = "free as in beer".into()),
            "licence \"free as in beer\"",
        ),
        (
            change(|e| e.licence = "MIT OR".into()),
            "licence \"MIT OR\"",
        ),
        (
            change(|e| e.licence = "LicenseRef-".into()),
            "licence \"LicenseRef-\"",
        ),
        (
            change(|e| e.source = Source::Folder { path: "".into() }),
            "source.path is empty",
        ),
        (
            change(|e| {
                e.source = Source::Hub {
                    repository: "a/b/c".into(),
                    revision: COMMIT.into(),
                }
            }),
            "source.repository \"a/b/c\"",
        ),
        (
            change(|e| {
                e.source = Source::MozillaArchive {
                    repository: "name".into(),
                    revision: COMMIT.into(),
                }
            }),
            "source.repository \"name\"",
        ),
        (
            change(|e| e.source = hub("v1.0")),
            "source.revision \"v1.0\"",
        ),
        (
            change(|e| e.source = hub(&COMMIT.to_uppercase())),
            "source.revision",
        ),
        (
            change(|e| {
                e.source = hub("main");
                e.checked = Checked::Run;
            }),
            "source.revision \"main\" is not a commit",
        ),
        (
            change(|e| {
                e.source = Source::MozillaLive {
                    base_url: "file:///etc".into(),
                }
            }),
            "source.base_url \"file:///etc\"",
        ),
        (
            change(|e| e.source = python(&[])),
            "source.packages is empty",
        ),
        (
            change(|e| e.source = python(&["name"])),
            "source.packages: \"name\"",
        ),
        (
            change(|e| e.source = python(&["name==1.0", "--index-url=x==1"])),
            "source.packages: \"--index-url=x==1\"",
        ),
        (
            change(|e| e.source = python(&["name==1.0 other"])),
            "source.packages: \"name==1.0 other\"",
        ),
        (
            change(|e| e.quality[0].reference.clear()),
            "quality: \"bleu\" lacks its metric, set or reference",
        ),
        (
            change(|e| e.quality[0].value = f64::NAN),
            "quality: bleu NaN",
        ),
        (change(|e| e.files.clear()), "files is empty"),
        (
            change(|e| e.files[1].path = "../lex.bin".into()),
            "file \"../lex.bin\" is not a single name",
        ),
        (
            change(|e| e.files[1].path = "..".into()),
            "file \"..\" is not a single name",
        ),
        (
            change(|e| e.files[1].path = "a\\b".into()),
            "is not a single name",
        ),
        (
            change(|e| e.files[1].path = "model.toml".into()),
            "the store writes a file of that name",
        ),
        (
            change(|e| e.files.push(file("VOCAB.fren.spm"))),
            "file VOCAB.fren.spm stands twice",
        ),
        (
            change(|e| e.files[0].bytes = Some(0)),
            "file model.fren.intgemm.alphas.bin: bytes is 0",
        ),
        (
            change(|e| e.files[0].sha256 = Some(SUM[1..].into())),
            "file model.fren.intgemm.alphas.bin: sha256",
        ),
        (
            change(|e| e.files[0].sha256 = Some(SUM.to_uppercase())),
            "is not 64 small hexadecimal digits",
        ),
        (
            change(|e| {
                e.checked = Checked::Fetched;
                e.files[0].sha256 = None;
            }),
            "bytes or sha256 is missing, though it has been fetched",
        ),
        (
            change(|e| e.files[0].download[0].path = "/etc/passwd".into()),
            "download \"/etc/passwd\" is not a path below its source",
        ),
        (
            change(|e| e.files[0].download[0].path = "a/../../b".into()),
            "download \"a/../../b\"",
        ),
        (
            change(|e| e.files[0].download[0].sha256 = Some("?".into())),
            "sha256 \"?\"",
        ),
        (
            change(|e| e.files.push(file("pytorch_model.bin"))),
            "file pytorch_model.bin is a pickle",
        ),
        (
            change(|e| {
                e.engine = Engine::Marian;
                e.files = files(&["model.bin"]);
            }),
            "file model.bin is a pickle",
        ),
        (
            change(|e| e.files[2].download[0].path = "vocab.PKL.gz".into()),
            "file vocab.PKL.gz is a pickle",
        ),
        (
            change(|e| {
                e.files.remove(0);
            }),
            "files lack what its engine loads: model",
        ),
        (
            change(|e| {
                e.files.pop();
            }),
            "files lack what its engine loads: model",
        ),
        (
            change(|e| e.files[2] = file("srcvocab.fren.spm")),
            "files lack what its engine loads: model",
        ),
        (
            change(|e| {
                e.engine = Engine::Marian;
                e.files = files(&["config.json", "model.safetensors", "vocab.json"]);
            }),
            "files lack what its engine loads: config.json",
        ),
        (
            change(|e| {
                e.engine = Engine::T5;
                e.files = files(&["config.json", "model.safetensors"]);
            }),
            "files lack what its engine loads: config.json",
        ),
        (
            change(|e| {
                e.engine = Engine::Causal;
                e.files = files(&["config.json"]);
            }),
            "files lack what its engine loads: one file .gguf",
        ),
    ];
    for (change, expected) in cases {
        let mut entry = valid();
        change(&mut entry);
        let found = problems(&entry);
        assert!(
            found.iter().any(|problem| problem.contains(expected)),
            "{expected} is not in {found:?}"
        );
    }
    for ending in PICKLES {
        let mut entry = valid();
        entry.files.push(file(&format!("weights{ending}")));
        assert_eq!(problems(&entry).len(), 2, "{ending}");
    }
}

#[test]
fn all_that_is_wrong_with_an_entry_is_told_at_once() {
    let entry = Entry {
        id: "Fr".into(),
        licence: "".into(),
        source: hub(""),
        ..valid()
    };
    assert_eq!(problems(&entry).len(), 3, "{:?}", problems(&entry));
}

#[test]
fn what_breaks_no_rule_is_no_problem() {
    let cases: Vec<Change> = vec![
        change(|_| ()),
        change(|e| e.source = hub("main")),
        change(|e| e.source = hub("refs/pr/12")),
        change(|e| e.source = python(&["name==1.0", "other-name==1!2.0.post1+local"])),
        change(|e| e.licence = "(MIT OR Apache-2.0) AND LicenseRef-Gemma".into()),
        change(|e| e.licence = "NOASSERTION".into()),
        change(|e| e.target_languages = vec!["zh-Hant".into(), "pt-BR".into()]),
        change(|e| {
            e.files = files(&["model.enzh.bin", "srcvocab.enzh.spm", "trgvocab.enzh.spm"]);
        }),
        change(|e| {
            e.files = files(&[
                "config.json",
                "model.safetensors",
                "source.spm",
                "target.spm",
            ]);
        }),
        change(|e| {
            e.engine = Engine::T5;
            e.files = files(&["config.json", "model-q4k.gguf", "tokenizer.json"]);
        }),
        change(|e| {
            e.files[0].bytes = None;
            e.files[0].sha256 = None;
            e.files[0].download.clear();
        }),
    ];
    for (at, change) in cases.iter().enumerate() {
        let mut entry = valid();
        change(&mut entry);
        assert_eq!(problems(&entry), [""; 0], "case {at}");
    }
}
