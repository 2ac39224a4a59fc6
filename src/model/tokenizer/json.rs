//! Unigram vocabularies in Hugging Face's `tokenizer.json`, as far as they are what was made out of a
//! SentencePiece model.

use super::{
    Fallback, MOST_PIECES, Piece, SPACE, Tokenizer, TokenizerError,
    proto::{NormalizerSpec, PieceType},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;

#[derive(Deserialize)]
struct Written {
    model: Model,
    #[serde(default)]
    added_tokens: Vec<Added>,
    normalizer: Option<Normal>,
    pre_tokenizer: Option<Before>,
}

#[derive(Deserialize)]
struct Model {
    /// Left out by old files, which have no other.
    r#type: Option<String>,
    unk_id: Option<usize>,
    vocab: Vec<(String, f32)>,
    #[serde(default)]
    byte_fallback: bool,
}

#[derive(Deserialize)]
struct Added {
    id: usize,
    content: String,
    special: bool,
}

/// What happens to a text first.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum Normal {
    Sequence {
        normalizers: Vec<Normal>,
    },
    /// SentencePiece's table, in base64.
    Precompiled {
        precompiled_charsmap: String,
    },
    /// White space at the ends goes with the rest that is too much.
    Strip,
    Replace {
        pattern: Pattern,
        content: String,
    },
}

/// What is replaced: a regular expression or, which no model has, a text.
#[derive(Deserialize)]
struct Pattern {
    #[serde(rename = "Regex")]
    regex: Option<String>,
}

/// What happens to it before it is cut into pieces.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum Before {
    Sequence {
        pretokenizers: Vec<Before>,
    },
    WhitespaceSplit,
    Metaspace {
        replacement: String,
        /// As it is written today: "always", "first", "never".
        prepend_scheme: Option<String>,
        /// As it was before.
        add_prefix_space: Option<bool>,
    },
}

impl Tokenizer {
    /// # Errors
    /// It is not such a file, or does something to a text that SentencePiece's own models do not.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TokenizerError> {
        let written: Written = serde_json::from_slice(bytes).map_err(TokenizerError::Json)?;
        let kind = written.model.r#type.as_deref().unwrap_or("Unigram");
        if kind != "Unigram" {
            let model = format!("model is {kind:?} and not \"Unigram\"");
            return Err(TokenizerError::Foreign(model));
        }
        let mut spec = NormalizerSpec {
            name: None,
            precompiled_charsmap: None,
            add_dummy_prefix: Some(false),
            remove_extra_whitespaces: Some(false),
        };
        if let Some(normal) = &written.normalizer {
            normal.add_to(&mut spec).map_err(TokenizerError::Foreign)?;
        }
        if let Some(before) = &written.pre_tokenizer {
            before.add_to(&mut spec).map_err(TokenizerError::Foreign)?;
        }
        let fallback = match written.model.byte_fallback {
            true => Fallback::Bytes,
            false => Fallback::Unknown,
        };
        Self::of_pieces(pieces(written)?, fallback, spec)
    }
}

fn pieces(written: Written) -> Result<Vec<Piece>, TokenizerError> {
    let Model {
        vocab,
        unk_id,
        byte_fallback,
        ..
    } = written.model;
    let is_byte = |text: &str| byte_fallback && super::bytes::value(text).is_some();
    let mut pieces: Vec<Piece> = vocab
        .into_iter()
        .enumerate()
        .map(|(id, (text, score))| Piece {
            kind: match () {
                () if unk_id == Some(id) => PieceType::Unknown,
                () if is_byte(&text) => PieceType::Byte,
                () => PieceType::Normal,
            },
            text: text.into_boxed_str(),
            score,
        })
        .collect();
    let size = written
        .added_tokens
        .iter()
        .map(|added| added.id.saturating_add(1))
        .max();
    let size = size.unwrap_or(0).max(pieces.len());
    if size > MOST_PIECES {
        return Err(TokenizerError::Absurd(size));
    }
    // Some are behind the model's own, perhaps with gaps.
    pieces.resize_with(size, || Piece {
        text: "".into(),
        score: 0.0,
        kind: PieceType::Unused,
    });
    for added in written.added_tokens {
        let piece = &mut pieces[added.id];
        if piece.kind != PieceType::Unknown {
            piece.kind = match added.special {
                true => PieceType::Control,
                false => PieceType::UserDefined,
            };
        }
        piece.text = added.content.into_boxed_str();
    }
    Ok(pieces)
}

impl Normal {
    /// Says in SentencePiece's terms what it does.
    fn add_to(&self, spec: &mut NormalizerSpec) -> Result<(), String> {
        match self {
            Normal::Sequence { normalizers } => {
                normalizers.iter().try_for_each(|part| part.add_to(spec))?;
            }
            Normal::Precompiled {
                precompiled_charsmap,
            } => {
                let table = BASE64_STANDARD.decode(precompiled_charsmap);
                let table = table.map_err(|error| format!("normalizer has no table: {error}"))?;
                spec.precompiled_charsmap = Some(table);
            }
            Normal::Strip => {}
            Normal::Replace { pattern, content } => {
                let spaces = pattern.regex.as_deref() == Some(" {2,}");
                if !spaces || ![" ", SPACE].contains(&content.as_str()) {
                    return Err("normalizer replaces more than spaces".into());
                }
                spec.remove_extra_whitespaces = Some(true);
            }
        }
        Ok(())
    }
}

impl Before {
    fn add_to(&self, spec: &mut NormalizerSpec) -> Result<(), String> {
        match self {
            Before::Sequence { pretokenizers } => {
                pretokenizers
                    .iter()
                    .try_for_each(|part| part.add_to(spec))?;
            }
            Before::WhitespaceSplit => spec.remove_extra_whitespaces = Some(true),
            Before::Metaspace {
                replacement,
                prepend_scheme,
                add_prefix_space,
            } => {
                if replacement != SPACE {
                    return Err(format!(
                        "spaces are written {replacement:?} and not {SPACE:?}"
                    ));
                }
                let always = add_prefix_space.unwrap_or(true);
                let prefix = prepend_scheme
                    .as_ref()
                    .map_or(always, |word| word != "never");
                spec.add_dummy_prefix = Some(prefix);
            }
        }
        Ok(())
    }
}
