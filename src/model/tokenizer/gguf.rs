//! Unigram vocabularies as llama.cpp writes T5's into a GGUF file.

use super::{
    Fallback, MOST_PIECES, Piece, Tokenizer, TokenizerError,
    proto::{NormalizerSpec, PieceType},
};
use crate::model::weights::GgufFile;

impl Tokenizer {
    /// # Errors
    /// All that is missing in the file or does not fit, at once.
    pub fn from_gguf(file: &GgufFile) -> Result<Self, TokenizerError> {
        let pieces = pieces(file).map_err(TokenizerError::Vocabulary)?;
        let fallback = match pieces.iter().any(|piece| piece.kind == PieceType::Byte) {
            true => Fallback::Bytes,
            false => Fallback::Unknown,
        };
        let charsmap = file.integers("tokenizer.ggml.precompiled_charsmap");
        // Signed bytes in some files.
        let charsmap = charsmap.map(|bytes| bytes.into_iter().map(|byte| byte as u8).collect());
        let normalizer = NormalizerSpec {
            name: None,
            precompiled_charsmap: charsmap,
            add_dummy_prefix: file.flag("tokenizer.ggml.add_space_prefix"),
            remove_extra_whitespaces: file.flag("tokenizer.ggml.remove_extra_whitespaces"),
        };
        Self::of_pieces(pieces, fallback, normalizer)
    }
}

fn pieces(file: &GgufFile) -> Result<Vec<Piece>, Vec<String>> {
    let mut problems = Vec::new();
    let model = file.text("tokenizer.ggml.model").unwrap_or_default();
    if model != "t5" {
        problems.push(format!(
            "tokenizer.ggml.model is {model:?}; a T5 is read with \"t5\", pieces of unigram type"
        ));
    }
    let texts = file.texts("tokenizer.ggml.tokens").unwrap_or_default();
    let scores = file.floats("tokenizer.ggml.scores").unwrap_or_default();
    let kinds = file
        .integers("tokenizer.ggml.token_type")
        .unwrap_or_default();
    if texts.is_empty() || texts.len() > MOST_PIECES {
        problems.push(format!("tokenizer.ggml.tokens has {} pieces", texts.len()));
    }
    for (name, count) in [("scores", scores.len()), ("token_type", kinds.len())] {
        if count != texts.len() {
            problems.push(format!(
                "tokenizer.ggml.{name} has {count} for {} pieces",
                texts.len()
            ));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let piece = |((text, score), kind): ((&str, f32), i64)| Piece {
        text: text.into(),
        score,
        kind: i32::try_from(kind)
            .ok()
            .and_then(|kind| kind.try_into().ok())
            .unwrap_or(PieceType::Unused),
    };
    Ok(texts
        .into_iter()
        .zip(scores)
        .zip(kinds)
        .map(piece)
        .collect())
}
