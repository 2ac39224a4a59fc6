//! What models translate, as steps of routes.

use std::sync::Arc;

use super::OpenError;
use crate::{
    article::LanguageError,
    catalog::{
        Catalog, Installed,
        entry::{Entry, Task},
    },
    translate::Hop,
};

/// Of an entry of the catalogue.
pub fn entry_hops(entry: &Entry) -> Vec<Hop> {
    let hops = hops(&entry.id, &entry.source_languages, &entry.target_languages);
    // The catalogue was checked when it was read.
    hops.unwrap_or_default()
}

/// What installed models translate; of two for the same pair the better measured one first.
pub fn installed_hops(installed: &[Installed], catalog: &Catalog) -> Result<Vec<Hop>, OpenError> {
    let mut all = Vec::new();
    let translators = installed.iter();
    for model in translators.filter(|model| model.task == Task::Translation) {
        let hops = hops(&model.id, &model.source_languages, &model.target_languages);
        all.extend(hops.map_err(|source| OpenError::Language {
            id: model.id.clone(),
            source,
        })?);
    }
    let pairs: Vec<_> = all
        .iter()
        .map(|hop| (hop.source.clone(), hop.target.clone()))
        .collect();
    // Stable, so that those that nobody measured stay in the order of their ids.
    all.sort_by_cached_key(|hop| {
        let pair = (hop.source.clone(), hop.target.clone());
        let first = pairs.iter().position(|other| *other == pair);
        (first, rank(catalog, hop))
    });
    Ok(all)
}

fn hops(id: &str, sources: &[String], targets: &[String]) -> Result<Vec<Hop>, LanguageError> {
    let id: Arc<str> = id.into();
    let mut hops = Vec::new();
    for source in sources {
        for target in targets {
            hops.push(Hop {
                source: source.parse()?,
                target: target.parse()?,
                model: id.clone(),
            });
        }
    }
    Ok(hops)
}

/// Place of a model among those of its pair, the best first.
pub fn rank(catalog: &Catalog, hop: &Hop) -> usize {
    let entries = catalog.for_pair(&hop.source, &hop.target);
    let place = entries.iter().position(|entry| entry.id == *hop.model);
    place.unwrap_or(usize::MAX)
}
