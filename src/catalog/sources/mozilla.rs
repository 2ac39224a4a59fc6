//! Mozilla's students: the frozen archive, a Git LFS repository, and the files of the live index.

use super::{Endpoints, Files, Place, SourceError};
use crate::catalog::{entry::Download, fetch::Address};
use url::Url;

/// What stands before a file's path.
pub struct Mozilla(Url);

impl Mozilla {
    pub fn archive(
        repository: &str,
        revision: &str,
        endpoints: &Endpoints,
    ) -> Result<Self, SourceError> {
        let repository = below(&endpoints.mozilla_archive, repository)?;
        Ok(Mozilla(below(&repository, revision)?))
    }

    pub fn live(base_url: &str) -> Result<Self, SourceError> {
        let url = Url::parse(base_url);
        Ok(Mozilla(
            url.map_err(|_| SourceError::Address(base_url.to_owned()))?,
        ))
    }
}

impl Files for Mozilla {
    fn place(&self, file: &Download) -> Result<Place, SourceError> {
        Ok(Place::There(Address::open(below(&self.0, &file.path)?)))
    }
}

fn below(base: &Url, path: &str) -> Result<Url, SourceError> {
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| SourceError::Address(base.to_string()))?
        .pop_if_empty()
        .extend(path.split('/'));
    Ok(url)
}
