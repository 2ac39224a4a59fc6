//! Byte-pair vocabularies of instruction models, as a GGUF file has them: SentencePiece's, merged by
//! scores (`llama`), and GPT-2's, merged by ranks within words (`gpt2`).
//!
//! - `split`: text into words
//! - `merge`: characters into pieces
//! - `bytes`: GPT-2's letters
//! - `stream`: pieces back into text
//!
//! Pieces that steer a model, such as the end of a turn, are read only in a chat template's own
//! text. In anybody else's they are the letters that they are written with.

mod bytes;
mod merge;
mod split;
mod stream;
#[cfg(test)]
mod test;

pub use stream::Detokenizer;

use super::{TokenizerError, trie::Trie};
use crate::model::{TokenId, weights::GgufFile};
use merge::{Merged, Symbol, merge};
use split::{Form, Split, WholeWords};
use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization;

/// A part of a prompt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part<'a> {
    /// A chat template's own text: pieces that steer are read in it.
    Template(&'a str),
    /// Text that somebody wrote: all of it is text.
    Content(&'a str),
}

/// An immutable vocabulary.
pub struct BpeTokenizer {
    /// The bytes of the text that a piece stands for; none for those that steer.
    pieces: Vec<Box<[u8]>>,
    rule: Rule,
    /// Pieces that are found as a whole in a template's text, and those in any text.
    in_templates: Trie,
    anywhere: Trie,
    begin: Option<TokenId>,
    /// Ends of a text, a turn, a message, as the file names them.
    ends: Vec<TokenId>,
    begins_prompts: bool,
    steering: Vec<bool>,
}

enum Rule {
    Scores {
        ids: HashMap<Box<str>, TokenId>,
        scores: Vec<f32>,
        /// For what no piece is.
        bytes: Box<[Option<TokenId>; 256]>,
        unknown: Option<TokenId>,
        space_first: bool,
    },
    Ranks {
        ids: HashMap<Box<str>, TokenId>,
        /// Of two pieces: how early they are merged, and into what.
        ranks: HashMap<(TokenId, TokenId), (u32, TokenId)>,
        letters: Box<[char; 256]>,
        split: Split,
    },
}

/// `tokenizer.ggml.token_type`.
mod kind {
    pub const UNKNOWN: i64 = 2;
    pub const CONTROL: i64 = 3;
    pub const USER_DEFINED: i64 = 4;
    pub const BYTE: i64 = 6;
}

const SPACE: &str = "\u{2581}";

impl BpeTokenizer {
    /// # Errors
    /// All that is missing in the file or does not fit, at once.
    pub fn from_gguf(file: &GgufFile) -> Result<Self, TokenizerError> {
        Self::read(file).map_err(TokenizerError::Vocabulary)
    }

    fn read(file: &GgufFile) -> Result<Self, Vec<String>> {
        let missing =
            |name: &str| format!("tokenizer.ggml.{name} is missing, or not a list of such");
        let Some(texts) = file.texts("tokenizer.ggml.tokens") else {
            return Err(vec![missing("tokens")]);
        };
        let mut problems = Vec::new();
        let kinds = file
            .integers("tokenizer.ggml.token_type")
            .unwrap_or_else(|| vec![1; texts.len()]);
        if kinds.len() != texts.len() {
            problems.push(format!("{} pieces have {} types", texts.len(), kinds.len()));
        }
        let token = |name: &str| {
            let id = file.integer(&format!("tokenizer.ggml.{name}_token_id"))?;
            let id = u32::try_from(id).ok()?;
            ((id as usize) < texts.len()).then_some(TokenId(id))
        };
        let begin = token("bos");
        let ends: Vec<TokenId> = ["eos", "eot", "eom"]
            .into_iter()
            .filter_map(token)
            .collect();
        let mut ids = HashMap::with_capacity(texts.len());
        for (id, text) in (0..).zip(&texts) {
            ids.entry(Box::from(*text)).or_insert(TokenId(id));
        }
        let model = file.text("tokenizer.ggml.model").unwrap_or_default();
        let scored = model == "llama";
        let letters = bytes::letters();
        let by_letter: HashMap<char, u8> = letters.into_iter().zip(0..=255).collect();
        let template = file.text("tokenizer.chat_template").unwrap_or_default();
        let steers = |id: TokenId| {
            let (text, kind) = (texts[id.0 as usize], kinds.get(id.0 as usize).copied());
            let named = Some(id) == begin || ends.contains(&id);
            named
                || kind == Some(kind::CONTROL)
                || kind == Some(kind::UNKNOWN)
                || (kind == Some(kind::USER_DEFINED)
                    && !text.trim().is_empty()
                    && template.contains(text))
        };
        let steering: Vec<bool> = (0..texts.len() as u32)
            .map(|id| steers(TokenId(id)))
            .collect();
        let whole = |steers_too: bool| {
            let chosen = (0..).zip(&texts).filter(|&(id, text)| {
                let steers = steering[id as usize];
                let given = kinds.get(id as usize) == Some(&kind::USER_DEFINED);
                !text.is_empty() && if steers { steers_too } else { given }
            });
            Trie::new(chosen.map(|(id, text)| (text.as_bytes(), id)).collect())
        };
        let (in_templates, anywhere) = match (whole(true), whole(false)) {
            (Ok(in_templates), Ok(anywhere)) => (in_templates, anywhere),
            (Err(twice), _) | (_, Err(twice)) => {
                let twice = String::from_utf8_lossy(twice).into_owned();
                return Err(vec![format!("its piece {twice:?} stands twice")]);
            }
        };
        let pieces = texts
            .iter()
            .enumerate()
            .map(|(id, text)| match kinds.get(id) {
                _ if steering[id] => Box::default(),
                Some(&kind::BYTE) => {
                    byte_of(text).map_or_else(Box::default, |byte| Box::from([byte]))
                }
                Some(&kind::USER_DEFINED) => text.replace(SPACE, " ").into_bytes().into(),
                _ if scored => text.replace(SPACE, " ").into_bytes().into(),
                _ => text
                    .chars()
                    .filter_map(|letter| by_letter.get(&letter).copied())
                    .collect(),
            })
            .collect();
        let pre = file.text("tokenizer.ggml.pre").unwrap_or("gpt-2");
        let mut begins_prompts = scored || pre == "llama-bpe";
        if let Some(set) = file.flag("tokenizer.ggml.add_bos_token") {
            begins_prompts = set;
        }
        let rule = match model {
            "llama" => {
                let scores = file.floats("tokenizer.ggml.scores").unwrap_or_default();
                if scores.len() != texts.len() || scores.iter().any(|score| score.is_nan()) {
                    problems.push(format!(
                        "{} pieces have {} scores",
                        texts.len(),
                        scores.len()
                    ));
                }
                let byte = |byte: usize| ids.get(&*format!("<0x{byte:02X}>")).copied();
                Some(Rule::Scores {
                    bytes: Box::new(std::array::from_fn(byte)),
                    unknown: token("unknown"),
                    space_first: file.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true),
                    scores,
                    ids,
                })
            }
            "gpt2" => {
                let split = Split::named(pre)
                    .map_err(|problem| problems.push(problem))
                    .ok();
                let merges = file.texts("tokenizer.ggml.merges");
                if merges.is_none() {
                    problems.push(missing("merges"));
                }
                let ranks = ranks(&merges.unwrap_or_default(), &ids);
                split.map(|split| Rule::Ranks {
                    ids,
                    ranks,
                    letters: Box::new(letters),
                    split,
                })
            }
            other => {
                problems.push(format!(
                    "tokenizer.ggml.model is {other:?}; known are \"llama\" and \"gpt2\""
                ));
                None
            }
        };
        match rule {
            Some(rule) if problems.is_empty() => Ok(BpeTokenizer {
                pieces,
                rule,
                in_templates,
                anywhere,
                begin,
                ends,
                begins_prompts,
                steering,
            }),
            _ => Err(problems),
        }
    }

    /// Pieces in the vocabulary.
    pub fn size(&self) -> usize {
        self.pieces.len()
    }

    /// The piece that prompts begin with, where the model wants one.
    pub fn begin(&self) -> Option<TokenId> {
        self.begin.filter(|_| self.begins_prompts)
    }

    /// The pieces that end an answer, as far as the vocabulary names them.
    pub fn ends(&self) -> &[TokenId] {
        &self.ends
    }

    /// Whether the piece steers the model, and stands for no text.
    pub fn steers(&self, token: TokenId) -> bool {
        self.steering
            .get(token.0 as usize)
            .copied()
            .unwrap_or(false)
    }

    /// What a piece adds to a text, perhaps part of a character.
    pub fn bytes(&self, token: TokenId) -> &[u8] {
        self.pieces.get(token.0 as usize).map_or(&[], |piece| piece)
    }

    /// Whether a text gets a space before it.
    fn adds_a_space(&self) -> bool {
        matches!(
            self.rule,
            Rule::Scores {
                space_first: true,
                ..
            }
        )
    }

    /// The pieces of a text in which nothing steers.
    pub fn encode(&self, text: &str) -> Vec<TokenId> {
        self.encode_parts(&[Part::Content(text)])
    }

    /// The pieces of all parts, one text: they may reach from one part into the next.
    pub fn encode_parts(&self, parts: &[Part]) -> Vec<TokenId> {
        let mut tokens = Vec::new();
        // Text since the last piece that was found as a whole.
        let mut text = String::new();
        let mut starts = true;
        for part in parts {
            let (Part::Template(mut rest) | Part::Content(mut rest)) = *part;
            let trie = match part {
                Part::Template(_) => &self.in_templates,
                Part::Content(_) => &self.anywhere,
            };
            while let Some(character) = rest.chars().next() {
                let mut longest = None;
                trie.prefixes(rest.as_bytes(), |length, id| longest = Some((length, id)));
                let Some((length, id)) = longest else {
                    text.push(character);
                    rest = &rest[character.len_utf8()..];
                    continue;
                };
                self.encode_text(&std::mem::take(&mut text), starts, &mut tokens);
                tokens.push(TokenId(id));
                starts = self.steers(TokenId(id));
                rest = &rest[length..];
            }
        }
        self.encode_text(&text, starts, &mut tokens);
        tokens
    }

    /// `starts`: nothing but a piece that steers stands before it.
    fn encode_text(&self, text: &str, starts: bool, tokens: &mut Vec<TokenId>) {
        if text.is_empty() {
            return;
        }
        match &self.rule {
            Rule::Scores { space_first, .. } => {
                let space = if *space_first && starts { SPACE } else { "" };
                self.merge_by_scores(&format!("{space}{}", text.replace(' ', SPACE)), tokens);
            }
            Rule::Ranks { split, .. } => {
                let composed: String;
                let text = match split.form {
                    Form::AsItIs => text,
                    Form::Composed => {
                        composed = text.nfc().collect();
                        &composed
                    }
                };
                for word in split.words(text) {
                    self.merge_by_ranks(word, tokens);
                }
            }
        }
    }

    fn merge_by_scores(&self, text: &str, tokens: &mut Vec<TokenId>) {
        let Rule::Scores {
            ids,
            scores,
            bytes,
            unknown,
            ..
        } = &self.rule
        else {
            return;
        };
        let symbols = text.char_indices().map(|(start, character)| {
            let span = start..start + character.len_utf8();
            let id = ids.get(&text[span.clone()]).copied();
            Symbol { span, id }
        });
        let merged = merge(symbols.collect(), |left, right| {
            let id = *ids.get(&text[left.span.start..right.span.end])?;
            let priority = ordered(scores[id.0 as usize]);
            Some(Merged { priority, id })
        });
        for symbol in merged {
            match symbol.id {
                Some(id) => tokens.push(id),
                None => {
                    let bytes = text[symbol.span].bytes().map(|byte| bytes[byte as usize]);
                    tokens.extend(bytes.filter_map(|byte| byte.or(*unknown)));
                }
            }
        }
    }

    fn merge_by_ranks(&self, word: &str, tokens: &mut Vec<TokenId>) {
        let Rule::Ranks {
            ids,
            ranks,
            letters,
            split,
        } = &self.rule
        else {
            return;
        };
        let word: String = word.bytes().map(|byte| letters[byte as usize]).collect();
        if let (WholeWords::Kept, Some(id)) = (split.whole_words, ids.get(&*word)) {
            tokens.push(*id);
            return;
        }
        let symbols = word.char_indices().map(|(start, letter)| {
            let span = start..start + letter.len_utf8();
            let id = ids.get(&word[span.clone()]).copied();
            Symbol { span, id }
        });
        let merged = merge(symbols.collect(), |left, right| {
            let (rank, id) = *ranks.get(&(left.id?, right.id?))?;
            let priority = -i64::from(rank);
            Some(Merged { priority, id })
        });
        tokens.extend(merged.into_iter().filter_map(|symbol| symbol.id));
    }
}

/// Merges `a b` in the order of their ranks; one whose pieces the vocabulary lacks never happens.
fn ranks(
    merges: &[&str],
    ids: &HashMap<Box<str>, TokenId>,
) -> HashMap<(TokenId, TokenId), (u32, TokenId)> {
    let mut ranks = HashMap::with_capacity(merges.len());
    for (rank, merge) in (0..).zip(merges) {
        let found = merge.split_once(' ').and_then(|(left, right)| {
            let merged = ids.get(&*format!("{left}{right}"))?;
            Some(((*ids.get(left)?, *ids.get(right)?), *merged))
        });
        if let Some((pair, merged)) = found {
            ranks.entry(pair).or_insert((rank, merged));
        }
    }
    ranks
}

/// `0x0A` of `<0x0A>`.
fn byte_of(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    u8::from_str_radix(digits, 16).ok()
}

/// A number that is greater where the score is.
fn ordered(score: f32) -> i64 {
    let bits = i64::from(score.to_bits() as i32);
    if bits < 0 {
        i64::from(i32::MIN) - bits
    } else {
        bits
    }
}
