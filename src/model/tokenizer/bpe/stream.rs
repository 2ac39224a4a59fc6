//! Tokens back into text while they come: only whole characters leave.

use super::BpeTokenizer;
use crate::model::TokenId;
use std::sync::Arc;

/// The text of one sequence of tokens, piece by piece.
pub struct Detokenizer {
    tokenizer: Arc<BpeTokenizer>,
    /// The first bytes of a character whose others have not come.
    pending: Vec<u8>,
    /// Nothing has come yet.
    at_start: bool,
}

impl Detokenizer {
    pub fn new(tokenizer: Arc<BpeTokenizer>) -> Self {
        Detokenizer {
            tokenizer,
            pending: Vec::new(),
            at_start: true,
        }
    }

    /// The characters that the token completes. Bytes that are no character are U+FFFD.
    pub fn push(&mut self, token: TokenId) -> String {
        let mut bytes = self.tokenizer.bytes(token);
        if self.at_start && self.tokenizer.adds_a_space() {
            bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
        }
        self.at_start &= self.tokenizer.bytes(token).is_empty();
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        let mut rest = &self.pending[..];
        loop {
            match std::str::from_utf8(rest) {
                Ok(whole) => {
                    text.push_str(whole);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (whole, broken) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(whole));
                    rest = broken;
                    let Some(length) = error.error_len() else {
                        break;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &rest[length..];
                }
            }
        }
        self.pending = rest.to_vec();
        text
    }

    /// What is left when no more tokens come.
    pub fn rest(&mut self) -> String {
        let pending = std::mem::take(&mut self.pending);
        String::from_utf8_lossy(&pending).into_owned()
    }
}
