//! The models to go through from one language to another.

use super::Translating;
use crate::article::Language;

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
    pub model: String,
}

impl Route {
    pub(super) fn over(models: &[&Translating]) -> Self {
        let hop = |model: &&Translating| Hop {
            source: model.source.clone(),
            target: model.target.clone(),
            model: model.id.to_string(),
        };
        Route {
            hops: models.iter().map(hop).collect(),
        }
    }
}

/// The models to go through, or none: a direct one if there is one, else the fewest, over English
/// rather than another language, over the earlier in the list rather than the later.
pub fn shortest<'a>(
    models: &'a [Translating],
    source: &Language,
    target: &Language,
) -> Option<Vec<&'a Translating>> {
    let mut ways: Vec<Vec<&Translating>> = models
        .iter()
        .filter(|model| model.source.serves(source))
        .map(|model| vec![model])
        .collect();
    for _ in 0..MOST_HOPS {
        if let Some(found) = ways
            .iter()
            .position(|way| way.last().is_some_and(|model| model.target.serves(target)))
        {
            return Some(ways.swap_remove(found));
        }
        let mut longer: Vec<Vec<&Translating>> = Vec::new();
        for way in &ways {
            let Some(last) = way.last() else { continue };
            let visited = |model: &Translating| {
                model.target.serves(source) || way.iter().any(|hop| hop.target == model.target)
            };
            let next = models
                .iter()
                .filter(|model| model.source == last.target && !visited(model));
            longer.extend(next.map(|model| way.iter().copied().chain([model]).collect()));
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

/// Each model adds its errors to those before it: more than a pivot or two is no translation.
const MOST_HOPS: usize = 3;
