//! Searches over whole networks give what `transformers` gives; `tests/golden/make_*.py` tell the fields.

use super::*;
use crate::{
    inference::decode::{
        Beam, Continuation, DecodeOptions, Hypothesis, LengthBounds, Rules, Search, Searching, Stop,
    },
    model::{ComputeType, Generation},
};
use serde::Deserialize;
use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

#[derive(Deserialize)]
struct Golden {
    sources: Vec<Vec<u32>>,
    greedy: Vec<Vec<u32>>,
    max_length: usize,
    beams: Vec<Beams>,
}

#[derive(Deserialize)]
struct Beams {
    num_beams: NonZeroUsize,
    length_penalty: f32,
    early_stopping: serde_json::Value,
    sequences: Vec<Vec<u32>>,
    scores: Vec<f32>,
}

impl Beams {
    fn search(&self) -> Search {
        Search::Beam(Beam {
            size: self.num_beams,
            length_penalty: self.length_penalty,
            stop: match &self.early_stopping {
                serde_json::Value::Bool(true) => Stop::WhenFull,
                serde_json::Value::Bool(false) => Stop::WhenUnlikely,
                _ => Stop::WhenImpossible,
            },
        })
    }
}

#[derive(Deserialize)]
struct Answer {
    prompt: Vec<u32>,
    beam4_without_end: Best,
}

/// Of a beam search in which nothing ends before the last step.
#[derive(Deserialize)]
struct Best {
    tokens: Vec<u32>,
    /// Its log-probability.
    score: f32,
}

fn folders(family: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = std::fs::read_dir(root.join(family)).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn read<T: serde::de::DeserializeOwned>(folder: &Path) -> T {
    serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap()
}

fn ids(tokens: &[u32]) -> Vec<TokenId> {
    tokens.iter().copied().map(TokenId).collect()
}

/// Outputs of sources that are decoded together, the best of each first.
fn decode(
    model: &Model,
    sources: &[Vec<TokenId>],
    options: &DecodeOptions,
) -> Vec<Vec<Hypothesis>> {
    let mut decoder = decoder(model).unwrap();
    let refs: Vec<&[TokenId]> = sources.iter().map(Vec::as_slice).collect();
    decoder.join(&refs).unwrap();
    let mut read = 0;
    while read < sources.len() {
        read += decoder.read().unwrap();
    }
    let rules = |source: &Vec<TokenId>| {
        Rules::new(
            options,
            model.ends().into(),
            model.banned(),
            source.len(),
            1000,
        )
    };
    let mut under_way: Vec<(usize, Searching)> = sources
        .iter()
        .map(|source| Searching::new(options, rules(source)))
        .enumerate()
        .collect();
    let mut outputs = vec![Vec::new(); sources.len()];
    while !under_way.is_empty() {
        let asks: Vec<Ask> = under_way.iter().flat_map(|(_, one)| one.asks()).collect();
        let next = decoder.step(&asks).unwrap();
        let (mut first, mut rows) = (0, Vec::new());
        under_way.retain_mut(|(source, one)| {
            let count = one.rows();
            let continuation = one.step(&next[first..first + count]);
            let before = first;
            first += count;
            match continuation {
                Continuation::Rows(more) => {
                    rows.extend(more.into_iter().map(|(row, token)| (before + row, token)));
                    true
                }
                Continuation::Done(done) => {
                    outputs[*source] = done;
                    false
                }
            }
        });
        decoder.advance(&rows).unwrap();
    }
    outputs
}

fn assert_golden(model: &Model, generation: &Generation, folder: &Path) {
    let golden: Golden = read(folder);
    let sources: Vec<Vec<TokenId>> = golden.sources.iter().map(|ids_| ids(ids_)).collect();
    // The start is not ours to count, and a forced end is none of the tokens.
    let most = golden.max_length - 1 - usize::from(generation.forced_end.is_some());
    let options = |search| DecodeOptions {
        search,
        length: LengthBounds {
            max_tokens: NonZeroUsize::new(most),
            ..LengthBounds::default()
        },
        forced_last: generation.forced_end,
        ..DecodeOptions::default()
    };
    let without_end = |sequence: &Vec<u32>| {
        let mut tokens = ids(sequence);
        tokens.retain(|token| !generation.ends.contains(token));
        tokens
    };
    let greedy = decode(model, &sources, &options(Search::Greedy));
    for (found, expected) in greedy.iter().zip(&golden.greedy) {
        assert_eq!(found[0].tokens, without_end(expected), "{folder:?}");
    }
    assert!(!golden.beams.is_empty());
    for beams in &golden.beams {
        let found = decode(model, &sources, &options(beams.search()));
        for ((found, expected), score) in found.iter().zip(&beams.sequences).zip(&beams.scores) {
            let what = format!("{folder:?} {:?}", beams.search());
            assert_eq!(found[0].tokens, without_end(expected), "{what}");
            let normalized = found[0].score.unwrap().normalized;
            assert!(
                (normalized - score).abs() < 1e-3,
                "{what}: {normalized} {score}"
            );
        }
    }
}

#[test]
fn golden_marians_are_searched_as_the_reference_searches_them() {
    for folder in folders("marian") {
        let model = Model::marian(&folder, ComputeType::F32).unwrap();
        let network = crate::model::Marian::load(&folder, ComputeType::F32).unwrap();
        assert_golden(&model, &network.config.generation, &folder);
    }
}

#[test]
fn golden_t5s_are_searched_as_the_reference_searches_them() {
    for folder in folders("t5") {
        let model = Model::t5(&folder, ComputeType::F32).unwrap();
        let network = crate::model::T5::load(&folder, ComputeType::F32).unwrap();
        assert_golden(&model, &network.config.generation, &folder);
    }
}

#[test]
fn golden_instruction_models_are_searched_as_the_reference_searches_them() {
    for folder in folders("causal") {
        let model = Model::instruction(&folder).unwrap();
        let answers: Vec<Answer> = read(&folder);
        let prompts: Vec<Vec<TokenId>> = answers.iter().map(|answer| ids(&answer.prompt)).collect();
        let steps = answers[0].beam4_without_end.tokens.len();
        let options = DecodeOptions {
            search: Search::Beam(Beam::of(NonZeroUsize::new(4).unwrap())),
            length: LengthBounds {
                min_tokens: steps,
                max_tokens: NonZeroUsize::new(steps),
                ..LengthBounds::default()
            },
            ..DecodeOptions::default()
        };
        for (found, answer) in decode(&model, &prompts, &options).iter().zip(&answers) {
            let expected = &answer.beam4_without_end;
            assert_eq!(found[0].tokens, ids(&expected.tokens), "{folder:?}");
            let score = found[0].score.unwrap().log_probability;
            assert!((score - expected.score).abs() < 1e-3, "{folder:?}");
        }
    }
}
