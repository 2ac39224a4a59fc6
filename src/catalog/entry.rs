//! What the catalogue says of a model: an entry of `models/catalog.toml`, and the `model.toml` that
//! the store keeps beside an installed model's files.

use serde::{Deserialize, Serialize};

/// A model: what it is for, what runs it, where its files live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Name of its folder in the store: small letters, digits, `.`, `_` and `-`.
    pub id: String,
    pub task: Task,
    pub engine: Engine,
    /// Variant of the network, for people: "tiny", "base-memory", "base", "big" …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// BCP-47 tags.
    pub source_languages: Vec<String>,
    pub target_languages: Vec<String>,
    /// SPDX identifier or expression; `LicenseRef-…` for one that SPDX does not list.
    pub licence: String,
    /// Where the licence's text or the model's card can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence_url: Option<String>,
    pub checked: Checked,
    /// What a model for summaries was trained to read before a text, its space included, where its own
    /// configuration does not say or is wrong: "summarize: ".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    pub source: Source,
    /// Public figures of its quality.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<Quality>,
    pub files: Vec<FileEntry>,
}

impl Entry {
    /// Whether this version can translate with it.
    pub fn translates_here(&self) -> bool {
        let has_weights = match self.engine {
            Engine::Student | Engine::Marian => true,
            Engine::T5 => self.has_weights(),
            Engine::Causal => false,
        };
        has_weights && self.task == Task::Translation
    }

    /// Whether this version can write summaries with it, and with nothing to ask it for them.
    pub fn summarizes_here(&self) -> bool {
        self.task == Task::Summarization && self.engine == Engine::T5 && self.has_weights()
    }

    /// Whether this version has a use for it.
    pub fn runs_here(&self) -> bool {
        self.translates_here() || self.summarizes_here() || self.engine == Engine::Causal
    }

    fn has_weights(&self) -> bool {
        let ends = [".safetensors", ".gguf"];
        let holds = |file: &FileEntry| ends.iter().any(|end| file.path.ends_with(end));
        self.files.iter().any(holds)
    }

    /// Whether it is from Mozilla's live index.
    pub fn is_live(&self) -> bool {
        matches!(self.source, Source::MozillaLive { .. })
    }

    /// What there is to fetch in all, packed as it is at the source, where all of it is published.
    pub fn download_bytes(&self) -> Option<u64> {
        let file = |file: &FileEntry| match file.download.as_slice() {
            [] => file.bytes,
            parts => parts.iter().map(|part| part.bytes).sum(),
        };
        self.files.iter().map(file).sum()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    Translation,
    Summarization,
    /// An instruction model, which is asked for either in words.
    Instruction,
}

impl Task {
    /// As the catalogue and the contract write it.
    pub fn name(self) -> &'static str {
        match self {
            Task::Translation => "translation",
            Task::Summarization => "summarization",
            Task::Instruction => "instruction",
        }
    }
}

/// The family of networks that runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    Student,
    Marian,
    T5,
    Causal,
}

impl Engine {
    /// As the catalogue and the contract write it.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Student => "student",
            Engine::Marian => "marian",
            Engine::T5 => "t5",
            Engine::Causal => "causal",
        }
    }
}

/// How far an entry has been tried by this project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checked {
    /// Fetched from its source, verified, loaded and run.
    Run,
    /// Fetched from its source and verified; no engine here runs it yet.
    Fetched,
    /// Its facts are as published; only the form of the entry is tested.
    Form,
}

/// Where a model's files come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// A folder on this machine; a relative one is looked for beside the embedded models.
    Folder { path: String },
    /// A repository of a Hugging Face hub at a pinned revision (a commit; a branch where only the
    /// form of the entry is checked).
    Hub {
        repository: String,
        revision: String,
    },
    /// Mozilla's frozen archive, a Git LFS repository, at a pinned revision.
    MozillaArchive {
        repository: String,
        revision: String,
    },
    /// Mozilla's live index; `base_url` is what the index gave.
    MozillaLive { base_url: String },
    /// Python packages that carry weights, each `NAME==VERSION`.
    Python { packages: Vec<String> },
}

/// A published figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// "bleu", "chrf", "comet", "rouge-l" …
    pub metric: String,
    pub value: f64,
    /// For example "flores-devtest".
    pub set: String,
    /// Who published it, and where.
    pub reference: String,
}

/// A file of a model's folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its name in the folder; no folders below it.
    pub path: String,
    /// Size and SHA-256 (64 small hexadecimal digits) as it lies in the folder, where published.
    /// A hash that is not published is pinned on the first fetch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What to fetch for it, one after the other joined together. Default: `path` at the source, as
    /// it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub download: Vec<Download>,
}

/// A file at the source. One that ends in `.gz` is unpacked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Download {
    /// Path at the source: in the repository, in the archive, below `base_url`, or in the wheel.
    pub path: String,
    /// Of the file at the source, packed as it is there, where published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}
