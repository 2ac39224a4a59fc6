//! The one place where errors become gRPC statuses with `google.rpc` details.

use std::{collections::HashMap, time::Duration};

use prost::Message;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    inference::InferenceError,
    rpc::{proto::v1::DocumentError, request::Violation},
    summarize::SummarizeError,
    translate::TranslateError,
};

/// `google.rpc.ErrorInfo.domain` of every error.
pub const ERROR_DOMAIN: &str = "depeche";

/// What a user does about a pair or a language that no model serves.
const HOW_TO_INSTALL: &str = "put a model folder for it below the server's models folder \
    (setting `models`) and restart the server";

/// When to come back while models load.
const RETRY_WHILE_LOADING: Duration = Duration::from_secs(1);

/// Everything that a request can end with other than its answer.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    #[error("{}", join(.0))]
    Invalid(Vec<Violation>),
    #[error("{}; to install one, {HOW_TO_INSTALL}", join(.0))]
    NoRoute(Vec<TranslateError>),
    #[error(transparent)]
    Translate(#[from] TranslateError),
    #[error(transparent)]
    Summarize(#[from] SummarizeError),
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
            RpcError::Translate(TranslateError::Inference(InferenceError::Overloaded {
                retry_after,
                ..
            })) => Some(*retry_after),
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
            RpcError::NoRoute(errors) => not_installed(errors),
            RpcError::Translate(error @ TranslateError::NotInstalled { .. }) => {
                not_installed(vec![error])
            }
            RpcError::Summarize(SummarizeError::NotInstalled {
                language,
                installed,
            }) => precondition([(
                language.to_string(),
                format!("installed: {installed}; {HOW_TO_INSTALL}"),
            )]),
            RpcError::Translate(TranslateError::Inference(error))
            | RpcError::Summarize(SummarizeError::Inference(error)) => inference(error),
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

fn not_installed(errors: Vec<TranslateError>) -> Mapped {
    precondition(errors.into_iter().map(|error| {
        let subject = match &error {
            TranslateError::NotInstalled {
                source_language,
                target_language,
                ..
            } => {
                format!("{source_language}-{target_language}")
            }
            TranslateError::Inference(_) => String::new(),
        };
        (subject, format!("{error}; {HOW_TO_INSTALL}"))
    }))
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

fn join<T: ToString>(parts: &[T]) -> String {
    parts
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
