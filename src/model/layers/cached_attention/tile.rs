//! Attention of a stretch of positions at once: a chunk of keys and values meets all queries of a head of keys
//! while it is in the near caches, and is forgotten; what was summed up before a greater score came is
//! scaled down then (Milakov and Gimelshein 2018, <https://arxiv.org/abs/1805.02867>; Dao et al. 2022,
//! <https://arxiv.org/abs/2205.14135>).
//!
//! Chunks begin at fixed positions, and what a query does not see adds zero: so a query's numbers are the same
//! whichever others stand beside it.

use super::{Attention, Block, Cache};
use crate::model::layers::{
    math,
    simd::{Floats, LANES, Work},
};
use std::{ops::Range, sync::Arc};

/// Queries of one head of keys over their sequence.
pub struct Tile<'a> {
    pub attention: &'a Attention,
    pub cache: &'a Cache,
    /// The positions of the queries, one after the other.
    pub positions: Range<usize>,
    pub kv_head: usize,
    /// `[positions][heads][width]`.
    pub queries: &'a [f32],
    /// `[positions][heads / kv_heads][width]`, zeros.
    pub out: &'a mut [f32],
}

/// Blocks of positions in a chunk.
const BLOCKS: usize = 8;
/// Queries that meet a vector of keys together.
const TOGETHER: usize = 8;

/// `[queries][blocks][positions]` of a chunk.
type Weights<const QUERIES: usize> = [[[f32; LANES]; BLOCKS]; QUERIES];

/// What is known of a query so far.
#[derive(Clone, Copy)]
struct Known {
    greatest: f32,
    /// Of the weights, as long as `greatest` is the greatest.
    total: f32,
}

/// A chunk as a group of queries sees it.
struct Seen<'a> {
    blocks: &'a [Arc<Block>],
    /// The first position of the blocks.
    first: usize,
}

impl Work for Tile<'_> {
    #[inline(always)]
    fn run<V: Floats>(mut self) {
        let rows = self.positions.len() * self.share();
        let queries = self.gathered(rows);
        let nothing = Known {
            greatest: f32::NEG_INFINITY,
            total: 0.0,
        };
        let mut known = vec![nothing; rows];
        let chunk = BLOCKS * LANES;
        let start = self.seen_by(self.positions.start).start;
        for chunk in start / chunk..self.positions.end.div_ceil(chunk) {
            let mut row = 0;
            while row < rows {
                row += match rows - row {
                    TOGETHER.. => self.group::<V, TOGETHER, 2>(chunk, row, &queries, &mut known),
                    4.. => self.group::<V, 4, 4>(chunk, row, &queries, &mut known),
                    3 => self.group::<V, 3, 4>(chunk, row, &queries, &mut known),
                    2 => self.group::<V, 2, 4>(chunk, row, &queries, &mut known),
                    _ => self.group::<V, 1, 4>(chunk, row, &queries, &mut known),
                };
            }
        }
        let out = self.out.chunks_exact_mut(self.attention.width);
        for (out, known) in out.zip(known) {
            let (out, _) = out.as_chunks_mut::<LANES>();
            let total = V::splat(known.total);
            out.iter_mut()
                .for_each(|out| V::load(out).div(total).store(out));
        }
    }
}

impl Tile<'_> {
    /// Heads of queries to a head of keys.
    fn share(&self) -> usize {
        self.attention.heads / self.attention.kv_heads
    }

    /// The positions that one sees.
    fn seen_by(&self, position: usize) -> Range<usize> {
        let end = position + 1;
        let window = self.attention.window;
        window.map_or(0, |window| end.saturating_sub(window))..end
    }

    /// The queries of the head, those of a group side by side: `[groups][width][queries]`.
    #[inline(always)]
    fn gathered(&self, rows: usize) -> Vec<f32> {
        let (width, share) = (self.attention.width, self.share());
        let mut gathered = vec![0f32; rows * width];
        let mut first = 0;
        while first < rows {
            let group = group_of(rows - first);
            let to = &mut gathered[first * width..][..group * width];
            for row in first..first + group {
                let head = self.kv_head * share + row % share;
                let from = (row / share * self.attention.heads + head) * width;
                let query = &self.queries[from..][..width];
                for (column, query) in query.iter().enumerate() {
                    to[column * group + row - first] = *query;
                }
            }
            first += group;
        }
        gathered
    }

    /// `QUERIES` queries from `row` on over a chunk; returns `QUERIES`. `COLUMNS`: vectors of values that are
    /// summed up side by side.
    #[inline(always)]
    fn group<V: Floats, const QUERIES: usize, const COLUMNS: usize>(
        &mut self,
        chunk: usize,
        row: usize,
        queries: &[f32],
        known: &mut [Known],
    ) -> usize {
        let (width, share) = (self.attention.width, self.share());
        let position = |query: usize| self.positions.start + (row + query) / share;
        let seen: [Range<usize>; QUERIES] = std::array::from_fn(|i| self.seen_by(position(i)));
        // All that any of them sees of the chunk: the first has the earliest start, the last the latest end.
        let first = (chunk * BLOCKS).max(seen[0].start / LANES);
        let end = ((chunk + 1) * BLOCKS).min(seen[QUERIES - 1].end.div_ceil(LANES));
        if first >= end {
            return QUERIES;
        }
        let forgotten = self.cache.forgotten;
        let part = Seen {
            blocks: &self.cache.blocks[first - forgotten..end - forgotten],
            first: first * LANES,
        };
        let mut weights: Weights<QUERIES> = [[[0.0; LANES]; BLOCKS]; QUERIES];
        let (queries, _) = queries[row * width..][..QUERIES * width].as_chunks::<QUERIES>();
        self.scores::<V, QUERIES>(queries, &part, &mut weights);
        let known = &mut known[row..][..QUERIES];
        let scales = weigh::<V, QUERIES>(&mut weights, &part, &seen, known);
        let out = &mut self.out[row * width..][..QUERIES * width];
        let mut column = 0;
        while column < width {
            let kv_head = self.kv_head;
            column += match (width - column) / LANES >= COLUMNS {
                true => sum::<V, QUERIES, COLUMNS>(&weights, &part, kv_head, column, scales, out),
                false => sum::<V, QUERIES, 1>(&weights, &part, kv_head, column, scales, out),
            };
        }
        QUERIES
    }

    /// Products of queries, `[width][QUERIES]`, and keys.
    #[inline(always)]
    fn scores<V: Floats, const QUERIES: usize>(
        &self,
        queries: &[[f32; QUERIES]],
        seen: &Seen,
        weights: &mut Weights<QUERIES>,
    ) {
        let width = self.attention.width;
        let scale = V::splat(self.attention.scale);
        for (at, block) in seen.blocks.iter().enumerate().take(BLOCKS) {
            let keys = &block.keys[self.kv_head * width * LANES..][..width * LANES];
            let (keys, _) = keys.as_chunks::<LANES>();
            let mut sums = [V::splat(0.0); QUERIES];
            for (keys, queries) in keys.iter().zip(queries) {
                let keys = V::load(keys);
                for (sum, query) in sums.iter_mut().zip(queries) {
                    *sum = V::splat(*query).mul_add(keys, *sum);
                }
            }
            for (sum, weights) in sums.into_iter().zip(weights.iter_mut()) {
                sum.mul(scale).store(&mut weights[at]);
            }
        }
    }
}

/// As many as [`Tile::group`] takes of so many queries.
fn group_of(rows: usize) -> usize {
    match rows {
        TOGETHER.. => TOGETHER,
        4.. => 4,
        rows => rows,
    }
}

/// Scores into weights, `e^(score − greatest)` of what is seen and zeros elsewhere. Returns what all sums so
/// far are to be scaled by.
#[inline(always)]
fn weigh<V: Floats, const QUERIES: usize>(
    weights: &mut Weights<QUERIES>,
    part: &Seen,
    seen: &[Range<usize>; QUERIES],
    known: &mut [Known],
) -> [f32; QUERIES] {
    let blocks = part.blocks.len().min(BLOCKS);
    let mut scales = [1.0; QUERIES];
    for (i, weights) in weights.iter_mut().enumerate() {
        let weights = &mut weights[..blocks];
        let before = seen[i].start.saturating_sub(part.first).min(blocks * LANES);
        let end = seen[i].end.saturating_sub(part.first).min(blocks * LANES);
        let unseen = [0..before, end..blocks * LANES];
        let flat = weights.as_flattened_mut();
        for unseen in unseen.clone() {
            flat[unseen].fill(f32::NEG_INFINITY);
        }
        let mut greatest = V::splat(f32::NEG_INFINITY);
        for block in weights.iter() {
            greatest = greatest.max(V::load(block));
        }
        let mut lanes = [0f32; LANES];
        greatest.store(&mut lanes);
        let greatest = math::maximum(&lanes);
        let greatest = if greatest > known[i].greatest {
            greatest
        } else {
            known[i].greatest
        };
        let negated = V::splat(-greatest);
        for block in weights.iter_mut() {
            V::load(block).add(negated).store(block);
            for weight in block.iter_mut() {
                *weight = math::quick_exp(*weight);
            }
        }
        let flat = weights.as_flattened_mut();
        for unseen in unseen {
            flat[unseen].fill(0.0);
        }
        let mut sums = V::splat(0.0);
        for block in weights.iter() {
            sums = sums.add(V::load(block));
        }
        sums.store(&mut lanes);
        scales[i] = math::quick_exp(known[i].greatest - greatest);
        known[i] = Known {
            greatest,
            total: known[i].total * scales[i] + lanes.iter().sum::<f32>(),
        };
    }
    scales
}

/// Adds `COLUMNS · LANES` columns from `column` on of the weighted sums of the values; returns their number.
#[inline(always)]
fn sum<V: Floats, const QUERIES: usize, const COLUMNS: usize>(
    weights: &Weights<QUERIES>,
    part: &Seen,
    kv_head: usize,
    column: usize,
    scales: [f32; QUERIES],
    out: &mut [f32],
) -> usize {
    let width = out.len() / QUERIES;
    let mut sums = [[V::splat(0.0); COLUMNS]; QUERIES];
    for (query, sums) in sums.iter_mut().enumerate() {
        let (out, _) = out[query * width + column..][..COLUMNS * LANES].as_chunks::<LANES>();
        for (sum, out) in sums.iter_mut().zip(out) {
            *sum = V::load(out).mul(V::splat(scales[query]));
        }
    }
    for (at, block) in part.blocks.iter().enumerate().take(BLOCKS) {
        let values = &block.values[kv_head * width * LANES..][..width * LANES];
        for (position, values) in values.chunks_exact(width).enumerate().take(LANES) {
            let (values, _) = values[column..][..COLUMNS * LANES].as_chunks::<LANES>();
            let values: [V; COLUMNS] = std::array::from_fn(|i| V::load(&values[i]));
            for (sums, weights) in sums.iter_mut().zip(weights) {
                let weight = V::splat(weights[at][position]);
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum = weight.mul_add(value, *sum);
                }
            }
        }
    }
    for (query, sums) in sums.into_iter().enumerate() {
        let out = &mut out[query * width + column..][..COLUMNS * LANES];
        let (out, _) = out.as_chunks_mut::<LANES>();
        for (sum, out) in sums.into_iter().zip(out) {
            sum.store(out);
        }
    }
    COLUMNS * LANES
}
