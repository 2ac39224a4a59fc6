//! `SHA256SUMS` of a model's folder, in the form of coreutils' `sha256sum`: what its files must be.

use crate::model::ModelError;
use sha2::{Digest, Sha256};
use std::{io, path::Path};

/// Compares the files that `SHA256SUMS` names; a folder without one is taken as it is.
pub fn verify(folder: &Path) -> Result<(), ModelError> {
    let sums = folder.join("SHA256SUMS");
    let list = match std::fs::read_to_string(&sums) {
        Ok(list) => list,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(ModelError::Read { path: sums, source }),
    };
    for line in list.lines().filter(|line| !line.trim().is_empty()) {
        let entry = line
            .split_once(' ')
            .map(|(sum, name)| (sum, name.trim_start_matches([' ', '*'])));
        // A name with a folder in it could point anywhere.
        let Some((expected, name)) = entry.filter(|(_, name)| !name.contains(['/', '\\'])) else {
            return Err(ModelError::Setting {
                path: sums,
                reason: format!("{line:?} is not a sum and a file's name"),
            });
        };
        let path = folder.join(name);
        let file = std::fs::read(&path).map_err(|source| ModelError::Read {
            path: path.clone(),
            source,
        })?;
        let actual: String = Sha256::digest(&file)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if !actual.eq_ignore_ascii_case(expected) {
            return Err(ModelError::Checksum {
                path,
                actual,
                expected: expected.to_owned(),
            });
        }
    }
    Ok(())
}
