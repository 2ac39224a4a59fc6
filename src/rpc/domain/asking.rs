//! Instruction models in the place of those that translate, where there is none and the operator allows it.

use super::Domain;
use crate::{
    article::Language,
    catalog::entry::Task,
    translate::{Hop, Route},
};

impl Domain {
    /// The route over an instruction model, where there is one and the operator allows it.
    pub(super) fn asking(&self, source: &Language, target: &Language) -> Option<Route> {
        let allowed = self.translate_by_instruction;
        let model = self
            .pool
            .best(|model| allowed && model.task == Task::Instruction)?;
        Some(Route {
            hops: vec![Hop {
                source: source.clone(),
                target: target.clone(),
                model: model.id.as_str().into(),
            }],
        })
    }

    /// Whether a model on the route is asked in words for its translations.
    pub fn asks(&self, route: &Route) -> bool {
        let installed = |hop: &Hop| self.pool.installed(&hop.model);
        let mut hops = route.hops.iter().filter_map(installed);
        hops.any(|model| model.task == Task::Instruction)
    }
}
