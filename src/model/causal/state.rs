//! Sequences that are continued together, each at its own position.

use crate::model::{TokenId, layers::Cache};
use candle_core::{Result, bail};
use std::collections::VecDeque;

/// The batch. A row waits for its next token, or knows the hidden state that the token is chosen
/// by: `step` leads from the first to the second, `advance` back.
pub struct State {
    pub(super) rows: Vec<Row>,
    /// What has joined and is no row yet, in its order.
    pub(super) reading: VecDeque<Reading>,
}

/// A prompt that is being read; its row has as much of it as is read.
pub(super) struct Reading {
    pub row: Row,
    pub prompt: Vec<TokenId>,
}

#[derive(Clone)]
pub(super) struct Row {
    /// One a layer.
    pub caches: Vec<Cache>,
    /// Tokens in them.
    pub length: usize,
    pub next: Next,
}

#[derive(Clone)]
pub(super) enum Next {
    /// This token is to be read.
    Token(TokenId),
    /// All tokens are read; `[dim]`.
    Hidden(Vec<f32>),
}

impl State {
    /// Sequences in the batch.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether prompts have joined that are not read through.
    pub fn is_reading(&self) -> bool {
        !self.reading.is_empty()
    }

    /// Of the prompts that are not read through, in their order, drops those that do not `stay`.
    pub fn forget(&mut self, stay: &[bool]) {
        let mut stay = stay.iter();
        self.reading.retain(|_| stay.next() == Some(&true));
    }

    /// Row `i` of the new batch continues row `rows[i].0` of the old one with the token. A row that is
    /// not named leaves; one that is named twice goes on in two ways.
    ///
    /// # Errors
    /// A row is not there, or has not been stepped since its last token.
    pub fn advance(&mut self, rows: &[(usize, TokenId)]) -> Result<()> {
        let mut named = vec![0usize; self.rows.len()];
        for (row, _) in rows {
            match self.rows.get(*row).map(|row| &row.next) {
                Some(Next::Hidden(_)) => named[*row] += 1,
                Some(Next::Token(_)) => bail!("row {row} has a next token already"),
                None => bail!("there is no row {row} among {}", self.rows.len()),
            }
        }
        let mut old: Vec<Option<Row>> = std::mem::take(&mut self.rows)
            .into_iter()
            .map(Some)
            .collect();
        for (row, token) in rows {
            named[*row] -= 1;
            let next = match named[*row] {
                0 => old[*row].take(),
                _ => old[*row].clone(),
            };
            self.rows.extend(next.map(|row| Row {
                next: Next::Token(*token),
                ..row
            }));
        }
        Ok(())
    }
}
