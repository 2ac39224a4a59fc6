//! What a decoder asks of the scores of the next token, and what it gets: never all of them.

use super::{TokenId, layers::Ranking};

/// What is asked of one row of scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask {
    /// How many of the best tokens; at least one is given, where any is allowed.
    pub top: usize,
    /// Whether the logarithm of the sum of all exponentials is wanted, too.
    pub normalizer: bool,
    /// Tokens that may not come, in any order. They count in the normaliser all the same.
    pub banned: Vec<TokenId>,
    /// Every token may come, not only those that a model's shortlist leaves.
    pub whole_vocabulary: bool,
}

/// The best tokens of one row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranked {
    /// With their logits, the greatest first, of equal ones the smaller id. Empty only where all are
    /// banned.
    pub tokens: Vec<(TokenId, f32)>,
    /// `ln Σ exp(logit)` over all that could come, so that a token's log-probability is its logit
    /// less this. 0 where it was not asked for.
    pub log_normalizer: f32,
}

impl Ask {
    /// The best token and nothing else.
    pub fn best() -> Self {
        Ask {
            top: 1,
            ..Ask::default()
        }
    }
}

impl Ranked {
    /// Of one row of logits, those of all tokens in the order of their ids.
    pub fn of(logits: &[f32], ask: &Ask) -> Self {
        let mut ranking = Ranking::new(ask);
        ranking.offer(logits, |i| TokenId(i as u32));
        ranking.finish()
    }

    /// Of some tokens, in rising order of their ids, with their logits.
    pub fn among(tokens: &[TokenId], logits: &[f32], ask: &Ask) -> Self {
        let mut ranking = Ranking::new(ask);
        ranking.offer(logits, |i| tokens[i]);
        ranking.finish()
    }
}
