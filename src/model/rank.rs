//! What a decoder asks of the scores of the next token, and what it gets: never all of them.

use super::TokenId;

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

    /// Whether the best token, without its probability, is all that is asked for.
    pub fn only_the_best(&self) -> bool {
        self.top <= 1 && !self.normalizer
    }
}

impl Ranked {
    /// Of one row of logits, those of all tokens in the order of their ids.
    pub fn of(logits: &[f32], ask: &Ask) -> Self {
        Self::among((0..).map(TokenId).zip(logits.iter().copied()), ask)
    }

    /// Of some tokens, in rising order of their ids, with their logits. What is not a number never
    /// ranks.
    pub fn among(scored: impl Iterator<Item = (TokenId, f32)> + Clone, ask: &Ask) -> Self {
        let wanted = ask.top.max(1);
        // The best so far, the greatest first. Few tokens are better than the last of them.
        let mut tokens: Vec<(TokenId, f32)> = Vec::with_capacity(wanted.min(1024));
        for (id, logit) in scored.clone() {
            let full = tokens.len() == wanted;
            let better = tokens.last().is_none_or(|(_, least)| logit > *least);
            if logit.is_nan() || (full && !better) || ask.banned.contains(&id) {
                continue;
            }
            if full {
                tokens.pop();
            }
            let at = tokens.partition_point(|(_, other)| *other >= logit);
            tokens.insert(at, (id, logit));
        }
        let log_normalizer = if ask.normalizer {
            log_sum_exp(scored.map(|(_, logit)| logit))
        } else {
            0.0
        };
        Ranked {
            tokens,
            log_normalizer,
        }
    }
}

/// `ln Σ exp(x)`, the greatest taken out of the sum so that nothing overflows.
fn log_sum_exp(values: impl Iterator<Item = f32> + Clone) -> f32 {
    let greatest = values.clone().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = values.map(|x| (x - greatest).exp()).sum();
    greatest + sum.ln()
}

#[cfg(test)]
mod test {
    use super::*;

    fn ids(ranked: &Ranked) -> Vec<u32> {
        ranked.tokens.iter().map(|(id, _)| id.0).collect()
    }

    #[test]
    fn the_best_come_first_and_the_banned_never() {
        let logits = [1.0, 3.0, 2.0, 3.0, f32::NAN, -1.0];
        let ask = |top, banned: &[u32]| Ask {
            top,
            banned: banned.iter().copied().map(TokenId).collect(),
            ..Ask::default()
        };
        assert_eq!(ids(&Ranked::of(&logits, &ask(3, &[]))), [1, 3, 2]);
        assert_eq!(ids(&Ranked::of(&logits, &ask(3, &[1, 2]))), [3, 0, 5]);
        assert_eq!(ids(&Ranked::of(&logits, &ask(9, &[]))), [1, 3, 2, 0, 5]);
        assert_eq!(ids(&Ranked::of(&logits, &ask(0, &[]))), [1]);
        assert!(ids(&Ranked::of(&logits, &ask(1, &[0, 1, 2, 3, 5]))).is_empty());
    }

    #[test]
    fn probabilities_add_up_to_one() {
        let logits: Vec<f32> = (0..500).map(|i| ((i * 37) % 101) as f32 * 3.0).collect();
        let ask = Ask {
            top: 500,
            normalizer: true,
            ..Ask::default()
        };
        let ranked = Ranked::of(&logits, &ask);
        let sum: f32 = ranked
            .tokens
            .iter()
            .map(|(_, logit)| (logit - ranked.log_normalizer).exp())
            .sum();
        assert!((sum - 1.0).abs() < 1e-4, "{sum}");
    }
}
