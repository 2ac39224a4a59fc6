//! `depeche token`: secrets for clients.

use serde::Serialize;

use crate::{
    cli::{error::CliError, output},
    server::auth::{Permission, Token, hash},
};

/// Bytes of chance in a token.
const SECRET_BYTES: usize = 32;
/// Tells people and scanners for lost secrets what it is.
const PREFIX: &str = "depeche_";

/// Make tokens for the clients of a server
#[derive(Debug, clap::Args)]
pub struct TokenCommand {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    New(New),
}

/// Print a new token, and its entry for the server's tokens_file
///
/// The first line is the token, for the client. What follows is the entry, which has its hash only: append
/// it to the file. The token is kept nowhere and cannot be had again.
#[derive(Debug, clap::Args)]
struct New {
    /// Whose it is
    name: String,
    /// What it is for
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "translate,summarize"
    )]
    allow: Vec<Permission>,
}

#[derive(Serialize)]
struct File {
    tokens: [Token; 1],
}

impl TokenCommand {
    pub fn run(self) -> Result<(), CliError> {
        let Command::New(New { name, allow }) = self.command;
        if name.trim().is_empty() {
            return Err(CliError::Input("the token needs a name".to_owned()));
        }
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)
            .map_err(|error| CliError::Failed(format!("no random numbers: {error}")))?;
        let digits: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let token = format!("{PREFIX}{digits}");
        let file = File {
            tokens: [Token {
                name,
                sha256: hash(&token),
                allow,
                tokens_in_flight: None,
                tokens_per_second: None,
            }],
        };
        let entry = toml::to_string(&file)
            .map_err(|error| CliError::Failed(format!("the entry: {error}")))?;
        output::write(&format!("{token}\n\n{entry}"))
    }
}
