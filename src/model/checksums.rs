//! `SHA256SUMS` of a model's folder, in the form of coreutils' `sha256sum`: what its files must be.

use crate::model::ModelError;
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// The sums and names of a folder's list; `None` without one.
pub fn list(folder: &Path) -> Result<Option<Vec<(String, String)>>, ModelError> {
    let sums = folder.join("SHA256SUMS");
    let list = match std::fs::read_to_string(&sums) {
        Ok(list) => list,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ModelError::Read { path: sums, source }),
    };
    let lines = list.lines().filter(|line| !line.trim().is_empty());
    let pairs = lines.map(|line| {
        line.split_once(' ')
            .map(|(sum, name)| {
                (
                    sum.to_owned(),
                    name.trim_start_matches([' ', '*']).to_owned(),
                )
            })
            // A name with a folder in it could point anywhere.
            .filter(|(_, name)| !name.contains(['/', '\\']))
            .ok_or_else(|| ModelError::Setting {
                path: sums.clone(),
                reason: format!("{line:?} is not a sum and a file's name"),
            })
    });
    pairs.collect::<Result<_, _>>().map(Some)
}

/// Size of a file and its SHA-256, 64 small hexadecimal digits; read once, in pieces.
pub fn sha256(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
    let digits = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Ok((bytes, digits))
}

/// Compares the files that `SHA256SUMS` names; a folder without one is taken as it is.
pub fn verify(folder: &Path) -> Result<(), ModelError> {
    for (expected, name) in list(folder)?.unwrap_or_default() {
        let path = folder.join(name);
        let (_, actual) = sha256(&path).map_err(|source| ModelError::Read {
            path: path.clone(),
            source,
        })?;
        if !actual.eq_ignore_ascii_case(&expected) {
            return Err(ModelError::Checksum {
                path,
                actual,
                expected,
            });
        }
    }
    Ok(())
}
