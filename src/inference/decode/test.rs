use super::*;
use crate::model::{Banned, Ranked};
use proptest::prelude::*;
use std::num::NonZeroUsize;

/// Ends every output.
const END: TokenId = TokenId(0);
const VOCABULARY: u32 = 5;

/// A language model by chance: the logits of what follows a prefix depend on all of it, and on the seed.
fn logits(seed: u64, prefix: &[TokenId]) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(prefix.iter().fold(seed, |seed, token| {
        fastrand::Rng::with_seed(seed ^ (u64::from(token.0) + 1)).u64(..)
    }));
    (0..VOCABULARY).map(|_| 6.0 * random.f32()).collect()
}

fn log_probabilities(seed: u64, prefix: &[TokenId]) -> Vec<f32> {
    let logits = logits(seed, prefix);
    let normalizer = logits.iter().map(|x| x.exp()).sum::<f32>().ln();
    logits.iter().map(|x| x - normalizer).collect()
}

fn rules(options: &DecodeOptions, most: usize) -> Rules {
    Rules::new(options, [END].into(), Banned::default(), 4, most)
}

/// Runs a search over the language model, to outputs of at most `most` tokens.
fn search(seed: u64, options: &DecodeOptions, most: usize) -> Vec<Hypothesis> {
    let mut search = Searching::new(options, rules(options, most));
    let mut prefixes: Vec<Vec<TokenId>> = vec![Vec::new()];
    loop {
        assert_eq!(search.rows(), prefixes.len());
        let asks = search.asks();
        let next: Vec<Next> = prefixes
            .iter()
            .zip(&asks)
            .map(|(prefix, ask)| Next {
                ranked: Ranked::of(&logits(seed, prefix), ask),
                attention: [prefix.len() as f32].into(),
            })
            .collect();
        match search.step(&next) {
            Continuation::Done(outputs) => return outputs,
            Continuation::Rows(rows) => {
                prefixes = rows
                    .into_iter()
                    .map(|(row, token)| [&prefixes[row][..], &[token]].concat())
                    .collect();
            }
        }
    }
}

fn normalized(output: &Hypothesis) -> f32 {
    output.score.unwrap().normalized
}

fn beam(size: usize, length_penalty: f32, stop: Stop) -> DecodeOptions {
    DecodeOptions {
        search: Search::Beam(Beam {
            size: NonZeroUsize::new(size).unwrap(),
            length_penalty,
            stop,
        }),
        ..DecodeOptions::default()
    }
}

/// Score of every output of at most `most` tokens: complete ones, and those cut at the bound.
fn all_outputs(seed: u64, penalty: f32, most: usize) -> Vec<(f32, Vec<TokenId>, bool)> {
    let mut outputs = Vec::new();
    let mut open = vec![(0.0, Vec::new())];
    while let Some((sum, prefix)) = open.pop() {
        let length = (prefix.len() + 1) as f32;
        for (token, p) in (0..).map(TokenId).zip(log_probabilities(seed, &prefix)) {
            let score = (sum + p) / length.powf(penalty);
            if token == END {
                outputs.push((score, prefix.clone(), true));
                continue;
            }
            let longer = [&prefix[..], &[token]].concat();
            if longer.len() == most {
                outputs.push((score, longer, false));
            } else {
                open.push((sum + p, longer));
            }
        }
    }
    outputs
}

proptest! {
    #[test]
    fn a_beam_as_wide_as_all_outputs_finds_the_best_of_them(
        seed: u64, penalty in 0f32..2.0, most in 1usize..4,
    ) {
        let width = (VOCABULARY as usize).pow(most as u32);
        let found = search(seed, &beam(width, penalty, Stop::WhenImpossible), most);
        let mut all = all_outputs(seed, penalty, most);
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (found, (score, tokens, finished)) in found.iter().zip(&all) {
            prop_assert!((normalized(found) - score).abs() < 1e-4);
            // Equal but for the order of the sums.
            let tied = all.iter().filter(|other| (other.0 - score).abs() < 1e-4).count() > 1;
            prop_assert!(tied || (&found.tokens, found.finished) == (tokens, *finished));
        }
        prop_assert_eq!(found.len(), all.len().min(width));
    }

    #[test]
    fn the_best_hypotheses_come_first_each_scored_by_its_own_tokens(
        seed: u64, size in 2usize..6, penalty in 0f32..2.0, most in 1usize..12,
        stop in prop_oneof![
            Just(Stop::WhenFull), Just(Stop::WhenUnlikely), Just(Stop::WhenImpossible)
        ],
    ) {
        let found = search(seed, &beam(size, penalty, stop), most);
        prop_assert!(!found.is_empty() && found.len() <= size);
        prop_assert!(found.is_sorted_by(|a, b| normalized(a) >= normalized(b)));
        for output in &found {
            prop_assert!(output.tokens.len() <= most);
            prop_assert_eq!(output.finished || output.tokens.len() == most, true);
            let ended = [&output.tokens[..], &[END]].concat();
            let counted = &ended[..output.tokens.len() + usize::from(output.finished)];
            let sum: f32 = (0..counted.len())
                .map(|at| log_probabilities(seed, &counted[..at])[counted[at].0 as usize])
                .sum();
            let score = sum / (counted.len() as f32).powf(penalty);
            prop_assert!((normalized(output) - score).abs() < 1e-3);
            // What stands at a position was attended to from there, whichever rows it came through.
            let positions: Vec<f32> = output.alignment.iter().map(|row| row[0]).collect();
            prop_assert_eq!(positions, (0..output.tokens.len()).map(|i| i as f32).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_beam_of_one_is_the_greedy_search(seed: u64, most in 1usize..12) {
        let greedy = search(seed, &DecodeOptions::default(), most).remove(0);
        let one = search(seed, &beam(1, 1.0, Stop::WhenUnlikely), most).remove(0);
        prop_assert_eq!(greedy.tokens, one.tokens);
        prop_assert_eq!(greedy.finished, one.finished);
        prop_assert!(greedy.score.is_none() && one.score.is_some());
    }

    #[test]
    fn a_wider_beam_scores_what_it_finds_as_the_greedy_search_would(seed: u64, most in 1usize..12) {
        let scored = DecodeOptions { scores: Scores::Wanted, ..DecodeOptions::default() };
        let greedy = search(seed, &scored, most).remove(0);
        for found in search(seed, &beam(4, 1.0, Stop::WhenImpossible), most) {
            if found.tokens == greedy.tokens {
                prop_assert!((normalized(&found) - normalized(&greedy)).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn no_output_is_shorter_or_longer_than_asked(
        seed: u64, min in 0usize..8, max in 1usize..12, size in 1usize..4,
    ) {
        let options = DecodeOptions {
            length: LengthBounds {
                min_tokens: min,
                max_tokens: NonZeroUsize::new(max),
                ..LengthBounds::default()
            },
            ..beam(size, 1.0, Stop::WhenUnlikely)
        };
        for output in search(seed, &options, 10) {
            prop_assert!(output.tokens.len() >= min.min(max).min(10));
            prop_assert!(output.tokens.len() <= max.min(10));
        }
    }

    #[test]
    fn the_forced_token_comes_first_and_no_ngram_twice(seed: u64, size in 1usize..4) {
        let options = DecodeOptions {
            forced_first: Some(TokenId(3)),
            no_repeat_ngram: NonZeroUsize::new(2),
            ..beam(size, 1.0, Stop::WhenUnlikely)
        };
        for output in search(seed, &options, 30) {
            prop_assert_eq!(output.tokens[0], TokenId(3));
            let mut seen = std::collections::HashSet::new();
            prop_assert!(output.tokens.windows(2).all(|pair| seen.insert(pair.to_vec())));
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_tokens(seed: u64, chance: u64) {
        let drawn = || search(seed, &sample(1.0, 5, 1.0, chance), 8).remove(0);
        prop_assert_eq!(drawn(), drawn());
    }
}

fn sample(temperature: f32, top_k: usize, top_p: f32, seed: u64) -> DecodeOptions {
    DecodeOptions {
        search: Search::Sample(Sample {
            temperature,
            top_k: NonZeroUsize::new(top_k).unwrap(),
            top_p,
            seed,
        }),
        ..DecodeOptions::default()
    }
}

/// How often each token came first in many draws.
fn first_tokens(options: impl Fn(u64) -> DecodeOptions) -> Vec<f32> {
    const DRAWS: u32 = 20_000;
    let mut counts = vec![0u32; VOCABULARY as usize];
    for chance in 0..u64::from(DRAWS) {
        let output = search(7, &options(chance), 1).remove(0);
        let first = output.tokens.first().copied().unwrap_or(END);
        counts[first.0 as usize] += 1;
    }
    counts.iter().map(|n| *n as f32 / DRAWS as f32).collect()
}

#[test]
fn tokens_are_drawn_by_their_probability_at_the_temperature() {
    for temperature in [0.5, 1.0, 2.0] {
        let weights: Vec<f32> = logits(7, &[])
            .iter()
            .map(|x| (x / temperature).exp())
            .collect();
        let total: f32 = weights.iter().sum();
        let drawn = first_tokens(|seed| sample(temperature, 5, 1.0, seed));
        for (drawn, weight) in drawn.iter().zip(&weights) {
            assert!((drawn - weight / total).abs() < 0.02, "{drawn} {weight}");
        }
    }
}

#[test]
fn only_the_likeliest_are_drawn_where_that_is_asked() {
    let mut ranked = log_probabilities(7, &[]);
    ranked.sort_by(|a, b| b.total_cmp(a));
    let among = |options: fn(u64) -> DecodeOptions| {
        first_tokens(options).iter().filter(|p| **p > 0.0).count()
    };
    assert_eq!(among(|seed| sample(1.0, 2, 1.0, seed)), 2);
    assert_eq!(among(|seed| sample(0.0, 5, 1.0, seed)), 1);
    // As few as have half of the probability.
    let half = ranked
        .iter()
        .scan(0.0, |mass, p| {
            let before = *mass;
            *mass += p.exp();
            Some(before)
        })
        .filter(|before| *before < 0.5)
        .count();
    assert_eq!(among(|seed| sample(1.0, 5, 0.5, seed)), half);
}

#[test]
fn bounds_by_ratio_count_the_source() {
    let bounds = LengthBounds {
        min_ratio: 0.5,
        max_ratio: Some(1.5),
        ..LengthBounds::default()
    };
    assert_eq!(bounds.of(10, 100), (5, 15));
    assert_eq!(bounds.of(10, 12), (5, 12));
    assert_eq!(bounds.of(3, 100), (2, 5));
    assert_eq!(LengthBounds::default().of(3, 100), (0, 100));
}
