//! Networks that go on from a prompt.

use super::{Decoder, Next};
use crate::model::{Ask, Causal, TokenId, causal::State};
use candle_core::Result;
use std::sync::Arc;

/// A decoder of no texts yet.
pub fn decoder(model: &Arc<Causal>) -> Result<Box<dyn Decoder>> {
    Ok(Box::new(Texts {
        state: model.empty_state()?,
        model: model.clone(),
    }))
}

struct Texts {
    model: Arc<Causal>,
    state: State,
}

impl Decoder for Texts {
    fn join(&mut self, prompts: &[&[TokenId]]) -> Result<()> {
        self.model.join(&mut self.state, prompts)
    }

    fn read(&mut self) -> Result<usize> {
        self.model.read(&mut self.state)
    }

    fn forget(&mut self, stay: &[bool]) {
        self.state.forget(stay);
    }

    fn step(&mut self, asks: &[Ask]) -> Result<Vec<Next>> {
        let hidden = self.model.step(&mut self.state)?;
        let ranked = self.model.rank(&hidden, asks)?.into_iter();
        Ok(ranked
            .map(|ranked| Next {
                ranked,
                attention: Arc::default(),
            })
            .collect())
    }

    fn advance(&mut self, rows: &[(usize, TokenId)]) -> Result<()> {
        self.state.advance(rows)
    }
}
