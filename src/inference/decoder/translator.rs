//! Networks of an encoder and a decoder that attends to what the encoder made of the source.

use super::{Decoder, Next};
use crate::model::{
    Ask, Marian, Ranked, Student, T5, TokenId, Translator, seq2seq, student, translator::Network,
};
use candle_core::{Result, Tensor};
use std::sync::Arc;

/// A decoder of no sentences yet.
pub fn decoder(model: &Translator) -> Result<Box<dyn Decoder>> {
    Ok(match model.network() {
        Network::Student(network) => Box::new(Sentences::new(network)?),
        Network::Marian(network) => Box::new(Sentences::new(network)?),
        Network::T5(network) => Box::new(Sentences::new(network)?),
    })
}

/// Mean of the encoder's states over each source, `[dim]`.
pub fn vectors(model: &Translator, sources: &[&[TokenId]]) -> Result<Vec<Vec<f32>>> {
    Ok(match model.network() {
        Network::Student(network) => network.vectors(sources)?,
        Network::Marian(network) => network.vectors(sources)?,
        Network::T5(network) => network.vectors(sources)?,
    })
}

/// What the families have in common.
trait EncoderDecoder: Send + Sync {
    /// What the encoder leaves of a sentence.
    type Encoded;
    /// Sentences being decoded together.
    type State: Send;

    fn encode(&self, sources: &[&[TokenId]]) -> Result<Vec<Self::Encoded>>;
    fn empty(&self) -> Result<Self::State>;
    fn join(state: &mut Self::State, encoded: Vec<Arc<Self::Encoded>>) -> Result<()>;
    /// What the output layer reads, `[rows, dim]`, and each row's attention over its source.
    fn step(&self, state: &mut Self::State) -> Result<(Tensor, Vec<Vec<f32>>)>;
    fn rank(&self, state: &Self::State, hidden: &Tensor, asks: &[Ask]) -> Result<Vec<Ranked>>;
    fn advance(state: &mut Self::State, rows: &[(usize, TokenId)]) -> Result<()>;
}

struct Sentences<N: EncoderDecoder> {
    network: Arc<N>,
    /// Not encoded yet.
    unread: Vec<Vec<TokenId>>,
    state: N::State,
}

impl<N: EncoderDecoder> Sentences<N> {
    fn new(network: &Arc<N>) -> Result<Self> {
        Ok(Sentences {
            state: network.empty()?,
            unread: Vec::new(),
            network: network.clone(),
        })
    }
}

impl<N: EncoderDecoder> Decoder for Sentences<N> {
    fn join(&mut self, sources: &[&[TokenId]]) -> Result<()> {
        self.unread
            .extend(sources.iter().map(|source| source.to_vec()));
        Ok(())
    }

    /// All at once: a window bounds each, the queue their sum.
    fn read(&mut self) -> Result<usize> {
        let unread = std::mem::take(&mut self.unread);
        if unread.is_empty() {
            return Ok(0);
        }
        let sources: Vec<&[TokenId]> = unread.iter().map(Vec::as_slice).collect();
        let encoded = self.network.encode(&sources)?;
        N::join(&mut self.state, encoded.into_iter().map(Arc::new).collect())?;
        Ok(sources.len())
    }

    fn forget(&mut self, stay: &[bool]) {
        let mut stay = stay.iter();
        self.unread.retain(|_| stay.next() == Some(&true));
    }

    fn step(&mut self, asks: &[Ask]) -> Result<Vec<Next>> {
        let (hidden, attentions) = self.network.step(&mut self.state)?;
        let ranked = self.network.rank(&self.state, &hidden, asks)?;
        let next = ranked.into_iter().zip(attentions);
        Ok(next
            .map(|(ranked, attention)| Next {
                ranked,
                attention: attention.into(),
            })
            .collect())
    }

    fn advance(&mut self, rows: &[(usize, TokenId)]) -> Result<()> {
        N::advance(&mut self.state, rows)
    }
}

impl EncoderDecoder for Student {
    type Encoded = student::Encoded;
    type State = student::DecoderState;

    fn encode(&self, sources: &[&[TokenId]]) -> Result<Vec<Self::Encoded>> {
        self.encode(sources)
    }

    fn empty(&self) -> Result<Self::State> {
        self.empty_state()
    }

    fn join(state: &mut Self::State, encoded: Vec<Arc<Self::Encoded>>) -> Result<()> {
        state.join(encoded)
    }

    fn step(&self, state: &mut Self::State) -> Result<(Tensor, Vec<Vec<f32>>)> {
        let step = self.step(state)?;
        Ok((step.hidden, step.alignments))
    }

    fn rank(&self, state: &Self::State, hidden: &Tensor, asks: &[Ask]) -> Result<Vec<Ranked>> {
        self.rank(state, hidden, asks)
    }

    fn advance(state: &mut Self::State, rows: &[(usize, TokenId)]) -> Result<()> {
        state.advance(rows)
    }
}

/// The transformers share their state.
macro_rules! transformers {
    ($($network:ty),*) => {$(
        impl EncoderDecoder for $network {
            type Encoded = seq2seq::Encoded;
            type State = seq2seq::DecoderState;

            fn encode(&self, sources: &[&[TokenId]]) -> Result<Vec<Self::Encoded>> {
                self.encode(sources)
            }

            fn empty(&self) -> Result<Self::State> {
                self.empty_state()
            }

            fn join(state: &mut Self::State, encoded: Vec<Arc<Self::Encoded>>) -> Result<()> {
                state.join(encoded)
            }

            fn step(&self, state: &mut Self::State) -> Result<(Tensor, Vec<Vec<f32>>)> {
                let step = self.step(state)?;
                Ok((step.hidden, step.alignments))
            }

            fn rank(&self, _: &Self::State, hidden: &Tensor, asks: &[Ask]) -> Result<Vec<Ranked>> {
                self.rank(hidden, asks)
            }

            fn advance(state: &mut Self::State, rows: &[(usize, TokenId)]) -> Result<()> {
                state.advance(rows)
            }
        }
    )*};
}

transformers!(Marian, T5);
