//! How a folder wants its network to be decoded: `generation_config.json`, over the same keys of
//! `config.json`, where older models have them.

use super::{ModelError, TokenId};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::{path::Path, sync::Arc};

/// As Hugging Face's `generate` reads it; what is not said is `None` or as it takes it to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Generation {
    /// The decoder's first input.
    pub start: TokenId,
    /// Each ends an output.
    pub ends: Vec<TokenId>,
    pub padding: Option<TokenId>,
    /// What an output of the greatest length ends with, whatever the scores say.
    pub forced_end: Option<TokenId>,
    /// `bad_words_ids`.
    pub banned: Banned,
    /// Tokens of an output, its start and its end counted.
    pub max_length: Option<usize>,
    /// Probabilities are taken over the tokens that may come, not over all.
    pub renormalize: bool,
    pub no_repeat_ngram: usize,
}

/// Tokens, and sequences of them, that never come in an output. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Banned(Arc<[Vec<TokenId>]>);

impl Banned {
    /// `sequences`: each of one token or more.
    pub fn new(sequences: impl IntoIterator<Item = Vec<TokenId>>) -> Self {
        Banned(sequences.into_iter().collect())
    }

    /// The tokens that would complete one of the sequences behind these.
    pub fn after(&self, so_far: &[TokenId]) -> impl Iterator<Item = TokenId> {
        let last = |sequence: &Vec<TokenId>| {
            let (last, before) = sequence.split_last()?;
            so_far.ends_with(before).then_some(*last)
        };
        self.0.iter().filter_map(last)
    }

    fn tokens(&self) -> impl Iterator<Item = TokenId> {
        self.0.iter().flatten().copied()
    }
}

#[derive(Default, Deserialize)]
struct Written {
    decoder_start_token_id: Option<u32>,
    eos_token_id: Option<Ids>,
    pad_token_id: Option<u32>,
    forced_eos_token_id: Option<Ids>,
    bad_words_ids: Option<Vec<Vec<u32>>>,
    max_length: Option<usize>,
    renormalize_logits: Option<bool>,
    no_repeat_ngram_size: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Ids {
    One(u32),
    More(Vec<u32>),
}

impl Ids {
    fn tokens(self) -> Vec<TokenId> {
        match self {
            Ids::One(id) => vec![TokenId(id)],
            Ids::More(ids) => ids.into_iter().map(TokenId).collect(),
        }
    }
}

/// A folder's `config.json`: the network's own keys, and how it is to be decoded.
pub fn read<T: DeserializeOwned>(folder: &Path) -> Result<(T, Generation), ModelError> {
    let path = folder.join("config.json");
    let bytes = std::fs::read(&path).map_err(|source| ModelError::Read {
        path: path.clone(),
        source,
    })?;
    let error = |path: &Path, source| ModelError::Config {
        path: path.to_owned(),
        source,
    };
    let mut keys: Map<String, Value> =
        serde_json::from_slice(&bytes).map_err(|source| error(&path, source))?;
    let network = serde_json::from_value(Value::Object(keys.clone()))
        .map_err(|source| error(&path, source))?;
    let beside = folder.join("generation_config.json");
    if let Ok(bytes) = std::fs::read(&beside) {
        let over: Map<String, Value> =
            serde_json::from_slice(&bytes).map_err(|source| error(&beside, source))?;
        keys.extend(over.into_iter().filter(|(_, value)| !value.is_null()));
    }
    let written: Written =
        serde_json::from_value(Value::Object(keys)).map_err(|source| error(&path, source))?;
    Ok((network, written.into()))
}

impl From<Written> for Generation {
    fn from(written: Written) -> Self {
        let padding = written.pad_token_id.map(TokenId);
        let ends = written.eos_token_id.map(Ids::tokens).unwrap_or_default();
        let start = written.decoder_start_token_id.map(TokenId).or(padding);
        let ends = match ends.is_empty() {
            true => vec![TokenId(1)],
            false => ends,
        };
        let banned = written.bad_words_ids.unwrap_or_default();
        let banned = banned
            .into_iter()
            .map(|sequence| sequence.into_iter().map(TokenId).collect())
            // An output always may end, as `transformers` has it.
            .filter(|sequence: &Vec<TokenId>| !ends.iter().any(|end| *sequence == [*end]));
        Generation {
            start: start.unwrap_or(TokenId(0)),
            padding,
            forced_end: written
                .forced_eos_token_id
                .and_then(|ids| ids.tokens().first().copied()),
            banned: Banned::new(banned),
            ends,
            max_length: written.max_length,
            renormalize: written.renormalize_logits.unwrap_or(false),
            no_repeat_ngram: written.no_repeat_ngram_size.unwrap_or(0),
        }
    }
}

impl Generation {
    /// As it is where nothing but these tokens is said.
    pub fn of_tokens(start: Option<u32>, end: Option<u32>, padding: Option<u32>) -> Self {
        let written = Written {
            decoder_start_token_id: start,
            eos_token_id: end.map(Ids::One),
            pad_token_id: padding,
            ..Written::default()
        };
        written.into()
    }

    /// Ids that a vocabulary of that size lacks, in words.
    pub fn problems(&self, vocabulary: usize) -> Vec<String> {
        let named = [("decoder_start_token_id", self.start)]
            .into_iter()
            .chain(self.ends.iter().map(|id| ("eos_token_id", *id)))
            .chain(self.padding.map(|id| ("pad_token_id", id)))
            .chain(self.forced_end.map(|id| ("forced_eos_token_id", id)))
            .chain(self.banned.tokens().map(|id| ("bad_words_ids", id)));
        named
            .filter(|(_, id)| id.0 as usize >= vocabulary)
            .map(|(name, id)| format!("{name} {} is outside the vocabulary of {vocabulary}", id.0))
            .collect()
    }
}
