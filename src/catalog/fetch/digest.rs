//! Size and SHA-256 of a file.

use super::FetchError;
use crate::model::checksums;
use std::path::Path;

/// What a file is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    pub bytes: u64,
    /// 64 small hexadecimal digits.
    pub sha256: String,
}

impl Digest {
    /// Reads the file once, in pieces.
    pub fn of(path: &Path) -> Result<Self, FetchError> {
        let (bytes, sha256) = checksums::sha256(path).map_err(FetchError::at(path))?;
        Ok(Digest { bytes, sha256 })
    }

    /// Compares with what is published; `name` is for the error.
    pub fn check(
        &self,
        name: &str,
        bytes: Option<u64>,
        sha256: Option<&str>,
    ) -> Result<(), FetchError> {
        if let Some(expected) = bytes.filter(|expected| *expected != self.bytes) {
            return Err(FetchError::Size {
                name: name.to_owned(),
                actual: self.bytes,
                expected,
            });
        }
        match sha256.filter(|expected| *expected != self.sha256) {
            Some(expected) => Err(FetchError::Hash {
                name: name.to_owned(),
                actual: self.sha256.clone(),
                expected: expected.to_owned(),
            }),
            None => Ok(()),
        }
    }
}
