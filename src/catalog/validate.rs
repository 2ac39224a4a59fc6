//! What an entry of the catalogue must be, beyond what its types say.

#[cfg(test)]
mod test;

use super::{
    entry::{Checked, Download, Engine, Entry, Quality, Source, Task},
    fetch::content::is_pickle,
};
use crate::article::Language;

/// Files of a folder that the store writes itself.
const RESERVED: [&str; 2] = ["model.toml", "SHA256SUMS"];
/// Every rule that an entry breaks, in words.
pub fn problems(entry: &Entry) -> Vec<String> {
    let mut found = Vec::new();
    if !is_id(&entry.id) {
        found.push(format!(
            "id {:?} is not made of small letters, digits, \".\", \"_\" and \"-\", a letter or digit first",
            entry.id
        ));
    }
    languages("source_languages", &entry.source_languages, &mut found);
    languages("target_languages", &entry.target_languages, &mut found);
    if !is_licence(&entry.licence) {
        found.push(format!(
            "licence {:?} is no SPDX expression and no LicenseRef-",
            entry.licence
        ));
    }
    if entry.prefix.is_some() && (entry.task, entry.engine) != (Task::Summarization, Engine::T5) {
        found.push("prefix is for models of engine t5 whose task is summarization".into());
    }
    source(&entry.source, entry.checked, &mut found);
    entry
        .quality
        .iter()
        .for_each(|figure| quality(figure, &mut found));
    files(entry, &mut found);
    found
}

fn is_id(id: &str) -> bool {
    let small = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    id.bytes().next().is_some_and(small)
        && id
            .bytes()
            .all(|b| small(b) || matches!(b, b'.' | b'_' | b'-'))
}

fn languages(field: &str, tags: &[String], found: &mut Vec<String>) {
    if tags.is_empty() {
        found.push(format!("{field} is empty"));
    }
    for (at, tag) in tags.iter().enumerate() {
        match Language::parse(tag) {
            Err(error) => found.push(format!("{field}: {error}")),
            Ok(language) if language.as_str() != tag => {
                found.push(format!("{field}: {tag:?} is written {language}"));
            }
            Ok(_) if tags[..at].contains(tag) => {
                found.push(format!("{field}: {tag:?} stands twice"));
            }
            Ok(_) => {}
        }
    }
}

/// Whether `text` has the form of an SPDX expression: identifiers joined by operators.
fn is_licence(text: &str) -> bool {
    let identifier = |word: &str| {
        let name = word.strip_prefix("LicenseRef-").unwrap_or(word);
        name.bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric())
            && name.bytes().any(|b| b.is_ascii_alphabetic())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+'))
    };
    let spaced = text.replace(['(', ')'], " ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    words.len() % 2 == 1
        && words.iter().enumerate().all(|(at, word)| {
            let operator = ["AND", "OR", "WITH"].contains(word);
            operator == (at % 2 == 1) && (operator || identifier(word))
        })
}

fn source(source: &Source, checked: Checked, found: &mut Vec<String>) {
    match source {
        Source::Folder { path } if path.is_empty() => found.push("source.path is empty".into()),
        Source::Folder { .. } => {}
        Source::Hub {
            repository,
            revision,
        }
        | Source::MozillaArchive {
            repository,
            revision,
        } => {
            if !is_repository(repository) {
                found.push(format!(
                    "source.repository {repository:?} is not of the form owner/name"
                ));
            }
            let pinned = is_commit(revision);
            let to_be_pinned = checked == Checked::Form && is_moving(revision);
            if !pinned && !to_be_pinned {
                found.push(format!(
                    "source.revision {revision:?} is not a commit (40 small hexadecimal digits)"
                ));
            }
        }
        Source::MozillaLive { base_url } => {
            let host = ["https://", "http://"]
                .iter()
                .find_map(|scheme| base_url.strip_prefix(scheme));
            if host.is_none_or(str::is_empty) {
                found.push(format!("source.base_url {base_url:?} is not a URL"));
            }
        }
        Source::Python { packages } => {
            if packages.is_empty() {
                found.push("source.packages is empty".into());
            }
            let wrong = packages.iter().filter(|package| !is_package(package));
            found.extend(wrong.map(|package| {
                format!("source.packages: {package:?} is not of the form NAME==VERSION")
            }));
        }
    }
}

fn is_repository(text: &str) -> bool {
    let name = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    text.split_once('/')
        .is_some_and(|(owner, rest)| name(owner) && name(rest))
}

fn is_commit(revision: &str) -> bool {
    is_hexadecimal(revision, 40)
}

/// A branch, or what was proposed to it: what lies there may change until it is pinned.
fn is_moving(revision: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    revision == "main" || revision.strip_prefix("refs/pr/").is_some_and(number)
}

fn is_hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// As `pip` is given it: neither an option nor an address can be meant.
fn is_package(text: &str) -> bool {
    let made_of = |part: &str, others: &[u8]| {
        part.bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric())
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || others.contains(&b))
    };
    text.split_once("==")
        .is_some_and(|(name, version)| made_of(name, b".-_") && made_of(version, b".-_+!"))
}

fn quality(figure: &Quality, found: &mut Vec<String>) {
    let metric = &figure.metric;
    if metric.is_empty() || figure.set.is_empty() || figure.reference.is_empty() {
        found.push(format!(
            "quality: {metric:?} lacks its metric, set or reference"
        ));
    }
    if !(0.0..=100.0).contains(&figure.value) {
        found.push(format!(
            "quality: {metric} {} is not in 0..=100",
            figure.value
        ));
    }
}

fn files(entry: &Entry, found: &mut Vec<String>) {
    if entry.files.is_empty() {
        found.push("files is empty".into());
    }
    for (at, file) in entry.files.iter().enumerate() {
        let name = &file.path;
        if !is_file_name(name) {
            found.push(format!("file {name:?} is not a single name"));
        }
        if RESERVED.contains(&name.as_str()) {
            found.push(format!("file {name}: the store writes a file of that name"));
        }
        let before = &entry.files[..at];
        if before
            .iter()
            .any(|file| file.path.eq_ignore_ascii_case(name))
        {
            found.push(format!("file {name} stands twice"));
        }
        facts(name, file.bytes, file.sha256.as_deref(), found);
        if entry.checked != Checked::Form && (file.bytes.is_none() || file.sha256.is_none()) {
            found.push(format!(
                "file {name}: bytes or sha256 is missing, though it has been fetched"
            ));
        }
        let downloads = file.download.iter().map(|download| &download.path);
        for path in downloads.chain([name]) {
            if is_pickle(path, entry.engine) {
                found.push(format!("file {path} is a pickle, which may run code"));
            }
        }
        file.download.iter().for_each(|part| download(part, found));
    }
    lacking(entry, found);
}

fn download(part: &Download, found: &mut Vec<String>) {
    let inside = part.path.split('/').all(is_file_name);
    if !inside {
        found.push(format!(
            "download {:?} is not a path below its source",
            part.path
        ));
    }
    facts(&part.path, part.bytes, part.sha256.as_deref(), found);
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && !name
            .chars()
            .any(|c| matches!(c, '/' | '\\' | ':') || c.is_control())
}

/// A terabyte: more than any model's file, and few enough that sums cannot overflow.
const MOST_BYTES: u64 = 1 << 40;

fn facts(name: &str, bytes: Option<u64>, sha256: Option<&str>, found: &mut Vec<String>) {
    if let Some(bytes) = bytes.filter(|bytes| !(1..=MOST_BYTES).contains(bytes)) {
        found.push(format!(
            "file {name}: bytes is {bytes}, not from 1 to {MOST_BYTES}"
        ));
    }
    if let Some(sum) = sha256.filter(|sum| !is_hexadecimal(sum, 64)) {
        found.push(format!(
            "file {name}: sha256 {sum:?} is not 64 small hexadecimal digits"
        ));
    }
}

/// Without which files an engine cannot load a model.
fn lacking(entry: &Entry, found: &mut Vec<String>) {
    let names: Vec<&str> = entry.files.iter().map(|file| file.path.as_str()).collect();
    let has = |name: &str| names.contains(&name);
    let count = |prefix: &str, ending: &str| {
        let fits = |name: &&&str| name.starts_with(prefix) && name.ends_with(ending);
        names.iter().filter(fits).count()
    };
    let vocabulary = count("vocab.", ".spm") == 1 && count("srcvocab.", ".spm") == 0
        || count("srcvocab.", ".spm") == 1 && count("trgvocab.", ".spm") == 1;
    let own = [
        "config.json",
        "model.safetensors",
        "source.spm",
        "target.spm",
    ];
    let (complete, needed) = match entry.engine {
        Engine::Student => (
            own.into_iter().all(has) || count("model.", ".bin") == 1 && vocabulary,
            "model.….bin with vocab.….spm, or srcvocab and trgvocab; or config.json, model.safetensors, source.spm and target.spm",
        ),
        Engine::Marian => (
            own.into_iter().all(has) && has("vocab.json"),
            "config.json, model.safetensors, source.spm, target.spm and vocab.json",
        ),
        Engine::T5 => (
            has("config.json")
                && (has("tokenizer.json") || has("spiece.model"))
                && count("", ".safetensors") + count("", ".gguf") > 0,
            "config.json, tokenizer.json or spiece.model, and weights as .safetensors or .gguf",
        ),
        Engine::Causal => (count("", ".gguf") == 1, "one file .gguf"),
    };
    if !complete {
        found.push(format!("files lack what its engine loads: {needed}"));
    }
}
