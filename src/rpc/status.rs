//! The one place where errors become gRPC statuses with `google.rpc` details.

pub mod room;

use std::{collections::HashMap, time::Duration};

use prost::Message;
use tonic::{
    Code, Status,
    metadata::{AsciiMetadataValue, MetadataMap},
};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    article::Language,
    catalog::PoolError,
    inference::InferenceError,
    model::causal::PromptError,
    rpc::{domain::MissingRoute, proto::v1::DocumentError, request::Violation},
    summarize::abstractive::WriteError,
};

/// `google.rpc.ErrorInfo.domain` of every error.
pub const ERROR_DOMAIN: &str = "depeche";

/// Trailing metadata of a refusal.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// When to come back where other requests' models take all memory.
const RETRY_WHILE_BUSY: Duration = Duration::from_secs(5);

/// When to come back where others' requests are arriving.
const RETRY_WHILE_CROWDED: Duration = Duration::from_secs(1);

/// When to come back while models load.
const RETRY_WHILE_LOADING: Duration = Duration::from_secs(1);

/// Everything that a request can end with other than its answer.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    #[error("{}", join(.0))]
    Invalid(Vec<Violation>),
    #[error("{}", .0.iter().map(|missing| format!("{missing}; {}", how_to_install(&missing.pull))).collect::<Vec<_>>().join("; "))]
    NoRoute(Vec<MissingRoute>),
    #[error("no installed model reads {language}; {}", how_to_install(.pull.as_slice()))]
    NoReader {
        language: Language,
        /// A model of the catalogue that does.
        pull: Option<String>,
    },
    #[error("no installed model writes summaries of texts in {language}; {}", how_to_install(.pull.as_slice()))]
    NoWriter {
        language: Language,
        /// One of the catalogue.
        pull: Option<String>,
    },
    #[error(transparent)]
    Models(#[from] PoolError),
    #[error(transparent)]
    Inference(#[from] InferenceError),
    #[error("the models are still loading: try again")]
    Loading,
    #[error("{0}")]
    Unauthenticated(&'static str),
    #[error("the token {token} is not for this: it lacks the permission {lacking}")]
    Forbidden { token: String, lacking: String },
    #[error("the request did not arrive within {} s: send it faster, or split it", .0.as_secs())]
    SlowSender(Duration),
    #[error("too many requests are arriving at once: try again")]
    Crowded,
    #[error("the answer was not read for {} s: what was left of it is dropped", .0.as_secs())]
    SlowReader(Duration),
    #[error(
        "the server is ending: send the documents that have no answer on a new stream, which another one takes"
    )]
    Draining,
    #[error("the request's deadline passed before the answer was ready")]
    Deadline,
    #[error("the models gave {given} of {expected} sentences: nothing of it is passed on as whole")]
    Incomplete { given: usize, expected: usize },
    /// An instruction model that has nothing to say, as of a text of a few words.
    #[error("{0}")]
    NothingWritten(String),
    #[error("a part of the server failed: {0}")]
    Failed(String),
    /// What a panic says may quote a text: it stays in the log, as far as that may have it.
    #[error("a part of the server failed: a bug; the server's log says where")]
    Panicked,
}

/// Made by the middleware of the message that it could not read.
pub fn unreadable_message(why: &str) -> Status {
    let violation = Violation::new(
        String::new(),
        format!(
            "the request cannot be read ({why}): strings must be UTF-8 and fields as in the contract"
        ),
    );
    RpcError::Invalid(vec![violation]).into()
}

impl From<WriteError> for RpcError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Inference(error) => RpcError::Inference(error),
            WriteError::Prompt(PromptError::TooLong { .. }) => {
                let remedy = format!("{error}, or ask for an extractive summary");
                RpcError::Invalid(vec![Violation::new("text".to_owned(), remedy)])
            }
            WriteError::Nothing => RpcError::NothingWritten(error.to_string()),
            WriteError::Prompt(_) => RpcError::Failed(error.to_string()),
        }
    }
}

impl RpcError {
    /// How long to wait before trying again, for an error of overload.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            RpcError::Inference(
                InferenceError::Overloaded { retry_after, .. }
                | InferenceError::TooLate { retry_after, .. }
                | InferenceError::Quota { retry_after, .. },
            ) => Some(*retry_after),
            RpcError::Models(PoolError::Busy { .. }) => Some(RETRY_WHILE_BUSY),
            RpcError::Crowded => Some(RETRY_WHILE_CROWDED),
            _ => None,
        }
    }
}

/// Made by the middleware of a message above the size limit.
pub fn oversized_message(why: &str) -> Status {
    let violation = Violation::new(
        "text".to_owned(),
        format!("the request is too large ({why}): split the document"),
    );
    RpcError::Invalid(vec![violation]).into()
}

/// Made by the middleware of a panic. The message stays in the log: it is of no use to a client.
pub fn panicked() -> Status {
    RpcError::Panicked.into()
}

impl From<tokio::task::JoinError> for RpcError {
    fn from(_: tokio::task::JoinError) -> Self {
        RpcError::Panicked
    }
}

impl From<RpcError> for Status {
    fn from(error: RpcError) -> Self {
        let message = room::message(&error.to_string());
        let pushback = Pushback::of(&error);
        let (code, reason, mut details) = match error {
            RpcError::Invalid(violations) => (Code::InvalidArgument, "INVALID_REQUEST", {
                let mut details = ErrorDetails::new();
                let violations = violations.into_iter();
                let violations = violations.map(|violation| (violation.field, violation.remedy));
                for (field, remedy) in room::violations(violations.collect()) {
                    details.add_bad_request_violation(field, remedy);
                }
                details
            }),
            RpcError::NoRoute(missing) => precondition(missing.into_iter().map(|missing| {
                let pair = format!("{}-{}", missing.source_language, missing.target_language);
                (
                    pair,
                    format!("{missing}; {}", how_to_install(&missing.pull)),
                )
            })),
            RpcError::NoReader { language, pull } => {
                precondition([(language.to_string(), how_to_install(pull.as_slice()))])
            }
            RpcError::NoWriter { pull, .. } => {
                precondition([("summary".to_owned(), how_to_install(pull.as_slice()))])
            }
            RpcError::NothingWritten(_) => (
                Code::FailedPrecondition,
                "NOTHING_WRITTEN",
                ErrorDetails::new(),
            ),
            RpcError::Models(error) => models(error),
            RpcError::Inference(error) => inference(error),
            RpcError::Loading => (
                Code::Unavailable,
                "LOADING",
                ErrorDetails::with_retry_info(Some(RETRY_WHILE_LOADING)),
            ),
            RpcError::Unauthenticated(_) => (Code::Unauthenticated, "TOKEN", ErrorDetails::new()),
            RpcError::Forbidden { .. } => {
                (Code::PermissionDenied, "PERMISSION", ErrorDetails::new())
            }
            RpcError::SlowSender(_) => (Code::DeadlineExceeded, "SLOW_SENDER", ErrorDetails::new()),
            RpcError::Crowded => (
                Code::ResourceExhausted,
                "OVERLOADED",
                ErrorDetails::with_retry_info(Some(RETRY_WHILE_CROWDED)),
            ),
            RpcError::SlowReader(_) => (Code::DeadlineExceeded, "SLOW_READER", ErrorDetails::new()),
            RpcError::Draining => (Code::Unavailable, "DRAINING", ErrorDetails::new()),
            RpcError::Deadline => (Code::DeadlineExceeded, "DEADLINE", ErrorDetails::new()),
            RpcError::Incomplete { .. } => (Code::Internal, "INCOMPLETE", ErrorDetails::new()),
            RpcError::Failed(_) | RpcError::Panicked => {
                (Code::Internal, "FAILED", ErrorDetails::new())
            }
        };
        details.set_error_info(reason, ERROR_DOMAIN, HashMap::new());
        if code == Code::Internal {
            tracing::error!(reason, "{message}");
        }
        let mut metadata = MetadataMap::new();
        if let Some(pushback) = pushback {
            metadata.insert(PUSHBACK, pushback.into());
        }
        Status::with_error_details_and_metadata(code, message, details, metadata)
    }
}

/// What a client that retries by itself is told in `grpc-retry-pushback-ms`, as gRPC's retry design (A6)
/// has it: when to, or, by a negative number, not to.
struct Pushback(Option<Duration>);

impl Pushback {
    fn of(error: &RpcError) -> Option<Self> {
        match error {
            RpcError::Inference(InferenceError::Hopeless { .. }) => Some(Pushback(None)),
            error => error.retry_after().map(|after| Pushback(Some(after))),
        }
    }
}

impl From<Pushback> for AsciiMetadataValue {
    fn from(Pushback(wait): Pushback) -> Self {
        match wait {
            // The design knows 32 bits.
            Some(wait) => AsciiMetadataValue::from(wait.as_millis().min(i32::MAX as u128) as i32),
            None => AsciiMetadataValue::from(-1),
        }
    }
}

type Mapped = (Code, &'static str, ErrorDetails);

/// What an operator does about a pair or a language that no model serves.
fn how_to_install(pull: &[String]) -> String {
    if pull.is_empty() {
        "the catalogue has none either: put a model folder for it below the server's models folder \
         (setting `models`) and restart the server"
            .to_owned()
    } else {
        format!(
            "where the server runs, `depeche models pull {}` and a restart install it",
            pull.join(" ")
        )
    }
}

fn models(error: PoolError) -> Mapped {
    match error {
        PoolError::Busy { .. } => (
            Code::ResourceExhausted,
            "MEMORY_BUDGET",
            ErrorDetails::with_retry_info(Some(RETRY_WHILE_BUSY)),
        ),
        PoolError::TooLarge { .. } => (
            Code::FailedPrecondition,
            "MEMORY_BUDGET",
            ErrorDetails::new(),
        ),
        PoolError::Unknown(_) | PoolError::Model(_) | PoolError::Panicked => {
            (Code::Internal, "MODEL_FAILED", ErrorDetails::new())
        }
    }
}

/// Each pair is what is missing and what to do.
fn precondition(missing: impl IntoIterator<Item = (String, String)>) -> Mapped {
    let mut details = ErrorDetails::new();
    for (subject, remedy) in room::violations(missing.into_iter().collect()) {
        details.add_precondition_failure_violation("MODEL_INSTALLED", subject, remedy);
    }
    (Code::FailedPrecondition, "NOT_INSTALLED", details)
}

fn inference(error: InferenceError) -> Mapped {
    let exhausted = |reason, retry_after: Option<Duration>| {
        let details = match retry_after {
            Some(_) => ErrorDetails::with_retry_info(retry_after),
            None => ErrorDetails::new(),
        };
        (Code::ResourceExhausted, reason, details)
    };
    match error {
        InferenceError::Overloaded { retry_after, .. } => {
            exhausted("OVERLOADED", Some(retry_after))
        }
        InferenceError::TooLate { retry_after, .. } => {
            exhausted("DEADLINE_TOO_SOON", Some(retry_after))
        }
        InferenceError::Hopeless { .. } => exhausted("DEADLINE_TOO_SOON", None),
        InferenceError::Quota { retry_after, .. } => exhausted("QUOTA", Some(retry_after)),
        InferenceError::Stopped => (Code::Unavailable, "DRAINING", ErrorDetails::new()),
        InferenceError::TextTooLarge { .. } => (
            Code::FailedPrecondition,
            "MEMORY_BUDGET",
            ErrorDetails::new(),
        ),
        InferenceError::Model(_) | InferenceError::Panicked => {
            (Code::Internal, "MODEL_FAILED", ErrorDetails::new())
        }
    }
}

/// The status as a field of a message, for a stream that goes on after a document's error.
pub fn document_error(status: &Status) -> DocumentError {
    // A status that this layer made carries an encoded google.rpc.Status; any other one only its
    // code and message.
    let details = tonic_types::pb::Status::decode(status.details())
        .map(|status| status.details)
        .unwrap_or_default();
    DocumentError {
        code: status.code() as i32,
        message: status.message().to_owned(),
        details,
    }
}

/// The code's name in the gRPC specification.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

fn join<T: ToString>(parts: &[T]) -> String {
    parts
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
