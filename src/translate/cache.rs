//! Sentences that were translated lately: a retry, a hedged request or the same boilerplate in the next
//! article is not computed again.
//!
//! What is kept is what a model's hop made of a sentence in the end, all attempts, checks and repairs done,
//! under everything that decides it. It is the same text whoever asks; only how soon it comes tells that
//! somebody asked before.

#[cfg(test)]
mod test;

use super::{Likelihood, LoadedHop, SentenceUsage, Warning, sentence::Outcome};
use crate::{article::Language, inference::DecodeOptions, model::LoadId};
use moka::{policy::EvictionPolicy, sync};
use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Cheap to clone; clones share what is kept.
#[derive(Clone)]
pub struct Cache {
    /// None where nothing is to be kept.
    kept: Option<sync::Cache<Key, Arc<Kept>>>,
}

/// What decides a translation beside the sentence.
#[derive(Debug, PartialEq)]
pub struct Setting {
    /// The weights and vocabularies, as they were loaded: a model that was loaded again has another.
    model: LoadId,
    source: Language,
    target: Language,
    decoding: DecodeOptions,
}

/// What decides it.
struct Key {
    setting: Arc<Setting>,
    /// As the hop is given it: placeholders, folded letters and pieces follow from it.
    sentence: Box<str>,
}

/// What became of a sentence.
struct Kept {
    text: Box<str>,
    warnings: Box<[Warning]>,
    likelihood: Option<Likelihood>,
    source_tokens: usize,
    target_tokens: usize,
}

/// Bytes of an entry beside its texts, about: its key and value, and what the map and its list hold of it
/// (some 300, by the types of moka 0.12). Settings are shared by the sentences of a request.
const ENTRY: usize = 300 + size_of::<Key>() + size_of::<Kept>();

impl Cache {
    /// Keeps so many bytes of sentences, translations and what belongs to them; 0 keeps nothing. Those that
    /// were asked for least recently leave first: how often a sentence came before the last hour says little
    /// of a retry.
    pub fn new(bytes: u64) -> Self {
        let kept = (bytes > 0).then(|| {
            sync::Cache::builder()
                .max_capacity(bytes)
                .weigher(weight)
                .eviction_policy(EvictionPolicy::lru())
                .build()
        });
        Cache { kept }
    }

    /// What was kept of the sentence.
    pub(super) fn get(&self, setting: &Arc<Setting>, sentence: &str) -> Option<Outcome> {
        let found = self.kept.as_ref()?.get(&Key::new(setting, sentence))?;
        Some(found.outcome())
    }

    /// Keeps what became of the sentence.
    pub(super) fn keep(&self, setting: &Arc<Setting>, sentence: &str, outcome: &Outcome) {
        let (key, asked) = (Key::new(setting, sentence), Key::new(setting, sentence));
        // A key that is not equal to itself, as one with NaN, would never be found, nor leave.
        if let Some(kept) = self.kept.as_ref().filter(|_| key == asked) {
            kept.insert(key, Arc::new(Kept::of(outcome)));
        }
    }

    /// Whether anything is kept.
    pub fn is_on(&self) -> bool {
        self.kept.is_some()
    }

    /// Bytes of what is kept right now.
    pub fn bytes(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| {
            kept.run_pending_tasks();
            kept.weighted_size()
        })
    }
}

impl Setting {
    pub fn new(hop: &LoadedHop, decoding: DecodeOptions) -> Self {
        Setting {
            model: hop.model.load_id(),
            source: hop.hop.source.clone(),
            target: hop.hop.target.clone(),
            decoding,
        }
    }
}

impl Key {
    fn new(setting: &Arc<Setting>, sentence: &str) -> Self {
        Key {
            setting: setting.clone(),
            sentence: sentence.into(),
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.sentence == other.sentence && self.setting == other.setting
    }
}

/// What is put in is equal to itself, see [`Cache::keep`].
impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.setting.model.hash(state);
        self.sentence.hash(state);
    }
}

impl Kept {
    fn of(outcome: &Outcome) -> Self {
        Kept {
            text: outcome.text.as_str().into(),
            warnings: outcome.warnings.as_slice().into(),
            likelihood: outcome.likelihood,
            source_tokens: outcome.usage.source_tokens,
            target_tokens: outcome.usage.target_tokens,
        }
    }

    /// The same as it was, but that nobody waited and nothing was computed.
    fn outcome(&self) -> Outcome {
        Outcome {
            text: self.text.to_string(),
            warnings: self.warnings.to_vec(),
            usage: SentenceUsage {
                source_tokens: self.source_tokens,
                target_tokens: self.target_tokens,
                kept_source_tokens: self.source_tokens,
                kept_target_tokens: self.target_tokens,
                ..SentenceUsage::default()
            },
            likelihood: self.likelihood,
        }
    }
}

/// Bytes of an entry.
fn weight(key: &Key, kept: &Arc<Kept>) -> u32 {
    let warnings = kept.warnings.iter();
    let warnings = warnings.map(|warning| size_of::<Warning>() + warning.message.capacity());
    let texts = key.sentence.len() + kept.text.len() + warnings.sum::<usize>();
    u32::try_from(ENTRY + texts).unwrap_or(u32::MAX)
}
