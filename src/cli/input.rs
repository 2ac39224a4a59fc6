//! What a command reads: an article, or a whole request as JSON.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::cli::{
    error::CliError,
    json::{self, Named},
};

/// Where the article comes from.
#[derive(Clone, Debug, clap::Args)]
pub struct Input {
    /// The article, a text file in UTF-8; - reads standard input
    #[arg(value_name = "FILE", required_unless_present = "request")]
    file: Option<PathBuf>,
    /// Language of the article, such as fr [default: detected]
    #[arg(long, value_name = "LANGUAGE")]
    pub from: Option<String>,
    /// Instead of FILE: a whole request message as protobuf JSON; - reads standard input
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["file", "from"])]
    request: Option<PathBuf>,
}

impl Input {
    /// The request: the one of `--request`, or one that is built around the article.
    pub fn request<M: Named>(&self, around: impl FnOnce(String) -> M) -> Result<M, CliError> {
        match (&self.request, &self.file) {
            (Some(path), _) => json::parse(&name(path), &read(path)?),
            (None, Some(path)) => Ok(around(read(path)?)),
            (None, None) => Err(CliError::Input(
                "name a FILE, or - for standard input".to_owned(),
            )),
        }
    }
}

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

pub fn read(path: &Path) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    let outcome = match path.to_str() {
        Some("-") => io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes),
        _ => fs::read(path),
    };
    let name = name(path);
    let mut bytes = outcome.map_err(|error| CliError::Input(format!("{name}: {error}")))?;
    // Windows' editors begin a file with it; no text does.
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        CliError::Input(format!(
            "{name} is not UTF-8: see byte {offset} (counted from 0)"
        ))
    })
}

fn name(path: &Path) -> String {
    match path.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => path.display().to_string(),
    }
}
