//! The texts that requests carry.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::cli::{error::CliError, input};

/// What is sent when no article is named.
const BUILT_IN: &str = include_str!("article.fr.txt");

/// The texts of these files, and of the `.txt` files in these folders; the built-in article when
/// there are none.
pub fn read(paths: &[PathBuf]) -> Result<Vec<String>, CliError> {
    if paths.is_empty() {
        return Ok(vec![BUILT_IN.to_owned()]);
    }
    let mut texts = Vec::new();
    for path in paths {
        if path.is_dir() {
            for file in text_files(path)? {
                texts.push(input::read(&file)?);
            }
        } else {
            texts.push(input::read(path)?);
        }
    }
    Ok(texts)
}

/// In the order of their names, so that a seed always draws the same.
fn text_files(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let wrong = |error| CliError::Input(format!("{}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "txt") {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(CliError::Input(format!(
            "{} has no .txt files",
            folder.display()
        )));
    }
    files.sort();
    Ok(files)
}
