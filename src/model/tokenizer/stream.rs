//! Pieces back into text, all at once or while they come: only whole characters leave then.

use super::{Tokenizer, bytes::Bytes, normalizer::SPACE, proto::PieceType};
use crate::model::TokenId;
use std::sync::Arc;

/// SentencePiece's own surface for the unknown, U+2047 between spaces.
const UNKNOWN_TEXT: &str = " \u{2047} ";

/// What ids that are to be text come behind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beginning {
    OfText,
    Within,
}

impl Tokenizer {
    /// The text of each token, spaces as spaces, so that their concatenation reads as the whole;
    /// the unknown is `unknown_text`. The leading space of the first piece is dropped. A character in
    /// bytes is the text of the last of them.
    pub fn decode_each<'a>(
        &'a self,
        ids: &'a [TokenId],
        unknown_text: &'a str,
    ) -> impl Iterator<Item = String> + 'a {
        self.texts(ids, unknown_text, Beginning::OfText)
    }

    /// The same for ids behind others, of which none waits for the rest of a character.
    fn texts<'a>(
        &'a self,
        ids: &'a [TokenId],
        unknown_text: &'a str,
        beginning: Beginning,
    ) -> impl Iterator<Item = String> + 'a {
        let mut at_start = beginning == Beginning::OfText;
        let mut bytes = Bytes::default();
        ids.iter().enumerate().map(move |(at, &id)| {
            let piece = match self.text_and_kind(id) {
                Some((text, PieceType::Byte)) => {
                    let next = ids.get(at + 1).and_then(|id| self.text_and_kind(*id));
                    let last = next.is_none_or(|(_, kind)| kind != PieceType::Byte);
                    bytes.next(text, last)
                }
                // Beyond the vocabulary lie sentinels and padding of the table, never text.
                None | Some((_, PieceType::Control)) => String::new(),
                Some((_, PieceType::Unknown)) => unknown_text.to_owned(),
                Some((text, _)) => text.replace(SPACE, " "),
            };
            let text = if at_start {
                piece.strip_prefix(' ').unwrap_or(&piece).to_owned()
            } else {
                piece
            };
            at_start &= text.is_empty();
            text
        })
    }

    pub fn decode(&self, ids: &[TokenId]) -> String {
        self.decode_each(ids, UNKNOWN_TEXT).collect()
    }
}

/// The text of one sequence of pieces, piece by piece.
pub struct Detokenizer {
    tokenizer: Arc<Tokenizer>,
    /// Bytes whose character may not be whole yet.
    pending: Vec<TokenId>,
    beginning: Beginning,
}

impl Detokenizer {
    pub fn new(tokenizer: Arc<Tokenizer>) -> Self {
        Detokenizer {
            tokenizer,
            pending: Vec::new(),
            beginning: Beginning::OfText,
        }
    }

    /// What can be told now that the piece has come: nothing between the bytes of characters that the
    /// vocabulary lacks.
    pub fn push(&mut self, token: TokenId) -> String {
        self.pending.push(token);
        match self.tokenizer.text_and_kind(token) {
            Some((_, PieceType::Byte)) => String::new(),
            _ => self.rest(),
        }
    }

    /// What is left when no more pieces come.
    pub fn rest(&mut self) -> String {
        let pending = std::mem::take(&mut self.pending);
        let texts = self.tokenizer.texts(&pending, UNKNOWN_TEXT, self.beginning);
        let text: String = texts.collect();
        if !text.is_empty() {
            self.beginning = Beginning::Within;
        }
        text
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;

    fn tokenizer() -> Arc<Tokenizer> {
        // With pieces for bytes.
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/golden/t5/gated-separate/spiece.model"
        );
        Arc::new(Tokenizer::from_bytes(&std::fs::read(file).unwrap()).unwrap())
    }

    proptest! {
        #[test]
        fn what_comes_piece_by_piece_is_the_text_of_all(
            ids in prop::collection::vec(0u32..440, 0..40),
            text in "[a-z é漢😀]{0,12}",
        ) {
            let tokenizer = tokenizer();
            let mut ids: Vec<TokenId> = ids.into_iter().map(TokenId).collect();
            ids.extend(tokenizer.encode(&text).into_iter().map(|token| token.id));
            let mut stream = Detokenizer::new(tokenizer.clone());
            let mut told: String = ids.iter().map(|id| stream.push(*id)).collect();
            told.push_str(&stream.rest());
            prop_assert_eq!(told, tokenizer.decode(&ids));
        }
    }
}
