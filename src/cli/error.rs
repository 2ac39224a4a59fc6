//! How a command fails: the line on standard error and the exit code.

use std::process::ExitCode;

use clap::error::ErrorKind;
use tonic::{Code, Status};

use crate::{config::ConfigError, server::ServerError};

#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The user's to mend: exit code 2.
    #[error("{0}")]
    Input(String),
    /// Anything else: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// The reader of standard output has seen enough, as `head` does. Not a failure.
    #[error("standard output is closed")]
    ClosedOutput,
}

impl CliError {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            CliError::Input(_) => ExitCode::from(2),
            CliError::Failed(_) => ExitCode::from(1),
            CliError::ClosedOutput => ExitCode::SUCCESS,
        }
    }

    /// What clap says, without the usage that follows it.
    pub fn usage(error: &clap::Error) -> Self {
        if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            return CliError::Input("name a command (--help lists them)".to_owned());
        }
        let said = error.render().to_string();
        let first = said.split("\n\n").next().unwrap_or_default();
        let first = first.strip_prefix("error: ").unwrap_or(first);
        CliError::Input(format!("{} (--help tells more)", first.trim()))
    }
}

impl From<Status> for CliError {
    fn from(status: Status) -> Self {
        let message = match status.message() {
            "" => format!("the server answered {:?}", status.code()),
            message => message.to_owned(),
        };
        match status.code() {
            Code::InvalidArgument | Code::FailedPrecondition => CliError::Input(message),
            _ => CliError::Failed(message),
        }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        CliError::Input(error.to_string())
    }
}

impl From<ServerError> for CliError {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Config(error @ ConfigError::NoModels { .. }) => {
                CliError::Failed(error.to_string())
            }
            ServerError::Config(error) => error.into(),
            error => CliError::Failed(error.to_string()),
        }
    }
}
