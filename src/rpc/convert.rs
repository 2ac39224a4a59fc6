//! Domain types as messages of the contract.

use std::{ops::Range, time::Duration};

use crate::{
    catalog::{Installed, entry::Entry},
    model::Model,
    rpc::{document::Prepared, domain::Domain, proto::v1},
    translate::{self, SentenceUsage, WarningKind},
};

/// Offsets of a text that the size limit keeps far below 4 GiB.
pub fn span(span: &Range<usize>) -> v1::Span {
    v1::Span {
        start: narrow(span.start),
        end: narrow(span.end),
    }
}

/// Counts and offsets whose bound is the size limit of a text.
pub fn narrow(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

pub fn route(route: &translate::Route) -> v1::Route {
    let hops = route
        .hops
        .iter()
        .map(|hop| v1::Hop {
            source_language: hop.source.to_string(),
            target_language: hop.target.to_string(),
            model: hop.model.to_string(),
        })
        .collect();
    v1::Route { hops }
}

/// Of a text that an instruction model wrote.
pub fn generated() -> v1::Warning {
    document_warning(
        v1::WarningCode::Generated,
        "a language model wrote this text: it may say what the document does not".to_owned(),
    )
}

/// A sentence's warnings, which are also counted.
pub fn sentence_warnings(warnings: &[translate::Warning], position: u32) -> Vec<v1::Warning> {
    warnings
        .iter()
        .map(|warning| {
            let kind = warning.kind.as_str();
            metrics::counter!("depeche_fidelity_warnings_total", "kind" => kind).increment(1);
            v1::Warning {
                code: warning_code(warning.kind).into(),
                message: warning.message.clone(),
                sentence_index: Some(position),
            }
        })
        .collect()
}

pub fn document_warning(code: v1::WarningCode, message: String) -> v1::Warning {
    v1::Warning {
        code: code.into(),
        message,
        sentence_index: None,
    }
}

fn warning_code(kind: WarningKind) -> v1::WarningCode {
    use v1::WarningCode as Code;
    match kind {
        WarningKind::Repetition => Code::Repetition,
        WarningKind::Length => Code::Length,
        WarningKind::Unknown => Code::UnknownText,
        WarningKind::Number => Code::Number,
        WarningKind::Name => Code::Name,
        WarningKind::Protected => Code::Protected,
        WarningKind::InvisibleRemoved => Code::InvisibleRemoved,
    }
}

/// The installed models and, if `available`, the rest of the catalogue, sorted by id.
pub fn models(domain: &Domain, available: bool) -> Vec<v1::Model> {
    let mut models: Vec<_> = domain
        .pool
        .list()
        .into_iter()
        .map(|(installed, loaded)| {
            let entry = domain.known().get(&installed.id);
            installed_model(installed, loaded.as_ref(), entry)
        })
        .collect();
    if available {
        let installed: Vec<&str> = domain.pool.ids().collect();
        let others = domain.known().iter();
        let others = others.filter(|entry| !installed.contains(&&*entry.id));
        models.extend(others.map(available_model));
        models.sort_by(|a, b| a.id.cmp(&b.id));
    }
    models
}

fn installed_model(model: &Installed, loaded: Option<&Model>, entry: Option<&Entry>) -> v1::Model {
    let state = match loaded {
        Some(_) => v1::ModelState::Loaded,
        None => v1::ModelState::Installed,
    };
    v1::Model {
        id: model.id.clone(),
        task: model.task.name().to_owned(),
        source_languages: model.source_languages.clone(),
        target_languages: model.target_languages.clone(),
        engine: model.engine.name().to_owned(),
        licence: model.licence.clone(),
        parameters: loaded.map_or(0, |model| model.parameters() as u64),
        resident_bytes: loaded.map_or(0, |model| model.resident_bytes() as u64),
        state: state.into(),
        file_bytes: entry.map_or(0, file_bytes),
    }
}

fn available_model(entry: &Entry) -> v1::Model {
    v1::Model {
        id: entry.id.clone(),
        task: entry.task.name().to_owned(),
        source_languages: entry.source_languages.clone(),
        target_languages: entry.target_languages.clone(),
        engine: entry.engine.name().to_owned(),
        licence: entry.licence.clone(),
        parameters: 0,
        resident_bytes: 0,
        state: v1::ModelState::Available.into(),
        file_bytes: file_bytes(entry),
    }
}

/// Of all files, or 0 where the size of one is not published.
fn file_bytes(entry: &Entry) -> u64 {
    let sizes = entry.files.iter().map(|file| file.bytes);
    sizes.sum::<Option<u64>>().unwrap_or(0)
}

pub fn duration(duration: Duration) -> prost_types::Duration {
    // A duration above 2^63 seconds is not one that a server can have measured.
    prost_types::Duration::try_from(duration).unwrap_or_default()
}

/// What a call has cost so far, over all its sentences and languages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    source_tokens: usize,
    target_tokens: usize,
    longest_wait: Duration,
    compute_time: Duration,
}

impl Spent {
    pub fn add(&mut self, sentence: &SentenceUsage) {
        self.source_tokens += sentence.source_tokens;
        self.target_tokens += sentence.target_tokens;
        self.longest_wait = self.longest_wait.max(sentence.queue_time);
        self.compute_time += sentence.compute_time;
    }

    pub fn merge(mut self, other: Spent) -> Spent {
        self.source_tokens += other.source_tokens;
        self.target_tokens += other.target_tokens;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.compute_time += other.compute_time;
        self
    }

    pub fn usage(&self, of: &Prepared) -> v1::Usage {
        v1::Usage {
            characters: of.characters as u64,
            sentences: of.sentences as u64,
            source_tokens: self.source_tokens as u64,
            target_tokens: self.target_tokens as u64,
            queue_time: Some(duration(self.longest_wait)),
            compute_time: Some(duration(self.compute_time)),
        }
    }
}
