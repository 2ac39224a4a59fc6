//! Requests parsed into domain types. A request with several mistakes is told all of them at once.
//!
//! - `sampling`: how the words of a written summary are chosen

mod sampling;

use std::{fmt, num::NonZeroUsize, time::Duration};

use crate::{
    article::{self, Language},
    inference::{
        DecodeOptions,
        decode::{Beam, LengthBounds, Search},
    },
    rpc::{
        proto::v1::{
            DetectLanguageRequest, DigestRequest, ListLanguagePairsRequest, SummarizeRequest,
            SummaryStyle, TranslateRequest,
        },
        status::{RpcError, room},
    },
    summarize::Length,
};

/// Each language is a whole translation: more than this is a batch job, not a request.
pub const MAX_TARGET_LANGUAGES: usize = 16;
/// The MIME types that texts may have.
pub const CONTENT_TYPES: [&str; 1] = ["text/plain"];
/// MIME types of the contract that this version does not read yet.
const LATER_CONTENT_TYPES: [&str; 2] = ["text/html", "text/markdown"];
const MAX_SENTENCES: u32 = 100;
const MAX_WORDS: u32 = 100_000;
const DEFAULT_SENTENCES: u32 = 3;
/// A beam of 4 to 6 is the field's custom; far wider ones translate worse (Koehn and Knowles 2017).
const MAX_BEAM_SIZE: u32 = 16;
const MAX_LENGTH_PENALTY: f32 = 4.0;
const MAX_OUTPUT_TOKENS: u32 = 4096;

/// One thing that is wrong with a request, as in `google.rpc.BadRequest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path from the request message, for example `target_languages[1]`.
    pub field: String,
    /// What is wrong and what to do.
    pub remedy: String,
}

impl Violation {
    pub fn new(field: String, remedy: String) -> Self {
        Violation { field, remedy }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.remedy),
            field => write!(f, "{field}: {}", self.remedy),
        }
    }
}

/// What a server allows in a request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest text, in bytes of UTF-8.
    pub max_text_bytes: usize,
    /// How long a request may take where its client does not say less; no limit without.
    pub max_duration: Option<Duration>,
}

/// A text that was checked, and the language that its sender says it is in.
#[derive(Clone, Debug)]
pub struct Source {
    pub text: String,
    pub language: Option<Language>,
}

/// A request to translate.
#[derive(Clone, Debug)]
pub struct Translate {
    pub source: Source,
    pub targets: Vec<Language>,
    pub decoding: DecodeOptions,
}

/// A request to summarise; no targets means the text's own language.
#[derive(Debug)]
pub struct Summarize {
    pub source: Source,
    pub targets: Vec<Language>,
    pub length: Length,
    pub style: Style,
    /// How an abstractive summary is searched for.
    pub search: Search,
}

/// How a summary is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Extractive,
    Abstractive,
}

impl Limits {
    pub fn translate(&self, request: TranslateRequest) -> Result<Translate, RpcError> {
        let mut faults = Faults::default();
        let text = self.text(&mut faults, request.text);
        faults.content_type(&request.content_type);
        let language = faults.optional_language("source_language", &request.source_language);
        let targets = faults.targets(&request.target_languages);
        faults.at_least_one_target(&request.target_languages);
        let decoding = DecodeOptions {
            search: faults.search(request.beam_size, request.length_penalty),
            length: LengthBounds {
                max_tokens: request
                    .max_output_tokens
                    .map(|n| faults.within("max_output_tokens", n, MAX_OUTPUT_TOKENS)),
                ..LengthBounds::default()
            },
            ..DecodeOptions::default()
        };
        faults.or(Translate {
            source: Source { text, language },
            targets,
            decoding,
        })
    }

    pub fn summarize(&self, mut request: SummarizeRequest) -> Result<Summarize, RpcError> {
        let mut faults = Faults::default();
        let text = self.text(&mut faults, std::mem::take(&mut request.text));
        faults.content_type(&request.content_type);
        let language = faults.optional_language("source_language", &request.source_language);
        let targets = faults.targets(&request.target_languages);
        let length = faults.length(request.max_sentences, request.max_words);
        let style = faults.style(request.style);
        let search = faults.sampling(&request, style);
        faults.or(Summarize {
            source: Source { text, language },
            targets,
            length,
            style,
            search,
        })
    }

    /// A digest is a summary whose targets are translated, too; there must be one.
    pub fn digest(&self, request: DigestRequest) -> Result<Summarize, RpcError> {
        let mut faults = Faults::default();
        faults.at_least_one_target(&request.target_languages);
        if request.style() == SummaryStyle::Abstractive {
            faults.add(
                "style",
                "a digest quotes the document: ask Summarize for an abstractive summary",
            );
        }
        let summary = self.summarize(SummarizeRequest {
            text: request.text,
            content_type: request.content_type,
            source_language: request.source_language,
            target_languages: request.target_languages,
            max_sentences: request.max_sentences,
            max_words: request.max_words,
            style: request.style,
            ..SummarizeRequest::default()
        });
        match summary {
            Ok(summary) => faults.or(summary),
            Err(RpcError::Invalid(more)) => {
                faults.0.extend(more);
                Err(RpcError::Invalid(faults.0))
            }
            Err(error) => Err(error),
        }
    }

    pub fn detect(&self, request: DetectLanguageRequest) -> Result<String, RpcError> {
        let mut faults = Faults::default();
        let text = self.text(&mut faults, request.text);
        faults.or(text)
    }

    fn text(&self, faults: &mut Faults, text: String) -> String {
        if text.len() > self.max_text_bytes {
            faults.add(
                "text",
                format_args!(
                    "has {} bytes, more than the {} that this server takes: split it",
                    text.len(),
                    self.max_text_bytes,
                ),
            );
        } else if let Err(error) = article::check(&text) {
            faults.add("text", error);
        }
        text
    }
}

/// The languages that a list of pairs is narrowed to.
pub fn pair_filter(
    request: &ListLanguagePairsRequest,
) -> Result<(Option<Language>, Option<Language>), RpcError> {
    let mut faults = Faults::default();
    let source = faults.optional_language("source_language", &request.source_language);
    let target = faults.optional_language("target_language", &request.target_language);
    faults.or((source, target))
}

/// A field that holds a message must be there.
pub fn required<T>(field: &str, message: Option<T>) -> Result<T, RpcError> {
    message.ok_or_else(|| {
        RpcError::Invalid(vec![Violation::new(
            field.to_owned(),
            "is missing: set it".to_owned(),
        )])
    })
}

/// Mistakes inside the message that stands in a field, with the path from the outer message.
pub fn inside(field: &str, error: RpcError) -> RpcError {
    match error {
        RpcError::Invalid(violations) => RpcError::Invalid(
            violations
                .into_iter()
                .map(|violation| {
                    Violation::new(format!("{field}.{}", violation.field), violation.remedy)
                })
                .collect(),
        ),
        error => error,
    }
}

/// The mistakes found so far.
#[derive(Default)]
struct Faults(Vec<Violation>);

impl Faults {
    fn add(&mut self, field: impl Into<String>, remedy: impl fmt::Display) {
        self.0
            .push(Violation::new(field.into(), remedy.to_string()));
    }

    fn or<T>(self, value: T) -> Result<T, RpcError> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(RpcError::Invalid(self.0))
        }
    }

    fn language(&mut self, field: impl Into<String>, tag: &str) -> Option<Language> {
        tag.parse().map_err(|error| self.add(field, error)).ok()
    }

    fn optional_language(&mut self, field: &str, tag: &str) -> Option<Language> {
        if tag.is_empty() {
            return None;
        }
        // `und` says that the sender does not know: the same as saying nothing.
        self.language(field, tag)
            .filter(|language| !language.is_undetermined())
    }

    fn targets(&mut self, tags: &[String]) -> Vec<Language> {
        if tags.len() > MAX_TARGET_LANGUAGES {
            self.add(
                "target_languages",
                format_args!(
                    "has {} languages, more than {MAX_TARGET_LANGUAGES}: split the request",
                    tags.len(),
                ),
            );
            return Vec::new();
        }
        let mut targets = Vec::with_capacity(tags.len());
        for (position, tag) in tags.iter().enumerate() {
            let field = format!("target_languages[{position}]");
            match self.language(field.clone(), tag) {
                Some(language) if targets.contains(&language) => {
                    self.add(
                        field,
                        format_args!("{language} is there already: name each language once"),
                    );
                }
                Some(language) => targets.push(language),
                None => {}
            }
        }
        targets
    }

    fn at_least_one_target(&mut self, tags: &[String]) {
        if tags.is_empty() {
            self.add(
                "target_languages",
                format_args!(
                    "is empty: name 1 to {MAX_TARGET_LANGUAGES} languages, such as \"en\""
                ),
            );
        }
    }

    fn content_type(&mut self, value: &str) {
        // Parameters such as `; charset=utf-8` change nothing: protobuf strings are UTF-8.
        let essence = value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        if essence.is_empty() || CONTENT_TYPES.contains(&essence.as_str()) {
            return;
        }
        if LATER_CONTENT_TYPES.contains(&essence.as_str()) {
            self.add(
                "content_type",
                format_args!(
                    "{essence} is not supported by this version: send the text as text/plain"
                ),
            );
        } else {
            self.add(
                "content_type",
                format_args!(
                    "{:?} is not a type that can be read: send the text as text/plain",
                    room::echoed(value)
                ),
            );
        }
    }

    /// Without any wish, the default number of sentences; with words alone, as many as they allow.
    fn length(&mut self, sentences: Option<u32>, words: Option<u32>) -> Length {
        let sentences = sentences.or(words.is_none().then_some(DEFAULT_SENTENCES));
        Length {
            sentences: sentences.map_or(NonZeroUsize::MAX, |n| {
                self.within("max_sentences", n, MAX_SENTENCES)
            }),
            words: words.map_or(NonZeroUsize::MAX, |n| {
                self.within("max_words", n, MAX_WORDS)
            }),
        }
    }

    /// Without a beam the best token at every step.
    fn search(&mut self, beam: Option<u32>, penalty: Option<f32>) -> Search {
        let penalty = penalty.unwrap_or(1.0);
        if !(0.0..=MAX_LENGTH_PENALTY).contains(&penalty) {
            self.add(
                "length_penalty",
                format_args!(
                    "{penalty} is not from 0 to {MAX_LENGTH_PENALTY}: choose a number that is"
                ),
            );
        }
        match beam.map(|n| self.within("beam_size", n, MAX_BEAM_SIZE)) {
            None | Some(NonZeroUsize::MIN) => Search::Greedy,
            Some(size) => Search::Beam(Beam {
                length_penalty: penalty,
                ..Beam::of(size)
            }),
        }
    }

    /// The value, or one with the violation noted.
    fn within(&mut self, field: &str, value: u32, most: u32) -> NonZeroUsize {
        if !(1..=most).contains(&value) {
            self.add(
                field,
                format_args!("{value} is not from 1 to {most}: choose a number that is"),
            );
        }
        NonZeroUsize::new(value as usize).unwrap_or(NonZeroUsize::MIN)
    }

    fn style(&mut self, style: i32) -> Style {
        match SummaryStyle::try_from(style) {
            Ok(SummaryStyle::Abstractive) => Style::Abstractive,
            Ok(SummaryStyle::Extractive | SummaryStyle::Unspecified) => Style::Extractive,
            Err(_) => {
                self.add(
                    "style",
                    format_args!(
                        "{style} is not a style of this version: use SUMMARY_STYLE_EXTRACTIVE"
                    ),
                );
                Style::Extractive
            }
        }
    }
}
