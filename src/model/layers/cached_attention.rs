//! Attention of new positions over all that came before, whose keys and values are kept, with several
//! query heads to one head of keys (Ainslie et al. 2023, <https://arxiv.org/abs/2305.13245>).
//!
//! What is kept lies in blocks of sixteen positions, which sequences that began alike share. A
//! position reads the blocks in their order, whoever else is in the batch, and whichever of its own
//! sequence is read with it (`tile`).

#[cfg(test)]
mod test;
mod tile;

use super::simd::{self, LANES};
use std::{ops::Range, sync::Arc};
use tile::Tile;

/// The shape of a layer's attention.
#[derive(Clone, Debug)]
pub struct Attention {
    pub heads: usize,
    /// Heads of keys and values; a divisor of `heads`.
    pub kv_heads: usize,
    /// Numbers of a head; a multiple of sixteen.
    pub width: usize,
    /// What products of queries and keys are multiplied by.
    pub scale: f32,
    /// Positions that one sees, itself counted; all before it where there is none.
    pub window: Option<usize>,
}

/// Keys and values of one sequence in one layer.
#[derive(Clone, Default)]
pub struct Cache {
    blocks: Vec<Arc<Block>>,
    /// Blocks before the first that is kept.
    forgotten: usize,
    length: usize,
}

#[derive(Clone)]
struct Block {
    /// `[kv_heads][width][LANES]`: a lane a position.
    keys: Vec<f32>,
    /// `[kv_heads][LANES][width]`.
    values: Vec<f32>,
}

/// Positions of a sequence, one after the other, and what they may look back on: their own keys and values
/// are in it.
#[derive(Clone)]
pub struct Reading<'a> {
    pub cache: &'a Cache,
    pub positions: Range<usize>,
}

impl Cache {
    /// Keeps the key and the value of the next position, each `[kv_heads][width]`.
    pub fn push(&mut self, attention: &Attention, key: &[f32], value: &[f32]) {
        let (lane, width) = (self.length % LANES, attention.width);
        if lane == 0 {
            let size = attention.kv_heads * width * LANES;
            self.blocks.push(Arc::new(Block {
                keys: vec![0.0; size],
                values: vec![0.0; size],
            }));
        }
        self.length += 1;
        let Some(block) = self.blocks.last_mut() else {
            return;
        };
        // Copied first where another sequence has the block, too.
        let block = Arc::make_mut(block);
        for (at, key) in key.iter().enumerate() {
            block.keys[at * LANES + lane] = *key;
        }
        for (head, value) in value.chunks_exact(width).enumerate() {
            block.values[(head * LANES + lane) * width..][..width].copy_from_slice(value);
        }
    }

    /// Lets go of what no later position sees.
    pub fn forget(&mut self, attention: &Attention) {
        let seen = attention
            .window
            .map_or(0, |window| (self.length + 1).saturating_sub(window) / LANES);
        let unseen = seen.saturating_sub(self.forgotten).min(self.blocks.len());
        self.blocks.drain(..unseen);
        self.forgotten += unseen;
    }
}

impl Attention {
    /// Bytes of the keys and values of so many positions, in whole blocks, and of one more where they
    /// begin within one.
    pub fn kept_bytes(&self, positions: usize) -> u64 {
        let blocks = positions.div_ceil(LANES) + 1;
        let block = 2 * self.kv_heads * self.width * LANES * size_of::<f32>();
        (blocks as u64).saturating_mul(block as u64)
    }

    /// `softmax(scale · q kᵀ) v` of the heads that share a head of keys.
    ///
    /// `queries`: `[positions][heads][width]`. Returns `[positions][heads / kv_heads][width]`.
    pub fn attend(&self, kv_head: usize, queries: &[f32], reading: Reading) -> Vec<f32> {
        let share = self.heads / self.kv_heads;
        let mut out = vec![0f32; reading.positions.len() * share * self.width];
        simd::dispatch(Tile {
            attention: self,
            cache: reading.cache,
            positions: reading.positions,
            kv_head,
            queries,
            out: &mut out,
        });
        out
    }
}
