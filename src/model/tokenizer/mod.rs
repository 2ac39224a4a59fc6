//! SentencePiece unigram vocabularies: text into pieces that know which bytes of the text they
//! stand for, and pieces back into text.
//!
//! `normalizer` rewrites the text, `trie` finds the pieces at a position, and the best-scoring
//! segmentation is found here (Viterbi; Kudo 2018, <https://arxiv.org/abs/1804.10959>). `vocabulary`
//! numbers the pieces where the model's own numbers are not the network's, and `stream` gives the text back. The pieces come out of
//! SentencePiece's own file (`proto`), a GGUF file (`gguf`) or a `tokenizer.json` (`json`).

pub mod bpe;
mod bytes;
mod gguf;
mod json;
mod normalizer;
mod proto;
mod stream;
#[cfg(test)]
mod test;
mod trie;
mod vocabulary;

use super::TokenId;
use bytes::ids_by_byte;
use normalizer::{Normalizer, SPACE};
use prost::Message;
use proto::{ModelProto, NormalizerSpec, PieceType};
use std::ops::Range;
pub use stream::Detokenizer;
use trie::Trie;
use vocabulary::Vocabulary;

#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    #[error("it is not a SentencePiece model: {0}")]
    Decode(#[from] prost::DecodeError),
    #[error("it is a SentencePiece model, but {0}")]
    Damaged(&'static str),
    #[error("it holds {actual} pieces where the weights have {expected}")]
    Size { actual: usize, expected: usize },
    #[error("it says that it holds {0} pieces; no vocabulary has more than {MOST_PIECES}")]
    Absurd(usize),
    #[error("its piece {0:?} stands twice")]
    Twice(String),
    #[error("its vocabulary cannot be read: {}", .0.join("; "))]
    Vocabulary(Vec<String>),
    #[error(
        "it is not a tokenizer of unigram type as Hugging Face writes it ({0}): put the SentencePiece \
         model that it was made from, spiece.model, beside it"
    )]
    Json(serde_json::Error),
    #[error(
        "its {0}, which no SentencePiece model does: put the one that it was made from, spiece.model, \
         beside it"
    )]
    Foreign(String),
    #[error("it is not a table of ids by piece: {0}")]
    Table(serde_json::Error),
    #[error("it is a table of ids without the piece \"<unk>\"")]
    NoUnknown,
    #[error("its id {0} belongs to both {1:?} and {2:?}")]
    SameId(u32, Box<str>, Box<str>),
}

impl TokenizerError {
    /// Whether it is about the table of ids and not about the SentencePiece model.
    pub fn is_of_the_table(&self) -> bool {
        matches!(self, Self::Table(_) | Self::SameId(..) | Self::NoUnknown)
    }
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub id: TokenId,
    /// Bytes of the text as it was before normalisation.
    pub span: Range<usize>,
}

/// An immutable vocabulary with its normaliser.
pub struct Tokenizer {
    normalizer: Normalizer,
    pieces: Vec<Piece>,
    trie: Trie,
    unknown_piece: TokenId,
    unknown_score: f32,
    /// Of the 256 bytes, where the model writes in bytes what it has no piece for.
    bytes: Option<Vec<TokenId>>,
    /// Where the ids are not the pieces' own.
    vocabulary: Option<Vocabulary>,
}

pub(crate) struct Piece {
    text: Box<str>,
    score: f32,
    kind: PieceType,
}

/// How characters are written for which there is no piece.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fallback {
    Unknown,
    Bytes,
}

/// What an unknown character costs below the worst piece (`kUnkPenalty` in SentencePiece).
const UNKNOWN_PENALTY: f32 = 10.0;
/// Four times the largest vocabulary of any model that there is.
const MOST_PIECES: usize = 1 << 20;

impl Tokenizer {
    /// The same with the ids of a table, JSON, an object of ids by piece.
    pub fn with_vocabulary(model: &[u8], table: &[u8]) -> Result<Self, TokenizerError> {
        let tokenizer = Self::from_bytes(model)?;
        let pieces = tokenizer.pieces.iter().map(|piece| &*piece.text);
        Ok(Tokenizer {
            vocabulary: Some(Vocabulary::new(table, pieces)?),
            ..tokenizer
        })
    }

    /// Reads a serialised SentencePiece model of unigram type.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenizerError> {
        // A piece takes two bytes in the file, and forty in memory: they are counted first.
        let count = proto::count_pieces(bytes)?;
        if count > MOST_PIECES {
            return Err(TokenizerError::Absurd(count));
        }
        let model = ModelProto::decode(bytes)?;
        let trainer = model.trainer_spec.unwrap_or_default();
        if trainer.model_type.unwrap_or(1) != 1 {
            return Err(TokenizerError::Damaged(
                "not of the unigram type, the only one read here",
            ));
        }
        let pieces: Vec<Piece> = model
            .pieces
            .into_iter()
            .map(|piece| Piece {
                kind: piece
                    .r#type
                    .and_then(|kind| kind.try_into().ok())
                    .unwrap_or(PieceType::Normal),
                text: piece.piece.into_boxed_str(),
                score: piece.score,
            })
            .collect();
        let normalizer = model.normalizer_spec.unwrap_or_default();
        let fallback = match trainer.byte_fallback.unwrap_or(false) {
            true => Fallback::Bytes,
            false => Fallback::Unknown,
        };
        Self::of_pieces(pieces, fallback, normalizer)
    }

    fn of_pieces(
        pieces: Vec<Piece>,
        fallback: Fallback,
        normalizer: NormalizerSpec,
    ) -> Result<Self, TokenizerError> {
        let unknown = pieces
            .iter()
            .position(|piece| piece.kind == PieceType::Unknown)
            .ok_or(TokenizerError::Damaged("without a piece for the unknown"))?;
        if pieces.iter().any(|piece| !piece.score.is_finite()) {
            return Err(TokenizerError::Damaged("with a score that is not a number"));
        }
        let bytes = match fallback {
            Fallback::Bytes => Some(ids_by_byte(&pieces)?),
            Fallback::Unknown => None,
        };
        let searched = |kind| matches!(kind, PieceType::Normal | PieceType::UserDefined);
        let entries: Vec<(&[u8], u32)> = pieces
            .iter()
            .zip(0..)
            .filter(|(piece, _)| searched(piece.kind) && !piece.text.is_empty())
            .map(|(piece, id)| (piece.text.as_bytes(), id))
            .collect();
        let worst = pieces
            .iter()
            .filter(|piece| piece.kind == PieceType::Normal)
            .fold(f32::INFINITY, |worst, piece| worst.min(piece.score));
        Ok(Tokenizer {
            normalizer: Normalizer::new(normalizer)?,
            trie: Trie::new(entries).map_err(|twice| {
                TokenizerError::Twice(String::from_utf8_lossy(twice).into_owned())
            })?,
            unknown_piece: TokenId(unknown as u32),
            unknown_score: worst - UNKNOWN_PENALTY,
            bytes,
            vocabulary: None,
            pieces,
        })
    }

    /// Pieces in the vocabulary.
    pub fn size(&self) -> usize {
        match &self.vocabulary {
            Some(vocabulary) => vocabulary.size(),
            None => self.pieces.len(),
        }
    }

    /// Text of a piece as the vocabulary writes it, `▁` for a space; empty for an id it lacks.
    pub fn piece(&self, id: TokenId) -> &str {
        self.text_and_kind(id).map_or("", |(text, _)| text)
    }

    fn text_and_kind(&self, id: TokenId) -> Option<(&str, PieceType)> {
        match &self.vocabulary {
            Some(vocabulary) => vocabulary.piece(id),
            None => {
                let piece = self.pieces.get(id.0 as usize)?;
                Some((&piece.text, piece.kind))
            }
        }
    }

    /// The id of a piece written exactly so, whatever it is for.
    pub fn id(&self, text: &str) -> Option<TokenId> {
        match &self.vocabulary {
            Some(vocabulary) => vocabulary.id(text),
            None => {
                let at = self.pieces.iter().position(|piece| &*piece.text == text)?;
                Some(TokenId(at as u32))
            }
        }
    }

    /// Whether some piece is exactly `text` (`▁` written for a space).
    pub fn has_piece(&self, text: &str) -> bool {
        let known = |vocabulary: &Vocabulary| vocabulary.id(text).is_some();
        self.trie.get(text.as_bytes()).is_some() && self.vocabulary.as_ref().is_none_or(known)
    }

    /// Whether the vocabulary has a piece for every character of `text`, each by itself.
    pub fn reads(&self, text: &str) -> bool {
        let mut buffer = [0; 4];
        text.chars().all(|c| {
            self.encode(c.encode_utf8(&mut buffer))
                .iter()
                .all(|token| token.id != self.unknown())
        })
    }

    /// Whether two texts are the same pieces, all of which the vocabulary has.
    pub fn reads_alike(&self, a: &str, b: &str) -> bool {
        let ids = |text| self.encode(text).into_iter().map(|token| token.id);
        self.reads(a) && ids(a).eq(ids(b))
    }

    /// The id of the piece that stands for what the vocabulary lacks.
    pub fn unknown(&self) -> TokenId {
        match &self.vocabulary {
            Some(vocabulary) => vocabulary.unknown(),
            None => self.unknown_piece,
        }
    }

    /// The best-scoring segmentation. Neighbouring unknown characters are one token, or where the
    /// model has pieces for bytes, a token a byte.
    pub fn encode(&self, text: &str) -> Vec<Token> {
        let normalized = self.normalizer.normalize(text);
        let origin = &normalized.origin;
        let mut tokens = Vec::new();
        for (piece, range) in self.segments(&normalized.text) {
            let span = origin[range.start]..origin[range.end].max(origin[range.end - 1]);
            let token = |id| Token {
                id,
                span: span.clone(),
            };
            match (&self.bytes, &self.vocabulary) {
                (Some(bytes), _) if piece == self.unknown_piece => {
                    let written = normalized.text[range].bytes();
                    tokens.extend(written.map(|byte| token(bytes[usize::from(byte)])));
                }
                (_, Some(vocabulary)) if piece == self.unknown_piece => {
                    let known = vocabulary.id(&normalized.text[range]);
                    tokens.push(token(known.unwrap_or(vocabulary.unknown())));
                }
                (_, Some(vocabulary)) => tokens.push(token(vocabulary.of_model(piece))),
                _ => tokens.push(token(piece)),
            }
        }
        tokens
    }

    /// The model's pieces of a normalised text, each with its bytes.
    fn segments(&self, text: &str) -> Vec<(TokenId, Range<usize>)> {
        let mut segments: Vec<(TokenId, Range<usize>)> = Vec::new();
        let mut end = text.len();
        let best = self.best_paths(text);
        while end > 0 {
            let step = &best[end];
            let start = step.start as usize;
            match segments.last_mut() {
                Some((next, range)) if step.id == self.unknown_piece && *next == step.id => {
                    range.start = start;
                }
                _ => segments.push((step.id, start..end)),
            }
            end = start;
        }
        segments.reverse();
        segments
    }

    /// For each end of a prefix of `text` the last piece of its best segmentation.
    fn best_paths(&self, text: &str) -> Vec<Step> {
        let bytes = text.as_bytes();
        let unreached = Step {
            score: f32::NEG_INFINITY,
            start: u32::MAX,
            id: self.unknown_piece,
        };
        let mut best = vec![unreached; bytes.len() + 1];
        best[0].score = 0.0;
        for (start, character) in text.char_indices() {
            let so_far = best[start].score;
            let char_len = character.len_utf8();
            let mut single = false;
            let mut offer = |len: usize, id: TokenId, score: f32| {
                let target = &mut best[start + len];
                let candidate = so_far + score;
                if target.start == u32::MAX || candidate > target.score {
                    *target = Step {
                        score: candidate,
                        start: start as u32,
                        id,
                    };
                }
            };
            self.trie.prefixes(&bytes[start..], |len, id| {
                let piece = &self.pieces[id as usize];
                single |= len == char_len;
                // A user-defined symbol always wins over its parts.
                let score = if piece.kind == PieceType::UserDefined {
                    0.0
                } else {
                    piece.score
                };
                offer(len, TokenId(id), score);
            });
            if !single {
                offer(char_len, self.unknown_piece, self.unknown_score);
            }
        }
        best
    }
}

/// The best way to reach a position.
#[derive(Clone, Copy)]
struct Step {
    score: f32,
    start: u32,
    id: TokenId,
}
