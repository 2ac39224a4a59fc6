//! What may not come next, whichever search asks.

use super::DecodeOptions;
use crate::model::{Banned, TokenId};
use std::{num::NonZeroUsize, sync::Arc};

/// The rules of one sentence's output.
#[derive(Clone, Debug)]
pub struct Rules {
    /// End an output.
    ends: Arc<[TokenId]>,
    /// Never come.
    never: Banned,
    no_repeat_ngram: Option<NonZeroUsize>,
    whole_vocabulary: bool,
    forced_first: Option<TokenId>,
    forced_last: Option<TokenId>,
    /// In tokens, the end not counted.
    min: usize,
    max: usize,
}

impl Rules {
    /// For a source of `source` tokens and a model that permits outputs of `most`.
    pub fn new(
        options: &DecodeOptions,
        ends: Arc<[TokenId]>,
        never: Banned,
        source: usize,
        most: usize,
    ) -> Self {
        let (min, max) = options.length.of(source, most);
        Rules {
            ends,
            never,
            no_repeat_ngram: options.no_repeat_ngram,
            whole_vocabulary: options.whole_vocabulary,
            forced_first: options.forced_first,
            forced_last: options.forced_last,
            min,
            max,
        }
    }

    pub fn ends_with(&self, token: TokenId) -> bool {
        self.ends.contains(&token)
    }

    /// Ways in which an output can end.
    pub fn end_count(&self) -> usize {
        self.ends.len()
    }

    /// The longest output, in tokens, a forced end counted.
    pub fn max(&self) -> usize {
        self.max + usize::from(self.forced_last.is_some())
    }

    pub fn has_forced_last(&self) -> bool {
        self.forced_last.is_some()
    }

    /// Whether an output of these tokens was not ended by the network.
    pub fn is_cut(&self, tokens: &[TokenId]) -> bool {
        tokens.len() >= self.max
    }

    pub fn whole_vocabulary(&self) -> bool {
        self.whole_vocabulary
    }

    /// The token that must follow, whatever the network says.
    pub fn forced(&self, so_far: &[TokenId]) -> Option<TokenId> {
        let first = self.forced_first.filter(|_| so_far.is_empty());
        first.or(self.forced_last.filter(|_| self.is_cut(so_far)))
    }

    /// The tokens that may not follow.
    pub fn banned(&self, so_far: &[TokenId]) -> Vec<TokenId> {
        let mut banned = self.repeating(so_far);
        banned.extend(self.never.after(so_far));
        if so_far.len() < self.min {
            banned.extend(&*self.ends);
        }
        banned
    }

    /// Tokens that would repeat an n-gram.
    fn repeating(&self, so_far: &[TokenId]) -> Vec<TokenId> {
        let Some(n) = self.no_repeat_ngram else {
            return Vec::new();
        };
        let Some(start) = (so_far.len() + 1).checked_sub(n.get()) else {
            return Vec::new();
        };
        let suffix = &so_far[start..];
        so_far
            .windows(n.get())
            .filter(|window| window.starts_with(suffix))
            .map(|window| window[n.get() - 1])
            .collect()
    }
}
