//! The models to go through from one language to another.

use super::asked::Asked;
use crate::{
    article::Language,
    model::{TokenId, Translator},
};
use std::{collections::BTreeSet, sync::Arc};

/// A way from a language to another, in one hop or more.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub hops: Vec<Hop>,
}

/// One model's part of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    pub source: Language,
    pub target: Language,
    /// Id of the model.
    pub model: Arc<str>,
}

/// A hop with its model.
#[derive(Clone)]
pub struct LoadedHop {
    pub hop: Hop,
    pub model: Arc<Translator>,
}

impl LoadedHop {
    /// What the model reads before a sentence, where it writes several languages: vocabularies name them
    /// by whole tags, or by two letters or three.
    pub fn prefix(&self) -> Option<TokenId> {
        let target = &self.hop.target;
        let names = [target.to_string(), target.primary().to_owned()].into_iter();
        names
            .chain(target.three_letters().map(str::to_owned))
            .find_map(|name| self.model.prefix(&name))
    }
}

/// A route with its models.
#[derive(Clone)]
pub struct LoadedRoute {
    pub hops: Vec<LoadedHop>,
    /// Asked for the rest of the way, where no model that translates leads there.
    pub asked: Option<Asked>,
}

impl LoadedRoute {
    /// The same without the models.
    pub fn route(&self) -> Route {
        let hops = self.hops.iter().map(|loaded| &loaded.hop);
        let hops = hops.chain(self.asked.iter().map(|asked| &asked.hop));
        Route {
            hops: hops.cloned().collect(),
        }
    }
}

/// The hops that there are, and the routes that they make. Cheap to clone.
#[derive(Clone, Default)]
pub struct Routes {
    hops: Arc<[Hop]>,
}

impl Routes {
    /// Of two hops between the same languages the earlier is taken.
    pub fn new(hops: Vec<Hop>) -> Self {
        Routes { hops: hops.into() }
    }

    /// The models, as given.
    pub fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// A route between any two languages that the models lead from one to the other, in the order
    /// of the languages.
    pub fn all(&self) -> Vec<Route> {
        let sources: BTreeSet<&Language> = self.hops.iter().map(|hop| &hop.source).collect();
        let targets: BTreeSet<&Language> = self.hops.iter().map(|hop| &hop.target).collect();
        let pairs = sources
            .iter()
            .flat_map(|source| targets.iter().map(move |target| (*source, *target)));
        pairs
            .filter(|(source, target)| source != target)
            .filter_map(|(source, target)| self.shortest(source, target))
            .collect()
    }

    /// The route from a language to another, if there is one: over a direct model if there is one,
    /// else over the fewest, over English rather than another language, over the earlier model
    /// rather than the later.
    pub fn shortest(&self, source: &Language, target: &Language) -> Option<Route> {
        let mut ways: Vec<Vec<&Hop>> = self
            .hops
            .iter()
            .filter(|hop| hop.source.serves(source))
            .map(|hop| vec![hop])
            .collect();
        for _ in 0..MOST_HOPS {
            let arrives =
                |way: &&Vec<&Hop>| way.last().is_some_and(|hop| hop.target.serves(target));
            if let Some(found) = ways.iter().find(arrives) {
                return Some(Route {
                    hops: found.iter().map(|hop| (*hop).clone()).collect(),
                });
            }
            // One way to a language is enough: the first is the best of those as long.
            let mut reached: BTreeSet<&Language> = BTreeSet::new();
            ways.retain(|way| way.last().is_some_and(|hop| reached.insert(&hop.target)));
            let mut longer: Vec<Vec<&Hop>> = Vec::new();
            for way in &ways {
                let Some(last) = way.last() else { continue };
                let visited = |hop: &Hop| {
                    hop.target.serves(source)
                        || way.iter().any(|before| before.target == hop.target)
                };
                let next = self
                    .hops
                    .iter()
                    .filter(|hop| hop.source == last.target && !visited(hop));
                longer.extend(next.map(|hop| way.iter().copied().chain([hop]).collect()));
            }
            longer.sort_by_key(|way| {
                way.iter()
                    .rev()
                    .skip(1)
                    .filter(|hop| hop.target != Language::ENGLISH)
                    .count()
            });
            ways = longer;
        }
        None
    }
}

/// Each model adds its errors to those before it: more than a pivot or two is no translation.
const MOST_HOPS: usize = 3;
