//! What lies in a model's folder, whatever its family.

use super::ModelError;
use std::path::{Path, PathBuf};

/// All bytes of a file.
pub fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    std::fs::read(path).map_err(|source| ModelError::Read {
        path: path.to_owned(),
        source,
    })
}

/// The files `*.gguf`, in the order of their names.
pub fn gguf_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "gguf"))
        .collect();
    files.sort();
    files
}

/// The file `*.gguf`, where there is one and no more.
pub fn only_gguf(folder: &Path) -> Result<PathBuf, ModelError> {
    match &mut gguf_files(folder)[..] {
        [file] => Ok(std::mem::take(file)),
        files => Err(ModelError::Setting {
            path: folder.to_owned(),
            reason: format!(
                "it holds {} files *.gguf where one is needed: a model is one file, in a folder of \
                 its own",
                files.len()
            ),
        }),
    }
}
