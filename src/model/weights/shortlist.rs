//! Marian's binary lexical shortlist: for each token of the source the target's tokens that it is
//! most often translated as. Little endian: six u64 (magic, checksum, number of first tokens, number
//! of best ones, offsets, ids), the offsets as u64, the ids as u32.

use super::{WeightsError, map};
use crate::model::TokenId;
use memmap2::Mmap;
use std::{path::Path, sync::Arc};

/// A mapped file whose offsets and ids were checked.
pub struct Shortlist {
    map: Arc<Mmap>,
    /// The most frequent tokens, which are always candidates.
    first: u32,
    /// Tokens of the target's vocabulary.
    target: u32,
    /// Where the ids stand in the file, and how many offsets before them.
    ids_at: usize,
    offsets: usize,
    /// Whether a token of the source is the same token of the target.
    shared_vocabulary: bool,
}

const MAGIC: u64 = 0xF11A_48D5_0134_17F5;
const HEADER: usize = 6 * 8;
/// Candidates are made up to a multiple of this, as Marian's kernels need it: with others the
/// greatest could be one that Marian never sees.
const MULTIPLE: usize = 8;

impl Shortlist {
    /// # Errors
    /// The field that is wrong, sizes that are not the vocabularies' included.
    pub fn open(
        path: &Path,
        source_vocabulary: usize,
        target_vocabulary: usize,
        shared_vocabulary: bool,
    ) -> Result<Self, WeightsError> {
        let map = map(path)?;
        let read = read(&map, source_vocabulary, target_vocabulary);
        let (first, offsets) = read.map_err(WeightsError::Shortlist)?;
        Ok(Shortlist {
            target: target_vocabulary as u32,
            ids_at: HEADER + 8 * offsets,
            map,
            first,
            offsets,
            shared_vocabulary,
        })
    }

    /// The tokens that a translation of the source may be made of, in rising order.
    pub fn candidates(&self, source: &[TokenId]) -> Vec<TokenId> {
        let mut ids: Vec<u32> = (0..self.first).collect();
        for token in source {
            if self.shared_vocabulary {
                ids.push(token.0);
            }
            ids.extend(self.translations(token.0 as usize));
        }
        ids.sort_unstable();
        ids.dedup();
        let mut next = self.first;
        while !ids.len().is_multiple_of(MULTIPLE) && next < self.target {
            if let Err(at) = ids.binary_search(&next) {
                ids.insert(at, next);
            }
            next += 1;
        }
        ids.into_iter().map(TokenId).collect()
    }

    fn translations(&self, token: usize) -> impl Iterator<Item = u32> + '_ {
        let range = if token + 1 < self.offsets {
            let offset = |i| word(&self.map, HEADER + 8 * i) as usize;
            offset(token)..offset(token + 1)
        } else {
            0..0
        };
        let bytes = &self.map[self.ids_at + 4 * range.start..self.ids_at + 4 * range.end];
        bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|id| u32::from_le_bytes(*id))
    }
}

/// Number of first tokens and of offsets of a file in which everything holds.
fn read(file: &[u8], source: usize, target: usize) -> Result<(u32, usize), String> {
    if file.len() < HEADER {
        return Err(format!("it ends within its header, at byte {}", file.len()));
    }
    let header: Vec<u64> = (0..6).map(|i| word(file, 8 * i)).collect();
    let [magic, _checksum, first, _best, offsets, ids] = header[..] else {
        return Err("it has no header".into());
    };
    if magic != MAGIC {
        return Err(format!("its magic number is {magic:#x}, not {MAGIC:#x}"));
    }
    if offsets != source as u64 + 1 {
        return Err(format!(
            "it has {offsets} offsets where the source's vocabulary of {source} needs {}",
            source + 1
        ));
    }
    // The end is the first of all: without it no sentence would end.
    if first == 0 || first > target as u64 {
        return Err(format!(
            "its number of first tokens is {first}, and the target's vocabulary has {target}"
        ));
    }
    let offsets = source + 1;
    let size = ids
        .checked_mul(4)
        .and_then(|bytes| bytes.checked_add((HEADER + 8 * offsets) as u64));
    if size != Some(file.len() as u64) {
        return Err(format!(
            "its header announces {ids} ids, and the file is {} bytes long",
            file.len()
        ));
    }
    let mut before = 0;
    for i in 0..offsets {
        let offset = word(file, HEADER + 8 * i);
        if offset < before || offset > ids {
            return Err(format!(
                "offset {i} is {offset}, out of order or of {ids} ids"
            ));
        }
        before = offset;
    }
    let ids = file[HEADER + 8 * offsets..].as_chunks::<4>().0;
    match ids.iter().map(|id| u32::from_le_bytes(*id)).max() {
        Some(id) if id as usize >= target => Err(format!(
            "it names token {id}, and the target's vocabulary has {target}"
        )),
        _ => Ok((first as u32, offsets)),
    }
}

/// The u64 at a byte that lies in the file.
fn word(file: &[u8], at: usize) -> u64 {
    file[at..at + 8]
        .iter()
        .rev()
        .fold(0, |word, &byte| word << 8 | u64::from(byte))
}
