//! A repository of a Hugging Face hub.
//!
//! `hf-hub` knows the rules for addresses, revisions and the cache that all tools of the hub share;
//! its own downloader can neither go on after an interruption nor verify, so ours fetches.

use super::{Endpoints, Files, Place, SourceError};
use crate::catalog::{
    entry::Download,
    fetch::{Address, Digest},
};
use hf_hub::{Repo, RepoType, api::sync::ApiBuilder};
use std::path::PathBuf;
use url::Url;

pub struct Hub {
    repo: Repo,
    endpoints: Endpoints,
}

impl Hub {
    pub fn open(repository: &str, revision: &str, endpoints: &Endpoints) -> Self {
        let (repository, revision) = (repository.to_owned(), revision.to_owned());
        Hub {
            repo: Repo::with_revision(repository, RepoType::Model, revision),
            endpoints: endpoints.clone(),
        }
    }

    /// The file as another tool left it in the cache, if it is what is published.
    fn cached(&self, file: &Download) -> Option<PathBuf> {
        let cache = self.endpoints.hub_cache.as_ref()?.repo(self.repo.clone());
        // By commit; else by what a branch's name meant when the tool fetched it.
        let by_commit = cache.pointer_path(self.repo.revision()).join(&file.path);
        let path = match by_commit.is_file() {
            true => by_commit,
            false => cache.get(&file.path)?,
        };
        let digest = Digest::of(&path).ok()?;
        let fits = digest.check(&file.path, file.bytes, file.sha256.as_deref());
        fits.is_ok().then_some(path)
    }

    fn address(&self, path: &str) -> Result<Address, SourceError> {
        let endpoint = self.endpoints.hub.as_str().trim_end_matches('/').to_owned();
        let cache = hf_hub::Cache::new(PathBuf::new());
        let api = ApiBuilder::from_cache(cache)
            .with_endpoint(endpoint)
            .with_token(None)
            .build()
            .map_err(|error| SourceError::Address(error.to_string()))?;
        let url = api.repo(self.repo.clone()).url(path);
        Ok(Address {
            url: Url::parse(&url).map_err(|_| SourceError::Address(url))?,
            token: self.endpoints.hub_token.clone(),
        })
    }
}

impl Files for Hub {
    fn place(&self, file: &Download) -> Result<Place, SourceError> {
        match self.cached(file) {
            Some(path) => Ok(Place::Here(path)),
            None => Ok(Place::There(self.address(&file.path)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::fetch::Token;

    fn endpoints(hub: &str) -> Endpoints {
        let url = Url::parse(hub).unwrap();
        Endpoints {
            hub: url.clone(),
            hub_cache: None,
            hub_token: Some(Token("secret".into())),
            mozilla_archive: url.clone(),
            mozilla_index: url,
            set: Vec::new(),
        }
    }

    #[test]
    fn an_address_is_as_the_hub_has_it() {
        for (hub, revision, expected) in [
            (
                "https://huggingface.co",
                "0123",
                "https://huggingface.co/owner/name/resolve/0123/model.gguf",
            ),
            (
                "http://mirror.example/hub/",
                "refs/pr/3",
                "http://mirror.example/hub/owner/name/resolve/refs%2Fpr%2F3/model.gguf",
            ),
        ] {
            let hub = Hub::open("owner/name", revision, &endpoints(hub));
            let address = hub.address("model.gguf").unwrap();
            assert_eq!(address.url.as_str(), expected);
            assert_eq!(address.token, Some(Token("secret".into())));
        }
    }
}
