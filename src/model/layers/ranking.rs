//! The best of a row of logits and their normaliser, from parts of the row as they are computed: a
//! vocabulary's logits are never stored.

use super::math;
use crate::model::{Ask, Ranked, TokenId};

/// What has been found for one row so far.
pub struct Ranking<'a> {
    ask: &'a Ask,
    wanted: usize,
    /// The best so far, the greatest first, of equal ones the one that came first.
    tokens: Vec<(TokenId, f32)>,
    /// `Σ exp(logit − greatest)` over all that came.
    sum: f64,
    greatest: f32,
}

impl<'a> Ranking<'a> {
    pub fn new(ask: &'a Ask) -> Self {
        let wanted = ask.top.max(1);
        Ranking {
            ask,
            wanted,
            tokens: Vec::with_capacity(wanted.min(1024)),
            sum: 0.0,
            greatest: f32::NEG_INFINITY,
        }
    }

    /// What one of some logits must be over, or they need not be offered; `None` where all count.
    pub fn bar(&self) -> Option<f32> {
        let full = self.tokens.len() == self.wanted && !self.ask.normalizer;
        let (_, least) = self.tokens.last().filter(|_| full)?;
        Some(*least)
    }

    /// Takes in some logits, those of `id(0)`, `id(1)` and so on, in rising order over all calls. What is not
    /// a number never ranks.
    pub fn offer(&mut self, logits: &[f32], id: impl Fn(usize) -> TokenId) {
        let greatest = greatest_of(logits);
        if self.ask.normalizer && greatest > f32::NEG_INFINITY {
            if greatest > self.greatest {
                self.sum *= f64::from(self.greatest - greatest).exp();
                self.greatest = greatest;
            }
            self.sum += f64::from(sum_of_exponentials(logits, self.greatest));
        }
        // Most parts hold nothing new, those of a beam's normaliser, too.
        let full = self.tokens.len() == self.wanted;
        if full
            && self
                .tokens
                .last()
                .is_some_and(|(_, least)| greatest <= *least)
        {
            return;
        }
        for (i, logit) in logits.iter().enumerate() {
            self.take(*logit, || id(i));
        }
    }

    fn take(&mut self, logit: f32, id: impl Fn() -> TokenId) {
        let full = self.tokens.len() == self.wanted;
        let better = self.tokens.last().is_none_or(|(_, least)| logit > *least);
        if logit.is_nan() || (full && !better) {
            return;
        }
        let id = id();
        if self.ask.banned.contains(&id) {
            return;
        }
        if full {
            self.tokens.pop();
        }
        let at = self.tokens.partition_point(|(_, other)| *other >= logit);
        self.tokens.insert(at, (id, logit));
    }

    pub fn finish(self) -> Ranked {
        let log_normalizer = match self.ask.normalizer {
            true => self.greatest + self.sum.ln() as f32,
            false => 0.0,
        };
        Ranked {
            tokens: self.tokens,
            log_normalizer,
        }
    }
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq",
    "x86_64+avx2+fma"
))]
fn greatest_of(logits: &[f32]) -> f32 {
    math::maximum(logits)
}

/// `Σ exp(x − greatest)`; sixteen sums side by side, the same on every machine.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq",
    "x86_64+avx2+fma"
))]
fn sum_of_exponentials(logits: &[f32], greatest: f32) -> f32 {
    let (chunks, rest) = logits.as_chunks::<{ math::LANES }>();
    let mut sums = [0f32; math::LANES];
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += math::quick_exp(x - greatest);
        }
    }
    let rest: f32 = rest.iter().map(|x| math::quick_exp(x - greatest)).sum();
    sums.iter().sum::<f32>() + rest
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
    fn probabilities_add_up_to_one_in_whatever_parts_they_come() {
        let logits: Vec<f32> = (0..500).map(|i| ((i * 37) % 101) as f32 * 3.0).collect();
        let ask = Ask {
            top: 500,
            normalizer: true,
            ..Ask::default()
        };
        for part in [500, 64, 7] {
            let mut ranking = Ranking::new(&ask);
            for (i, logits) in logits.chunks(part).enumerate() {
                ranking.offer(logits, |at| TokenId((i * part + at) as u32));
            }
            let ranked = ranking.finish();
            let probability = |(_, logit): &(TokenId, f32)| (logit - ranked.log_normalizer).exp();
            let sum: f32 = ranked.tokens.iter().map(probability).sum();
            assert!((sum - 1.0).abs() < 1e-4, "{sum}");
            assert_eq!(ranked.tokens, Ranked::of(&logits, &ask).tokens);
        }
    }

    #[test]
    fn what_is_impossible_or_no_number_has_no_probability() {
        let ask = Ask {
            top: 3,
            normalizer: true,
            ..Ask::default()
        };
        let ranked = Ranked::of(&[f32::NEG_INFINITY, f32::NAN, 2.0, f32::NEG_INFINITY], &ask);
        assert_eq!(ids(&ranked), [2, 0, 3]);
        assert_eq!(ranked.log_normalizer, 2.0);
    }
}
