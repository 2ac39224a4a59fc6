//! Attention of new positions over all that came before, whose keys and values are kept, with several
//! query heads to one head of keys (Ainslie et al. 2023, <https://arxiv.org/abs/2305.13245>).
//!
//! What is kept lies in blocks of sixteen positions, which sequences that began alike share. A
//! position reads the blocks in their order, whoever else is in the batch.

use super::simd::{self, Floats, LANES, Work};
use std::{ops::Range, sync::Arc};

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

/// One position of a sequence, and what it may look back on.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    pub cache: &'a Cache,
    pub position: usize,
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

    /// `softmax(scale · q kᵀ) v` of one position; its own key and value are in the cache.
    ///
    /// `query` and `out`: `[heads][width]`.
    pub fn attend(&self, query: &[f32], reading: Reading, out: &mut [f32]) {
        let end = reading.position + 1;
        let start = self.window.map_or(0, |window| end.saturating_sub(window));
        let first = start / LANES;
        let last = end.div_ceil(LANES);
        let forgotten = reading.cache.forgotten;
        simd::dispatch(Attend {
            attention: self,
            query,
            blocks: &reading.cache.blocks[first - forgotten..last - forgotten],
            seen: start - first * LANES..end - first * LANES,
            out,
        });
    }
}

struct Attend<'a> {
    attention: &'a Attention,
    query: &'a [f32],
    blocks: &'a [Arc<Block>],
    /// Positions from the first of the blocks on.
    seen: Range<usize>,
    out: &'a mut [f32],
}

/// Query heads that read a block together.
const TOGETHER: usize = 4;

impl Work for Attend<'_> {
    #[inline(always)]
    fn run<V: Floats>(mut self) {
        let Attention {
            heads, kv_heads, ..
        } = *self.attention;
        let share = heads / kv_heads;
        for kv_head in 0..kv_heads {
            let mut head = kv_head * share;
            let end = head + share;
            while head < end {
                head += match end - head {
                    TOGETHER.. => self.heads::<V, TOGETHER>(kv_head, head),
                    3 => self.heads::<V, 3>(kv_head, head),
                    2 => self.heads::<V, 2>(kv_head, head),
                    _ => self.heads::<V, 1>(kv_head, head),
                };
            }
        }
    }
}

impl Attend<'_> {
    /// `HEADS` query heads from `head` on; returns `HEADS`.
    #[inline(always)]
    fn heads<V: Floats, const HEADS: usize>(&mut self, kv_head: usize, head: usize) -> usize {
        let width = self.attention.width;
        let queries = &self.query[head * width..][..HEADS * width];
        // [blocks][heads][positions]
        let mut weights = vec![[[0f32; LANES]; HEADS]; self.blocks.len()];
        for (weights, block) in weights.iter_mut().zip(self.blocks) {
            let keys = &block.keys[kv_head * width * LANES..][..width * LANES];
            scores::<V, HEADS>(queries, keys, self.attention.scale, weights);
        }
        let totals = softmax::<V, HEADS>(&mut weights, &self.seen);
        let out = &mut self.out[head * width..][..HEADS * width];
        let mut column = 0;
        while column < width {
            column += match (width - column) / LANES {
                4.. => sums::<V, HEADS, 4>(&weights, self.blocks, kv_head, column, &totals, out),
                _ => sums::<V, HEADS, 1>(&weights, self.blocks, kv_head, column, &totals, out),
            };
        }
        HEADS
    }
}

#[inline(always)]
fn scores<V: Floats, const HEADS: usize>(
    queries: &[f32],
    keys: &[f32],
    scale: f32,
    out: &mut [[f32; LANES]; HEADS],
) {
    let width = queries.len() / HEADS;
    let mut sums = [V::splat(0.0); HEADS];
    let (keys, _) = keys.as_chunks::<LANES>();
    for (column, keys) in keys.iter().enumerate().take(width) {
        let keys = V::load(keys);
        for head in 0..HEADS {
            let query = V::splat(queries[head * width + column]);
            sums[head] = sums[head].add(query.mul(keys));
        }
    }
    for (sum, out) in sums.into_iter().zip(out) {
        sum.mul(V::splat(scale)).store(out);
    }
}

/// `e^(score − greatest)` of what is seen, zeros elsewhere; returns the sums.
#[inline(always)]
fn softmax<V: Floats, const HEADS: usize>(
    weights: &mut [[[f32; LANES]; HEADS]],
    seen: &Range<usize>,
) -> [f32; HEADS] {
    let end = weights.len() * LANES;
    let unseen = || (0..seen.start).chain(seen.end..end);
    let mut totals = [0f32; HEADS];
    for (head, total) in totals.iter_mut().enumerate() {
        for position in unseen() {
            weights[position / LANES][head][position % LANES] = f32::NEG_INFINITY;
        }
        let mut greatest = V::splat(f32::NEG_INFINITY);
        for block in weights.iter() {
            greatest = greatest.max(V::load(&block[head]));
        }
        let greatest = V::splat(simd::maximum(greatest));
        for block in weights.iter_mut() {
            simd::exp(V::load(&block[head]).sub(greatest)).store(&mut block[head]);
        }
        for position in unseen() {
            weights[position / LANES][head][position % LANES] = 0.0;
        }
        let mut sums = [0f32; LANES];
        for block in weights.iter() {
            for (sum, weight) in sums.iter_mut().zip(&block[head]) {
                *sum += weight;
            }
        }
        *total = sums.iter().sum();
    }
    totals
}

/// `COLUMNS · LANES` columns from `column` on of the weighted sums of the values; returns their
/// number.
#[inline(always)]
fn sums<V: Floats, const HEADS: usize, const COLUMNS: usize>(
    weights: &[[[f32; LANES]; HEADS]],
    blocks: &[Arc<Block>],
    kv_head: usize,
    column: usize,
    totals: &[f32; HEADS],
    out: &mut [f32],
) -> usize {
    let width = out.len() / HEADS;
    let mut sums = [[V::splat(0.0); COLUMNS]; HEADS];
    for (weights, block) in weights.iter().zip(blocks) {
        let values = &block.values[kv_head * width * LANES..][..width * LANES];
        for (position, values) in values.chunks_exact(width).enumerate() {
            let (values, _) = values[column..column + COLUMNS * LANES].as_chunks::<LANES>();
            for head in 0..HEADS {
                let weight = V::splat(weights[head][position]);
                for (sum, values) in sums[head].iter_mut().zip(values) {
                    *sum = sum.add(weight.mul(V::load(values)));
                }
            }
        }
    }
    for ((sums, total), out) in sums.iter().zip(totals).zip(out.chunks_exact_mut(width)) {
        let (out, _) = out[column..column + COLUMNS * LANES].as_chunks_mut::<LANES>();
        for (sum, out) in sums.iter().zip(out) {
            sum.div(V::splat(*total)).store(out);
        }
    }
    COLUMNS * LANES
}
