//! Standard output for the result, standard error for progress.

use std::io::{self, ErrorKind, IsTerminal, Write};

use crate::{cli::error::CliError, rpc::proto::v1::Warning};

/// Writes the text, ended by a line break. A closed standard output is not an error worth a line.
pub fn write(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| {
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        out.flush()
    });
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => CliError::ClosedOutput,
        _ => CliError::Failed(format!("standard output: {error}")),
    })
}

/// A line on standard error for each thing that the text may not have kept.
pub fn warn<'a>(warnings: impl Iterator<Item = &'a Warning>) {
    for warning in warnings {
        let place = warning
            .sentence_index
            .map(|index| format!("sentence {}: ", index + 1));
        // A standard error that is closed has nobody to tell.
        let _ = writeln!(
            io::stderr(),
            "depeche: warning: {}{}",
            place.unwrap_or_default(),
            warning.message
        );
    }
}

/// A line that says what is going on, gone when dropped; only a person at a terminal sees it.
pub struct Progress(());

impl Progress {
    pub fn show(what: &str) -> Option<Self> {
        let mut terminal = io::stderr();
        if !terminal.is_terminal() {
            return None;
        }
        // A terminal that cannot be written to has nobody to tell.
        let _ = write!(terminal, "{what}…").and_then(|()| terminal.flush());
        Some(Progress(()))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // Return to the line's start and clear it.
        let _ = write!(io::stderr(), "\r\x1b[2K");
    }
}

/// Joins the parts of several languages, each under a heading; one language needs none.
pub fn by_language(parts: &[(&str, String)]) -> String {
    match parts {
        [(_, only)] => only.clone(),
        parts => {
            let parts = parts.iter().map(|(language, text)| {
                format!("=== {language} ===\n\n{}\n", text.trim_end_matches('\n'))
            });
            parts.collect::<Vec<_>>().join("\n")
        }
    }
}
