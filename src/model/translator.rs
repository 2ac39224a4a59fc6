//! A model that reads sentences of one language and writes them in another, whatever its network.

use super::{Banned, ComputeType, Loading, Marian, ModelError, Student, T5, TokenId, Tokenizer};
use std::{path::Path, sync::Arc};

/// Immutable, shared by all who compute with it.
pub struct Translator {
    network: Network,
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
        let network = Network::Student(Arc::new(match loading.shortlist {
            true => student,
            false => student.without_shortlist(),
        }));
        Ok(Translator { network })
    }

    pub fn marian(folder: &Path, compute: ComputeType) -> Result<Self, ModelError> {
        let network = Network::Marian(Arc::new(Marian::load(folder, compute)?));
        Ok(Translator { network })
    }

    pub fn t5(folder: &Path, compute: ComputeType) -> Result<Self, ModelError> {
        let network = Network::T5(Arc::new(T5::load(folder, compute)?));
        Ok(Translator { network })
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
    pub fn target(&self) -> &Tokenizer {
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
