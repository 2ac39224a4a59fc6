//! The commands, one file each.
//!
//! `translate`, `summarize` and `digest` build the request message of the contract and ask a
//! service: a running server's, or the same service objects inside this process. `load` asks a
//! running server over and over, `bench` the engine alone; `models` keeps the store. Standard output
//! carries the result and nothing else.

mod ask;
mod bench;
mod digest;
mod error;
mod health;
mod input;
mod json;
mod load;
mod models;
mod output;
mod remote;
mod serve;
mod summarize;
mod token;
mod translate;
mod transport;

use std::{io::Write, process::ExitCode};

use clap::{Parser, Subcommand, error::ErrorKind};

use error::CliError;

/// Translates French articles and summarises them, over gRPC or right here.
///
/// Exit codes: 0, 2 for bad usage or input, 1 for any other failure.
#[derive(Debug, Parser)]
#[command(name = "depeche", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Serve>),
    Health(health::Health),
    Translate(translate::Translate),
    Summarize(summarize::Summarize),
    Digest(digest::Digest),
    Bench(bench::Bench),
    Models(models::Models),
    Load(Box<load::Load>),
    Token(token::TokenCommand),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) | Err(CliError::ClosedOutput) => ExitCode::SUCCESS,
        Err(error) => {
            // One line, whatever the message was made of.
            let line = error
                .to_string()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            let shown: String = line.chars().map(visible).collect();
            // Where nobody listens, the exit code tells.
            let _ = writeln!(std::io::stderr(), "depeche: {shown}");
            error.exit_code()
        }
    }
}

/// A control character, which a terminal would obey, as one that it shows.
fn visible(c: char) -> char {
    if c.is_control() {
        char::REPLACEMENT_CHARACTER
    } else {
        c
    }
}

fn run() -> Result<(), CliError> {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(told) if is_answer(told.kind()) => return output::write(&told.render().to_string()),
        Err(wrong) => return Err(CliError::usage(&wrong)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::Failed(format!("the async runtime: {error}")))?;
    let result = runtime.block_on(async {
        match command {
            Command::Serve(command) => command.run().await,
            Command::Health(command) => command.run().await,
            Command::Translate(command) => command.run().await,
            Command::Summarize(command) => command.run().await,
            Command::Digest(command) => command.run().await,
            Command::Bench(command) => command.run().await,
            Command::Models(command) => tokio::task::block_in_place(|| command.run()),
            Command::Token(command) => command.run(),
            Command::Load(command) => command.run().await,
        }
    });
    // What is still under way, for example after a second signal, is not waited for.
    runtime.shutdown_background();
    result
}

/// `--help` and `--version` are answers, not mistakes.
fn is_answer(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
}
