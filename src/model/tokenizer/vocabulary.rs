//! Ids that are not the pieces' own: a table from pieces to ids beside the SentencePiece model, as
//! OPUS-MT's `vocab.json`. The model cuts the text, the table numbers what it cut.

use super::{TokenId, TokenizerError, proto::PieceType};
use std::collections::HashMap;

pub struct Vocabulary {
    ids: HashMap<Box<str>, TokenId>,
    /// By id; empty where the table has gaps.
    pieces: Vec<(Box<str>, PieceType)>,
    unknown: TokenId,
    /// Of each piece of the SentencePiece model.
    of_model: Vec<TokenId>,
}

/// Stands for what the table lacks.
const UNKNOWN: &str = "<unk>";
/// Never text.
const CONTROL: [&str; 3] = ["<s>", "</s>", "<pad>"];

impl Vocabulary {
    /// `table`: JSON, an object of ids by piece; `model`: the model's pieces.
    pub fn new<'a>(
        table: &[u8],
        model: impl Iterator<Item = &'a str>,
    ) -> Result<Self, TokenizerError> {
        let table: HashMap<Box<str>, u32> =
            serde_json::from_slice(table).map_err(TokenizerError::Table)?;
        let size = table.values().max().map_or(0, |last| *last as usize + 1);
        if size > super::MOST_PIECES {
            return Err(TokenizerError::Absurd(size));
        }
        let mut pieces: Vec<(Box<str>, PieceType)> = vec![("".into(), PieceType::Unused); size];
        for (piece, id) in &table {
            let entry = &mut pieces[*id as usize];
            if !entry.0.is_empty() {
                return Err(TokenizerError::SameId(*id, entry.0.clone(), piece.clone()));
            }
            *entry = (piece.clone(), kind(piece));
        }
        let ids: HashMap<_, _> = table
            .into_iter()
            .map(|(piece, id)| (piece, TokenId(id)))
            .collect();
        let unknown = *ids.get(UNKNOWN).ok_or(TokenizerError::NoUnknown)?;
        let of_model = model
            .map(|piece| ids.get(piece).copied().unwrap_or(unknown))
            .collect();
        Ok(Vocabulary {
            ids,
            pieces,
            unknown,
            of_model,
        })
    }

    pub fn size(&self) -> usize {
        self.pieces.len()
    }

    pub fn id(&self, piece: &str) -> Option<TokenId> {
        self.ids.get(piece).copied()
    }

    /// Of a piece of the SentencePiece model.
    pub fn of_model(&self, piece: TokenId) -> TokenId {
        self.of_model[piece.0 as usize]
    }

    pub fn piece(&self, id: TokenId) -> Option<(&str, PieceType)> {
        let (text, kind) = self.pieces.get(id.0 as usize)?;
        Some((text, *kind))
    }

    pub fn unknown(&self) -> TokenId {
        self.unknown
    }
}

fn kind(piece: &str) -> PieceType {
    let is_language = piece.len() > 4 && piece.starts_with(">>") && piece.ends_with("<<");
    match piece {
        UNKNOWN => PieceType::Unknown,
        _ if CONTROL.contains(&piece) || is_language => PieceType::Control,
        _ => PieceType::Normal,
    }
}
