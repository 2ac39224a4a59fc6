//! Each module uses only what lies below it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Who may use whom, from the top down. A layer that hands work to `inference` names the `model` that
/// is to do it. Every layer may use the types of the text (`article`) that
/// its own calls take and give, and the errors of those below it.
const TABLE: [(&str, &[&str]); 12] = [
    ("main", &["cli"]),
    (
        "cli",
        &[
            "article",
            "catalog",
            "config",
            "inference",
            "model",
            "rpc",
            "server",
            "summarize",
            "telemetry",
            "translate",
        ],
    ),
    ("server", &["config", "rpc", "telemetry"]),
    (
        "rpc",
        &[
            "article",
            "catalog",
            "inference",
            "model",
            "summarize",
            "translate",
        ],
    ),
    ("catalog", &["article", "model"]),
    ("summarize", &["article", "inference", "model"]),
    ("translate", &["article", "inference", "model"]),
    ("inference", &["model"]),
    ("article", &[]),
    ("model", &[]),
    ("config", &[]),
    ("telemetry", &[]),
];

/// The first names after `crate::` (or, in the binary, after the crate's own name).
fn used(source: &str) -> BTreeSet<String> {
    let code: String = source
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut names = BTreeSet::new();
    for root in ["crate::", "depeche::"] {
        for (at, _) in code.match_indices(root) {
            // `my_crate::x` is another crate's.
            let part_of_a_name = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            if !part_of_a_name {
                names.extend(heads(&code[at + root.len()..]));
            }
        }
    }
    names
}

/// `a` of `a::b`; `a` and `b` of `{a::{x, y}, b}`.
fn heads(path: &str) -> Vec<String> {
    let path = path.trim_start();
    let Some(group) = path.strip_prefix('{') else {
        return vec![name(path)];
    };
    let (mut depth, mut heads, mut start) = (0, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' if depth == 0 => {
                heads.push(name(&group[start..at]));
                start = at + 1;
            }
            '}' if depth == 0 => {
                heads.push(name(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    heads.retain(|head| !head.is_empty());
    heads
}

fn name(path: &str) -> String {
    path.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// What a module uses against the table.
fn violations(module: &str, source: &str) -> Vec<String> {
    let Some((_, allowed)) = TABLE.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{module} is not in the table")];
    };
    used(source)
        .into_iter()
        .filter(|name| TABLE.iter().any(|(module, _)| module == name))
        .filter(|name| name != module && !allowed.contains(&name.as_str()))
        .map(|name| format!("{module} uses {name}"))
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn no_module_uses_one_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&src);
    assert!(files.len() > 20, "{files:?}");
    let mut found = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&src).unwrap();
        let first = inside.iter().next().unwrap().to_str().unwrap();
        let module = first.trim_end_matches(".rs");
        // The crate's root names all modules, and that is all it does.
        if module != "lib" {
            let source = fs::read_to_string(&file).unwrap();
            let wrong = violations(module, &source);
            found.extend(
                wrong
                    .into_iter()
                    .map(|what| format!("{}: {what}", inside.display())),
            );
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_violation_is_found_however_it_is_written() {
    for (module, source, expected) in [
        ("article", "use crate::rpc::Api;", "article uses rpc"),
        (
            "translate",
            "use crate::{article::{a, b},\n    server::{layers, c}, };",
            "translate uses server",
        ),
        (
            "inference",
            "fn f() -> crate::translate::Route { todo!() }",
            "inference uses translate",
        ),
        (
            "rpc",
            "pub(in crate::rpc) use crate :: x;\nuse crate::config;",
            "rpc uses config",
        ),
        ("main", "use depeche::server;", "main uses server"),
        ("novelty", "", "novelty is not in the table"),
    ] {
        assert_eq!(violations(module, source), [expected], "{source}");
    }
}

#[test]
fn what_the_table_allows_is_no_violation() {
    for (module, source) in [
        (
            "rpc",
            "use crate::{article::Language, rpc::{call::Call, server_like}, translate};",
        ),
        (
            "article",
            "// see crate::rpc\n/// [`crate::server`]\nuse other_crate::rpc;\nuse super::x;",
        ),
        ("server", "use crate::rpc::{self, Api};"),
    ] {
        assert!(violations(module, source).is_empty(), "{source}");
    }
}
