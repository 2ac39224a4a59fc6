//! The one place where errors become gRPC statuses with `google.rpc` details.

use std::{collections::HashMap, time::Duration};

use prost::Message;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    article::Language,
    catalog::PoolError,
    inference::InferenceError,
    rpc::{domain::MissingRoute, proto::v1::DocumentError, request::Violation},
};

/// `google.rpc.ErrorInfo.domain` of every error.
pub const ERROR_DOMAIN: &str = "depeche";

/// When to come back where other requests' models take all memory.
const RETRY_WHILE_BUSY: Duration = Duration::from_secs(5);

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
    #[error(transparent)]
    Models(#[from] PoolError),
    #[error(transparent)]
    Inference(#[from] InferenceError),
    #[error("the models are still loading: try again")]
    Loading,
    #[error("the request's deadline passed before the answer was ready")]
    Deadline,
    #[error("the models gave {given} of {expected} sentences: nothing of it is passed on as whole")]
    Incomplete { given: usize, expected: usize },
    #[error("a part of the server failed: {0}")]
    Failed(String),
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

impl RpcError {
    /// How long to wait before trying again, for an error of overload.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            RpcError::Inference(InferenceError::Overloaded { retry_after, .. }) => {
                Some(*retry_after)
            }
            RpcError::Models(PoolError::Busy { .. }) => Some(RETRY_WHILE_BUSY),
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
    RpcError::Failed("a bug; the server's log says where".to_owned()).into()
}

impl From<RpcError> for Status {
    fn from(error: RpcError) -> Self {
        let message = error.to_string();
        let (code, reason, mut details) = match error {
            RpcError::Invalid(violations) => (Code::InvalidArgument, "INVALID_REQUEST", {
                let mut details = ErrorDetails::new();
                for violation in violations {
                    details.add_bad_request_violation(violation.field, violation.remedy);
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
            RpcError::Models(error) => models(error),
            RpcError::Inference(error) => inference(error),
            RpcError::Loading => (
                Code::Unavailable,
                "LOADING",
                ErrorDetails::with_retry_info(Some(RETRY_WHILE_LOADING)),
            ),
            RpcError::Deadline => (Code::DeadlineExceeded, "DEADLINE", ErrorDetails::new()),
            RpcError::Incomplete { .. } => (Code::Internal, "INCOMPLETE", ErrorDetails::new()),
            RpcError::Failed(_) => (Code::Internal, "FAILED", ErrorDetails::new()),
        };
        details.set_error_info(reason, ERROR_DOMAIN, HashMap::new());
        if code == Code::Internal {
            tracing::error!(reason, "{message}");
        }
        Status::with_error_details(code, message, details)
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
        PoolError::Unknown(_) | PoolError::Model(_) | PoolError::Panicked(_) => {
            (Code::Internal, "MODEL_FAILED", ErrorDetails::new())
        }
    }
}

/// Each pair is what is missing and what to do.
fn precondition(missing: impl IntoIterator<Item = (String, String)>) -> Mapped {
    let mut details = ErrorDetails::new();
    for (subject, remedy) in missing {
        details.add_precondition_failure_violation("MODEL_INSTALLED", subject, remedy);
    }
    (Code::FailedPrecondition, "NOT_INSTALLED", details)
}

fn inference(error: InferenceError) -> Mapped {
    match error {
        InferenceError::Overloaded { retry_after, .. } => (
            Code::ResourceExhausted,
            "OVERLOADED",
            ErrorDetails::with_retry_info(Some(retry_after)),
        ),
        InferenceError::Stopped => (Code::Unavailable, "DRAINING", ErrorDetails::new()),
        InferenceError::Model(_) => (Code::Internal, "MODEL_FAILED", ErrorDetails::new()),
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
