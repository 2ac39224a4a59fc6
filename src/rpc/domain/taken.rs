//! The models of a request, taken from the pool as a whole.

use std::sync::Arc;

use super::Domain;
use crate::{
    catalog::PoolError,
    inference::Reservation,
    model::{Model, Translator},
    translate::{Asked, LoadedHop, LoadedRoute, Route},
};

/// Models that were taken from the pool together.
pub struct Taken<'a> {
    /// Sorted.
    ids: Vec<&'a str>,
    models: Vec<Model>,
}

impl Taken<'_> {
    pub fn model(&self, id: &str) -> Option<&Model> {
        let at = self.ids.binary_search(&id).ok()?;
        self.models.get(at)
    }

    pub fn translator(&self, id: &str) -> Option<Arc<Translator>> {
        self.model(id).and_then(Model::translator).cloned()
    }

    /// A route with its models.
    ///
    /// `asked`: the place of those that are asked in words.
    pub fn route(&self, route: &Route, place: Option<&Arc<Reservation>>) -> LoadedRoute {
        let asked = route.hops.iter().find_map(|hop| {
            let model = self.model(&hop.model)?.causal()?;
            Some(Asked {
                hop: hop.clone(),
                model: model.clone(),
                request: place?.clone(),
            })
        });
        let hops = route.hops.iter().filter_map(|hop| {
            Some(LoadedHop {
                model: self.translator(&hop.model)?,
                hop: hop.clone(),
            })
        });
        LoadedRoute {
            hops: hops.collect(),
            asked,
        }
    }
}

impl Domain {
    /// Takes models as a whole, loading those that are not there. An id may stand twice.
    pub(super) async fn take<'a>(&self, mut ids: Vec<&'a str>) -> Result<Taken<'a>, PoolError> {
        ids.sort_unstable();
        ids.dedup();
        let models = self.pool.get(&ids).await?;
        Ok(Taken { ids, models })
    }
}
