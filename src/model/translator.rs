//! A model that reads a source and writes what it was trained to write of it, a translation or a summary,
//! whatever its network.

use super::{Banned, ComputeType, Loading, Marian, ModelError, Student, T5, TokenId, Tokenizer};
use std::{
    num::NonZeroUsize,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Immutable, shared by all who compute with it.
pub struct Translator {
    network: Network,
    load: LoadId,
}

/// Tells what was loaded from all else that this process loads: a model's files may be others the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LoadId(u64);

impl LoadId {
    pub fn next() -> Self {
        static LOADS: AtomicU64 = AtomicU64::new(0);
        LoadId(LOADS.fetch_add(1, Ordering::Relaxed))
    }
}

/// The families of networks that translate.
pub enum Network {
    Student(Arc<Student>),
    Marian(Arc<Marian>),
    T5(Arc<T5>),
}

impl Translator {
    pub fn student(folder: &Path, loading: impl Into<Loading>) -> Result<Self, ModelError> {
        let loading = loading.into();
        let student = Student::load(folder, loading.compute)?;
        let student = match loading.shortlist {
            true => student,
            false => student.without_shortlist(),
        };
        Ok(Translator::new(Network::Student(Arc::new(student))))
    }

    pub fn marian(folder: &Path, compute: ComputeType) -> Result<Self, ModelError> {
        let marian = Marian::load(folder, compute)?;
        Ok(Translator::new(Network::Marian(Arc::new(marian))))
    }

    pub fn t5(folder: &Path, compute: ComputeType) -> Result<Self, ModelError> {
        let t5 = T5::load(folder, compute)?;
        Ok(Translator::new(Network::T5(Arc::new(t5))))
    }

    fn new(network: Network) -> Self {
        Translator {
            network,
            load: LoadId::next(),
        }
    }

    /// Which load of a model it is.
    pub fn load_id(&self) -> LoadId {
        self.load
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Vocabulary of the source languages.
    pub fn source(&self) -> &Tokenizer {
        match &self.network {
            Network::Student(student) => &student.source,
            Network::Marian(marian) => &marian.source,
            Network::T5(t5) => &t5.source,
        }
    }

    /// Vocabulary of the target languages.
    pub fn target(&self) -> &Arc<Tokenizer> {
        match &self.network {
            Network::Student(student) => &student.target,
            Network::Marian(marian) => &marian.target,
            Network::T5(t5) => &t5.target,
        }
    }

    /// Ends a source and a target sentence.
    pub fn end(&self) -> TokenId {
        match &self.network {
            Network::Student(student) => student.config.end(),
            Network::Marian(marian) => marian.config.end(),
            Network::T5(t5) => t5.config.end(),
        }
    }

    /// Tokens of a source sentence, its end counted, that the network was made for.
    pub fn max_source_tokens(&self) -> usize {
        match &self.network {
            Network::Student(student) => student.config.max_source_tokens,
            Network::Marian(marian) => marian.config.max_source_tokens,
            Network::T5(t5) => t5.config.max_source_tokens,
        }
    }

    /// Longest output, in tokens, for a source of that many tokens, its end counted.
    pub fn max_output(&self, source_tokens: usize) -> usize {
        match &self.network {
            Network::Student(student) => student.config.max_output(source_tokens),
            Network::Marian(marian) => marian.config.max_output(source_tokens),
            Network::T5(t5) => t5.config.max_output(source_tokens),
        }
    }

    /// What a source begins with where the model writes several languages; `language` as the vocabulary
    /// has it.
    pub fn prefix(&self, language: &str) -> Option<TokenId> {
        match &self.network {
            Network::Student(_) => None,
            Network::Marian(marian) => marian.target_prefix(language),
            Network::T5(t5) => t5.target_prefix(language),
        }
    }

    /// Whether a lexical shortlist narrows what may come in an output.
    pub fn has_shortlist(&self) -> bool {
        match &self.network {
            Network::Student(student) => student.has_shortlist(),
            Network::Marian(_) | Network::T5(_) => false,
        }
    }

    /// What was put before texts to be summarised in training, where the folder says so.
    pub fn summary_prefix(&self) -> Option<&str> {
        match &self.network {
            Network::T5(t5) => t5.config.summary_prefix.as_deref(),
            Network::Student(_) | Network::Marian(_) => None,
        }
    }

    /// No sequence of so many tokens comes twice in an output, where the folder says so.
    pub fn no_repeat_ngram(&self) -> Option<NonZeroUsize> {
        let generation = match &self.network {
            Network::Student(_) => return None,
            Network::Marian(marian) => &marian.config.generation,
            Network::T5(t5) => &t5.config.generation,
        };
        NonZeroUsize::new(generation.no_repeat_ngram)
    }

    /// What never comes in an output.
    pub fn banned(&self) -> Banned {
        match &self.network {
            Network::Student(_) => Banned::default(),
            Network::Marian(marian) => marian.config.banned().clone(),
            Network::T5(t5) => t5.config.banned().clone(),
        }
    }

    /// Numbers in all its tensors.
    pub fn parameters(&self) -> usize {
        match &self.network {
            Network::Student(student) => student.parameters,
            Network::Marian(marian) => marian.parameters,
            Network::T5(t5) => t5.parameters,
        }
    }

    /// Bytes of memory beyond the mapped weights file.
    pub fn resident_bytes(&self) -> usize {
        match &self.network {
            Network::Student(student) => student.resident_bytes(),
            Network::Marian(marian) => marian.resident_bytes(),
            Network::T5(t5) => t5.resident_bytes(),
        }
    }
}
