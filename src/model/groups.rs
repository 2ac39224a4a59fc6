//! Sentences that go through a layer of an encoder together. A batch goes through every layer group by
//! group: what a layer leaves between its products then stays in the cache, and so do its weights.

use super::TokenId;
use candle_core::{Result, Tensor};

pub(super) struct Group<'a> {
    pub sentences: &'a [&'a [TokenId]],
    /// Rows of each.
    pub lengths: Vec<usize>,
    /// `[rows, dim]`, the rows of all sentences one after the other.
    pub states: Tensor,
}

/// Bytes that the widest thing between two products may take: most of a core's second cache.
const CACHE: usize = 3 << 19;

impl<'a> Group<'a> {
    /// All sentences in groups. `widest`: numbers of a row where the layers' rows are widest.
    pub fn all(
        sources: &'a [&'a [TokenId]],
        widest: usize,
        embed: impl Fn(&[&[TokenId]]) -> Result<Tensor>,
    ) -> Result<Vec<Self>> {
        let most = CACHE / (size_of::<f32>() * widest);
        let mut groups = Vec::new();
        let mut rest = sources;
        while !rest.is_empty() {
            let mut rows = 0;
            let fits = |source: &&&[TokenId]| {
                rows += source.len();
                rows <= most
            };
            let sentences;
            (sentences, rest) = rest.split_at(rest.iter().take_while(fits).count().max(1));
            groups.push(Group {
                sentences,
                lengths: sentences.iter().map(|source| source.len()).collect(),
                states: embed(sentences)?,
            });
        }
        Ok(groups)
    }

    /// The states of all, one after the other.
    pub fn join(groups: Vec<Self>) -> Result<Tensor> {
        let states: Vec<Tensor> = groups.into_iter().map(|group| group.states).collect();
        Tensor::cat(&states, 0)
    }
}
