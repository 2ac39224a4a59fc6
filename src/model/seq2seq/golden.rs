//! What the golden tests of the families share: expectations that `tests/golden/make_*.py` wrote, and
//! the ways of asking a network for the same.

use crate::model::{Ask, Banned, DecoderState, Encoded, Ranked, Step, TokenId, Tokenizer};
use candle_core::{Result, Tensor};
use serde::Deserialize;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The fields are told in the scripts.
#[derive(Deserialize)]
pub struct Golden {
    pub tokenised: Vec<Line>,
    pub decoded: Vec<Line>,
    sources: Vec<Vec<u32>>,
    encoder_states: Vec<Vec<Vec<f32>>>,
    forced: Vec<Vec<u32>>,
    logits: Vec<Vec<Vec<f32>>>,
    greedy: Vec<Vec<u32>>,
    max_length: usize,
}

#[derive(Deserialize)]
pub struct Line {
    pub text: String,
    pub ids: Vec<u32>,
}

/// What the families have in common.
pub trait Network {
    fn encoder_states(&self, sources: &[&[TokenId]]) -> Result<Tensor>;
    fn encode(&self, sources: &[&[TokenId]]) -> Result<Vec<Encoded>>;
    fn empty_state(&self) -> Result<DecoderState>;
    fn step(&self, state: &mut DecoderState) -> Result<Step>;
    fn logits(&self, hidden: &Tensor) -> Result<Tensor>;
    fn rank(&self, hidden: &Tensor, asks: &[Ask]) -> Result<Vec<Ranked>>;
    fn banned(&self) -> &Banned;
    fn ends(&self) -> &[TokenId];
    fn forced_end(&self) -> Option<TokenId>;
}

macro_rules! network {
    ($network:ty) => {
        impl crate::model::seq2seq::golden::Network for $network {
            fn encoder_states(&self, sources: &[&[TokenId]]) -> Result<Tensor> {
                self.encoder_states(sources)
            }
            fn encode(&self, sources: &[&[TokenId]]) -> Result<Vec<Encoded>> {
                self.encode(sources)
            }
            fn empty_state(&self) -> Result<DecoderState> {
                self.empty_state()
            }
            fn step(&self, state: &mut DecoderState) -> Result<Step> {
                self.step(state)
            }
            fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
                self.logits(hidden)
            }
            fn rank(&self, hidden: &Tensor, asks: &[Ask]) -> Result<Vec<Ranked>> {
                self.rank(hidden, asks)
            }
            fn banned(&self) -> &crate::model::Banned {
                self.config.banned()
            }
            fn ends(&self) -> &[TokenId] {
                &self.config.generation.ends
            }
            fn forced_end(&self) -> Option<TokenId> {
                self.config.generation.forced_end
            }
        }
    };
}
pub(in crate::model) use network;

/// All variants of a family.
pub fn folders(family: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(family);
    let mut folders: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    folders
}

pub fn read(folder: &Path) -> Golden {
    serde_json::from_slice(&std::fs::read(folder.join("golden.json")).unwrap()).unwrap()
}

fn tokens(ids: &[Vec<u32>]) -> Vec<Vec<TokenId>> {
    let row = |ids: &Vec<u32>| ids.iter().copied().map(TokenId).collect();
    ids.iter().map(row).collect()
}

fn refs(tokens: &[Vec<TokenId>]) -> Vec<&[TokenId]> {
    tokens.iter().map(Vec::as_slice).collect()
}

fn ids(tokens: &[TokenId]) -> Vec<u32> {
    tokens.iter().map(|id| id.0).collect()
}

fn assert_close(actual: &[f32], expected: &[f32], what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (at, (a, e)) in actual.iter().zip(expected).enumerate() {
        assert!(
            (a - e).abs() < 1e-4 * e.abs().max(1.0),
            "{what}, column {at}: {a} is not {e}"
        );
    }
}

/// States, logits step by step, and greedy tokens, of all sources in one batch.
pub fn assert_golden(network: &impl Network, golden: &Golden, name: &str) {
    let sources = tokens(&golden.sources);
    let states: Vec<Vec<f32>> = network
        .encoder_states(&refs(&sources))
        .unwrap()
        .to_vec2()
        .unwrap();
    let expected: Vec<&Vec<f32>> = golden.encoder_states.iter().flatten().collect();
    assert_eq!(states.len(), expected.len());
    for (row, (actual, expected)) in states.iter().zip(expected).enumerate() {
        assert_close(actual, expected, &format!("{name}: encoder row {row}"));
    }

    let mut state = started(network, &sources);
    let mut running: Vec<usize> = (0..sources.len()).collect();
    for at in 0.. {
        let step = network.step(&mut state).unwrap();
        let logits: Vec<Vec<f32>> = network.logits(&step.hidden).unwrap().to_vec2().unwrap();
        for ((actual, row), alignment) in logits.iter().zip(&running).zip(&step.alignments) {
            assert_close(
                actual,
                &golden.logits[*row][at],
                &format!("{name}: source {row}, step {at}"),
            );
            assert_eq!(alignment.len(), sources[*row].len());
            assert!((alignment.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        }
        let next = |row: usize| golden.forced[row].get(at + 1).map(|id| TokenId(*id));
        let rows = running.iter().enumerate();
        let moves: Vec<(usize, TokenId)> =
            rows.filter_map(|(i, row)| Some((i, next(*row)?))).collect();
        running.retain(|row| next(*row).is_some());
        if running.is_empty() {
            break;
        }
        state.advance(&moves).unwrap();
    }

    let outputs = greedy(network, &sources, golden.max_length);
    for (output, expected) in outputs.iter().zip(&golden.greedy) {
        assert_eq!(&ids(output), expected, "{name}");
    }
}

/// In int8 exactly, whatever the batch; in f32 with the same tokens.
pub fn assert_alone_as_together(network: &impl Network, golden: &Golden) {
    let sources = tokens(&golden.sources);
    let together = greedy(network, &sources, golden.max_length);
    for (source, output) in sources.iter().zip(&together) {
        let alone = greedy(network, std::slice::from_ref(source), golden.max_length);
        assert_eq!(&alone[0], output);
    }
}

/// Bits of the first step's scores do not change with who shares the batch.
pub fn assert_same_bits_alone(network: &impl Network, golden: &Golden) {
    let sources = tokens(&golden.sources);
    let first = |sources: &[Vec<TokenId>]| -> Vec<Vec<f32>> {
        let step = network.step(&mut started(network, sources)).unwrap();
        network.logits(&step.hidden).unwrap().to_vec2().unwrap()
    };
    let together = first(&sources);
    for (source, logits) in sources.iter().zip(&together) {
        assert_eq!(&first(std::slice::from_ref(source))[0], logits);
    }
}

fn started(network: &impl Network, sources: &[Vec<TokenId>]) -> DecoderState {
    let mut state = network.empty_state().unwrap();
    let encoded = network.encode(&refs(sources)).unwrap();
    state.join(encoded.into_iter().map(Arc::new)).unwrap();
    state
}

/// Outputs with their end, as `generate` gives them.
fn greedy(
    network: &impl Network,
    sources: &[Vec<TokenId>],
    max_length: usize,
) -> Vec<Vec<TokenId>> {
    let ask = |so_far: &Vec<TokenId>| Ask {
        banned: network.banned().after(so_far).collect(),
        ..Ask::best()
    };
    let mut state = started(network, sources);
    let mut outputs = vec![Vec::new(); sources.len()];
    let mut running: Vec<usize> = (0..sources.len()).collect();
    for length in 2..=max_length {
        let step = network.step(&mut state).unwrap();
        let asks: Vec<Ask> = running.iter().map(|row| ask(&outputs[*row])).collect();
        let ranked = network.rank(&step.hidden, &asks).unwrap();
        let mut moves = Vec::new();
        let mut left = Vec::new();
        for (i, (row, ranked)) in running.iter().zip(&ranked).enumerate() {
            let forced = network.forced_end().filter(|_| length == max_length);
            let token = forced.unwrap_or(ranked.tokens[0].0);
            outputs[*row].push(token);
            if !network.ends().contains(&token) {
                moves.push((i, token));
                left.push(*row);
            }
        }
        running = left;
        if running.is_empty() {
            break;
        }
        state.advance(&moves).unwrap();
    }
    outputs
}

/// `end`: what the reference adds to a source.
pub fn assert_tokenised(tokenizer: &Tokenizer, lines: &[Line], prefix: &[TokenId], end: TokenId) {
    assert!(lines.len() >= 8);
    for line in lines {
        let text = match prefix {
            [] => &line.text,
            _ => line.text.split_once(' ').unwrap().1,
        };
        let encoded = tokenizer.encode(text);
        let tokens = encoded.iter().map(|token| token.id);
        let all: Vec<TokenId> = prefix.iter().copied().chain(tokens).chain([end]).collect();
        assert_eq!(ids(&all), line.ids, "{:?}", line.text);
    }
}

pub fn assert_decoded(tokenizer: &Tokenizer, lines: &[Line]) {
    for line in lines {
        let ids: Vec<TokenId> = line.ids.iter().copied().map(TokenId).collect();
        assert_eq!(tokenizer.decode(&ids).trim(), line.text, "{:?}", line.ids);
    }
}
