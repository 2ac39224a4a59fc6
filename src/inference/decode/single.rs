//! One hypothesis: the likeliest token at every step, or one drawn by its probability.

use super::{Continuation, Hypothesis, Rules, Sample, Score, Scores};
use crate::{
    inference::decoder::Next,
    model::{Ask, Ranked, TokenId},
};

pub struct SingleSearch {
    rules: Rules,
    choice: Choice,
    /// Whether the log-probability is summed up.
    scored: bool,
    length_penalty: f32,
    so_far: Hypothesis,
    log_probability: f32,
}

enum Choice {
    Best,
    Draw { how: Sample, random: fastrand::Rng },
}

impl SingleSearch {
    pub(super) fn greedy(rules: Rules, scored: bool, length_penalty: f32) -> Self {
        SingleSearch {
            rules,
            choice: Choice::Best,
            scored,
            length_penalty,
            so_far: Hypothesis::default(),
            log_probability: 0.0,
        }
    }

    pub(super) fn sampling(rules: Rules, scores: Scores, how: Sample) -> Self {
        SingleSearch {
            choice: Choice::Draw {
                how,
                random: fastrand::Rng::with_seed(how.seed),
            },
            ..Self::greedy(rules, scores == Scores::Wanted, 1.0)
        }
    }

    pub(super) fn tokens(&self) -> &[TokenId] {
        &self.so_far.tokens
    }

    pub(super) fn ask(&self) -> Ask {
        Ask {
            top: match &self.choice {
                Choice::Best => 1,
                Choice::Draw { how, .. } => how.top_k.get(),
            },
            normalizer: self.scored,
            banned: self.rules.banned(&self.so_far.tokens),
            whole_vocabulary: self.rules.whole_vocabulary(),
        }
    }

    pub(super) fn step(&mut self, next: &Next) -> Continuation {
        let chosen = match self.rules.forced(&self.so_far.tokens) {
            Some(token) => Some((token, None)),
            None => self
                .choose(&next.ranked)
                .map(|(token, logit)| (token, Some(logit))),
        };
        let Some((token, logit)) = chosen else {
            return self.done(false); // nothing may follow
        };
        if let Some(logit) = logit {
            self.log_probability += logit - next.ranked.log_normalizer;
        }
        if self.rules.ends_with(token) {
            return self.done(!self.rules.is_cut(&self.so_far.tokens));
        }
        self.so_far.tokens.push(token);
        self.so_far.alignment.push(next.attention.clone());
        if self.so_far.tokens.len() >= self.rules.max() {
            return self.done(false);
        }
        Continuation::Rows(vec![(0, token)])
    }

    fn done(&mut self, finished: bool) -> Continuation {
        let mut output = std::mem::take(&mut self.so_far);
        output.finished = finished;
        let forced = !finished && self.rules.has_forced_last();
        let tokens = output.tokens.len() + usize::from(finished || forced);
        let score = Score::new(self.log_probability, tokens, self.length_penalty);
        output.score = self.scored.then_some(score);
        Continuation::Done(vec![output])
    }

    fn choose(&mut self, ranked: &Ranked) -> Option<(TokenId, f32)> {
        match &mut self.choice {
            Choice::Best => ranked.tokens.first().copied(),
            Choice::Draw { how, random } => draw(&ranked.tokens, how, random.f32()),
        }
    }
}

/// The token at `at`, 0 to 1, of the cumulated probabilities of `tokens`, the likeliest first.
fn draw(tokens: &[(TokenId, f32)], how: &Sample, at: f32) -> Option<(TokenId, f32)> {
    let greatest = tokens.first()?.1;
    let weights: Vec<f32> = tokens
        .iter()
        .map(|(_, logit)| ((logit - greatest) / how.temperature).exp())
        .collect();
    let total: f32 = weights.iter().sum();
    let mut kept = 0;
    let mut mass = 0.0;
    for weight in &weights {
        kept += 1;
        mass += weight;
        if mass >= how.top_p * total {
            break;
        }
    }
    let mut left = at * mass;
    for (token, weight) in tokens[..kept].iter().zip(&weights) {
        left -= weight;
        if left < 0.0 {
            return Some(*token);
        }
    }
    tokens[..kept].last().copied()
}
