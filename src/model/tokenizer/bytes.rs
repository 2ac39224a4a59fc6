//! Characters that a vocabulary lacks, written as the bytes of their UTF-8: pieces `<0x00>` to `<0xFF>`.

use super::{Piece, TokenId, TokenizerError, proto::PieceType};

/// The ids of the 256 pieces, by byte.
pub fn ids_by_byte(pieces: &[Piece]) -> Result<Vec<TokenId>, TokenizerError> {
    let mut ids = vec![None; 256];
    for (piece, id) in pieces.iter().zip(0..) {
        if piece.kind == PieceType::Byte
            && let Some(byte) = value(&piece.text)
        {
            ids[usize::from(byte)] = Some(TokenId(id));
        }
    }
    let all: Option<Vec<TokenId>> = ids.into_iter().collect();
    all.ok_or(TokenizerError::Damaged(
        "with byte fallback and without a piece for every byte",
    ))
}

/// 10 of `<0x0A>`.
pub fn value(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    u8::from_str_radix(digits, 16).ok()
}

/// Bytes that wait for the rest of their character.
#[derive(Default)]
pub struct Bytes {
    waiting: Vec<u8>,
}

impl Bytes {
    /// What the byte of a piece completes: a character, nothing yet, or U+FFFD for what can be none.
    /// `last`: no other byte follows.
    pub fn next(&mut self, piece: &str, last: bool) -> String {
        self.waiting.extend(value(piece));
        let mut text = String::new();
        let waits = match std::str::from_utf8(&self.waiting) {
            Ok(_) => false,
            Err(error) => error.error_len().is_none() && !last,
        };
        if !waits {
            text = String::from_utf8_lossy(&self.waiting).into_owned();
            self.waiting.clear();
        }
        text
    }
}
