//! A folder of this machine.

use super::{Files, Place, SourceError};
use crate::catalog::entry::Download;
use std::path::{Path, PathBuf};

pub struct Folder(PathBuf);

impl Folder {
    /// A relative path is looked for among the models that come along.
    pub fn open(path: &str, embedded: Option<&Path>) -> Result<Self, SourceError> {
        let folder = match (Path::new(path), embedded) {
            (absolute, _) if absolute.is_absolute() => absolute.to_owned(),
            (relative, Some(embedded)) => embedded.join(relative),
            (_, None) => {
                return Err(SourceError::NotEmbedded {
                    path: path.to_owned(),
                });
            }
        };
        match folder.metadata() {
            Ok(_) => Ok(Folder(folder)),
            Err(source) => Err(SourceError::Local {
                path: folder,
                source,
            }),
        }
    }
}

impl Files for Folder {
    fn place(&self, file: &Download) -> Result<Place, SourceError> {
        Ok(Place::Here(self.0.join(&file.path)))
    }
}
