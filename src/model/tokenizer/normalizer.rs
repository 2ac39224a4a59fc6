//! SentencePiece's text normaliser: a compiled table of replacements, longest match first, then
//! spaces collapsed and written as `▁`, each byte of the result knowing where it came from.

use super::{TokenizerError, proto::NormalizerSpec};

/// How SentencePiece writes a space inside a piece (U+2581).
pub const SPACE: &str = "▁";

/// Source: `normalizer.cc` and the double-array layout of Darts-clone.
pub struct Normalizer {
    /// Units of the double-array trie over the byte sequences that have a replacement.
    trie: Vec<u32>,
    /// Replacements, each ended by NUL; the trie's values are offsets into them.
    replacements: Vec<u8>,
    add_dummy_prefix: bool,
    collapse_spaces: bool,
}

/// Normalised text, and for each of its bytes (and its end) the byte of the source it stems from.
#[derive(Debug, PartialEq)]
pub struct Normalized {
    pub text: String,
    /// `text.len() + 1` offsets into the source, never falling.
    pub origin: Vec<usize>,
}

impl Normalizer {
    pub fn new(spec: NormalizerSpec) -> Result<Self, TokenizerError> {
        let blob = spec.precompiled_charsmap.unwrap_or_default();
        let (trie, replacements) = if blob.is_empty() {
            (Vec::new(), Vec::new())
        } else {
            split_charsmap(&blob)?
        };
        Ok(Normalizer {
            trie,
            replacements,
            add_dummy_prefix: spec.add_dummy_prefix.unwrap_or(true),
            collapse_spaces: spec.remove_extra_whitespaces.unwrap_or(true),
        })
    }

    pub fn normalize(&self, source: &str) -> Normalized {
        let mut text = String::with_capacity(source.len() + source.len() / 4 + SPACE.len());
        let mut origin = Vec::with_capacity(text.capacity() + 1);
        let push = |text: &mut String, origin: &mut Vec<usize>, piece: &str, at: usize| {
            text.push_str(piece);
            origin.resize(text.len(), at);
        };

        let mut position = 0;
        if self.collapse_spaces {
            while position < source.len() {
                let (replacement, consumed) = self.next(&source[position..]);
                if replacement != " " {
                    break;
                }
                position += consumed;
            }
        }
        if position == source.len() {
            return Normalized {
                text,
                origin: vec![position],
            };
        }
        if self.add_dummy_prefix {
            push(&mut text, &mut origin, SPACE, position);
        }
        let mut after_space = self.collapse_spaces;
        while position < source.len() {
            let (replacement, consumed) = self.next(&source[position..]);
            let mut replacement = replacement;
            while after_space && let Some(rest) = replacement.strip_prefix(' ') {
                replacement = rest;
            }
            for (i, part) in replacement.split(' ').enumerate() {
                if i > 0 {
                    push(&mut text, &mut origin, SPACE, position);
                }
                push(&mut text, &mut origin, part, position);
            }
            if !replacement.is_empty() {
                after_space = self.collapse_spaces && replacement.ends_with(' ');
            }
            position += consumed;
        }
        if self.collapse_spaces {
            while text.ends_with(SPACE) {
                text.truncate(text.len() - SPACE.len());
            }
        }
        let end = origin.get(text.len()).copied().unwrap_or(source.len());
        origin.truncate(text.len());
        origin.push(end);
        Normalized { text, origin }
    }

    /// The replacement at the start of `rest` and the bytes of `rest` that it stands for.
    fn next<'a>(&'a self, rest: &'a str) -> (&'a str, usize) {
        if let Some((offset, len)) = self.longest_match(rest.as_bytes()) {
            let tail = &self.replacements[offset..];
            let end = tail.iter().position(|&b| b == 0).unwrap_or(tail.len());
            if let Ok(replacement) = std::str::from_utf8(&tail[..end]) {
                return (replacement, len);
            }
        }
        let len = rest.chars().next().map_or(0, char::len_utf8);
        (&rest[..len], len)
    }

    /// (offset of the replacement, matched length). Units as in Darts-clone: bit 8 tells a leaf,
    /// bits 0–7 and 31 are the label, bits 10–30 the offset, scaled by 256 where bit 9 is set.
    fn longest_match(&self, key: &[u8]) -> Option<(usize, usize)> {
        let offset = |unit: u32| ((unit >> 10) << ((unit & (1 << 9)) >> 6)) as usize;
        let mut node = offset(*self.trie.first()?);
        let mut best = None;
        for (i, &byte) in key.iter().enumerate() {
            node ^= usize::from(byte);
            let unit = *self.trie.get(node)?;
            if unit & (1 << 31 | 0xff) != u32::from(byte) {
                break;
            }
            node ^= offset(unit);
            if unit >> 8 & 1 == 1 {
                let value = (*self.trie.get(node)? & !(1 << 31)) as usize;
                if value < self.replacements.len() && key_ends_a_char(key, i + 1) {
                    best = Some((value, i + 1));
                }
            }
        }
        best
    }
}

/// A damaged table must not cut a character in two.
fn key_ends_a_char(key: &[u8], end: usize) -> bool {
    key.get(end).is_none_or(|next| next & 0xc0 != 0x80)
}

/// `u32 size of the trie in bytes | trie, u32 units | replacements`, little endian.
fn split_charsmap(blob: &[u8]) -> Result<(Vec<u32>, Vec<u8>), TokenizerError> {
    let damaged = || TokenizerError::Damaged("its table of character replacements is cut short");
    let (size, rest) = blob.split_first_chunk::<4>().ok_or_else(damaged)?;
    let (trie, replacements) = rest
        .split_at_checked(u32::from_le_bytes(*size) as usize)
        .ok_or_else(damaged)?;
    let units = trie
        .chunks_exact(4)
        .map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]]))
        .collect();
    Ok((units, replacements.to_vec()))
}
