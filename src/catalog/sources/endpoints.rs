//! Addresses and keys of the sources: what is published, or what the environment sets in its place.

use super::SourceError;
use crate::catalog::fetch::Token;
use hf_hub::Cache;
use std::{env, path::PathBuf};
use url::Url;

const HUB: &str = "https://huggingface.co";
/// Content of Git LFS repositories on GitHub.
const MOZILLA_ARCHIVE: &str = "https://media.githubusercontent.com/media";
const MOZILLA_INDEX: &str = "https://storage.googleapis.com/moz-fx-translations-data--303e-prod-translations-data/db/models.json";

#[derive(Clone, Debug)]
pub struct Endpoints {
    /// `HF_ENDPOINT`.
    pub hub: Url,
    /// What the hub's other tools have fetched already; `HF_HOME`.
    pub hub_cache: Option<Cache>,
    /// `HF_TOKEN`, else what `hf auth login` left in `HF_HOME`.
    pub hub_token: Option<Token>,
    /// `DEPECHE_MOZILLA_ARCHIVE`: what stands before repository, revision and path.
    pub mozilla_archive: Url,
    /// `DEPECHE_MOZILLA_INDEX`: the live index.
    pub mozilla_index: Url,
    /// Those of them that the environment set.
    pub set: Vec<Url>,
}

impl Endpoints {
    pub fn from_env() -> Result<Self, SourceError> {
        let mut set = Vec::new();
        let mut address = |variable: &'static str, default: &str| {
            let value = env::var(variable).ok().filter(|value| !value.is_empty());
            let url = Url::parse(value.as_deref().unwrap_or(default).trim()).map_err(|error| {
                SourceError::Endpoint {
                    variable,
                    value: value.clone().unwrap_or_default(),
                    reason: error.to_string(),
                }
            })?;
            if value.is_some() {
                set.push(url.clone());
            }
            Ok::<_, SourceError>(url)
        };
        let hub = address("HF_ENDPOINT", HUB)?;
        let mozilla_archive = address("DEPECHE_MOZILLA_ARCHIVE", MOZILLA_ARCHIVE)?;
        let mozilla_index = address("DEPECHE_MOZILLA_INDEX", MOZILLA_INDEX)?;
        let hub_cache = hub_cache();
        let hub_token = env::var("HF_TOKEN")
            .ok()
            .map(|token| token.trim().to_owned())
            .filter(|token| !token.is_empty())
            .or_else(|| hub_cache.as_ref().and_then(Cache::token))
            .map(Token);
        Ok(Endpoints {
            hub,
            hub_cache,
            hub_token,
            mozilla_archive,
            mozilla_index,
            set,
        })
    }
}

/// As `Cache::from_env`, which panics for a user without a home.
fn hub_cache() -> Option<Cache> {
    let home = match env::var_os("HF_HOME").filter(|home| !home.is_empty()) {
        Some(home) => PathBuf::from(home),
        None => directories::BaseDirs::new()?
            .home_dir()
            .join(".cache")
            .join("huggingface"),
    };
    Some(Cache::new(home.join("hub")))
}
