//! The arithmetic of attention: sums from left to right, several side by side.

use super::{super::RelativeBias, Memory};
use crate::model::layers::{
    aligned::Aligned,
    simd::{Divisor, Floats, LANES, Work},
};
use std::mem::MaybeUninit;

/// Queries of one sentence over its memory, head by head, so that a head's keys and values stay in
/// the nearest cache while all queries meet them.
pub struct Attend<'a> {
    /// `[n][query_stride]`, of which the first `heads * head_width` columns are the query.
    pub queries: &'a [f32],
    pub query_stride: usize,
    pub memory: &'a Memory,
    /// Added to the scores, the first query being the first position.
    pub bias: Option<&'a RelativeBias>,
    /// `[n][heads * head_width]`, all of which is written.
    pub out: &'a mut [MaybeUninit<f32>],
    /// Gets the first head's weights of the first query, as far as it is long.
    pub alignment: &'a mut [f32],
}

/// One query, one head.
#[derive(Clone, Copy)]
struct One<'a> {
    head: usize,
    /// Its place among the queries.
    row: usize,
    /// `[head_width]`.
    query: &'a [f32],
    /// `[head_width][stride]`.
    keys: &'a [f32],
    /// `[length][head_width]`.
    values: &'a [f32],
}

/// Where the sums go: `[n][width]`.
struct Out<'a> {
    rows: &'a mut [MaybeUninit<f32>],
    width: usize,
}

impl Out<'_> {
    /// Columns of a head from `column` on.
    #[inline(always)]
    fn write(&mut self, one: &One, column: usize, sums: &[f32]) {
        let at = one.row * self.width + one.head * one.query.len() + column;
        for (out, sum) in self.rows[at..][..sums.len()].iter_mut().zip(sums) {
            out.write(*sum);
        }
    }
}

/// Queries and heads computed side by side, whose softmax has its sums added up together: a sum goes from
/// left to right and would wait for itself.
const TOGETHER: usize = 8;

/// Of these, so many share the keys and values that are read, if they are of one head.
const SHARING: usize = 4;

impl Work for Attend<'_> {
    #[inline(always)]
    fn run<V: Floats>(mut self) {
        let (heads, queries) = (self.memory.heads, self.queries.len() / self.query_stride);
        let mut weights = Aligned::zeros(TOGETHER * self.memory.stride);
        let (weights, _) = weights.as_chunks_mut::<LANES>();
        // A lone query has its heads side by side.
        if queries == 1 {
            for first in (0..heads).step_by(TOGETHER) {
                let ones = (first..heads.min(first + TOGETHER)).map(|head| (head, 0));
                self.attend::<V, false>(ones, weights);
            }
            return;
        }
        for head in 0..heads {
            for first in (0..queries).step_by(TOGETHER) {
                let ones = (first..queries.min(first + TOGETHER)).map(|row| (head, row));
                self.attend::<V, true>(ones, weights);
            }
        }
    }
}

impl<'a> Attend<'a> {
    fn one(&self, head: usize, row: usize) -> One<'a> {
        let head_width = self.memory.head_width;
        let (keys, values) = self.memory.head(head);
        let query = &self.queries[row * self.query_stride..][head * head_width..][..head_width];
        One {
            head,
            row,
            query,
            keys,
            values,
        }
    }

    /// `ones`: head and row of 1 to `TOGETHER` queries, all of one head if `SHARED`. `weights`:
    /// `[TOGETHER][stride / LANES]`, for the scores and what becomes of them.
    #[inline(always)]
    fn attend<V: Floats, const SHARED: bool>(
        &mut self,
        ones: impl ExactSizeIterator<Item = (usize, usize)>,
        weights: &mut [[f32; LANES]],
    ) {
        let blocks = weights.len() / TOGETHER;
        let Memory {
            length, head_width, ..
        } = *self.memory;
        let count = ones.len();
        let mut all = [self.one(0, 0); TOGETHER];
        for (one, (head, row)) in all.iter_mut().zip(ones) {
            *one = self.one(head, row);
        }
        let ones = &all[..count];
        let scale = 1.0 / (head_width as f32).sqrt();
        for first in (0..count).step_by(SHARING) {
            let weights = &mut weights[first * blocks..];
            match ones[first..] {
                [a, b, c, d, ..] => {
                    scores::<V, SHARED, SHARING>(&[a, b, c, d], scale, blocks, weights)
                }
                [a, b, c] => scores::<V, SHARED, 3>(&[a, b, c], scale, blocks, weights),
                [a, b] => scores::<V, SHARED, 2>(&[a, b], scale, blocks, weights),
                [a] => scores::<V, SHARED, 1>(&[a], scale, blocks, weights),
                [] => {}
            }
        }
        if let Some(bias) = self.bias {
            for (one, weights) in ones.iter().zip(weights.chunks_exact_mut(blocks)) {
                bias.add(one.head, one.row, &mut weights.as_flattened_mut()[..length]);
            }
        }
        softmax::<V, TOGETHER>(weights, count, length);
        if (all[0].head, all[0].row) == (0, 0) {
            let weights = weights.as_flattened().iter();
            self.alignment
                .iter_mut()
                .zip(weights)
                .for_each(|(to, from)| *to = *from);
        }
        let width = self.memory.heads * head_width;
        let mut out = Out {
            rows: self.out,
            width,
        };
        for first in (0..count).step_by(SHARING) {
            let weights = &weights.as_flattened()[first * blocks * LANES..];
            let (stride, out) = (blocks * LANES, &mut out);
            match ones[first..] {
                [a, b, c, d, ..] => {
                    weighted_sums::<V, SHARED, SHARING>(&[a, b, c, d], weights, stride, out)
                }
                [a, b, c] => weighted_sums::<V, SHARED, 3>(&[a, b, c], weights, stride, out),
                [a, b] => weighted_sums::<V, SHARED, 2>(&[a, b], weights, stride, out),
                [a] => weighted_sums::<V, SHARED, 1>(&[a], weights, stride, out),
                [] => {}
            }
        }
    }
}

/// `weights[i][p] = scale Σ_c query[c] keys[c][p]`, the query and the keys being `ones[i]`'s; `weights`:
/// `[N or more][blocks]`.
#[inline(always)]
fn scores<V: Floats, const SHARED: bool, const N: usize>(
    ones: &[One; N],
    scale: f32,
    blocks: usize,
    weights: &mut [[f32; LANES]],
) {
    for block in (0..blocks / 2 * 2).step_by(2) {
        scores_of::<V, SHARED, N, 2>(ones, scale, block, blocks, weights);
    }
    if !blocks.is_multiple_of(2) {
        scores_of::<V, SHARED, N, 1>(ones, scale, blocks - 1, blocks, weights);
    }
}

/// The same for `B` blocks from `block` on.
#[inline(always)]
fn scores_of<V: Floats, const SHARED: bool, const N: usize, const B: usize>(
    ones: &[One; N],
    scale: f32,
    block: usize,
    blocks: usize,
    weights: &mut [[f32; LANES]],
) {
    let head_width = ones[0].query.len();
    let fit =
        |one: &One| one.query.len() == head_width && one.keys.len() == head_width * blocks * LANES;
    assert!(ones.iter().all(fit) && block + B <= blocks);
    let mut queries = [ones[0].query.as_ptr(); N];
    let mut keys = [ones[0].keys.as_ptr().cast::<[f32; LANES]>(); N];
    for (i, one) in ones.iter().enumerate() {
        queries[i] = one.query.as_ptr();
        keys[i] = one.keys[block * LANES..].as_ptr().cast();
    }
    let mut sums = [[V::splat(0.0); B]; N];
    for column in 0..head_width {
        for (i, sums) in sums.iter_mut().enumerate() {
            // SAFETY: as asserted, a query has `head_width` numbers.
            let query = V::splat(unsafe { *queries[i].add(column) });
            let keys = if SHARED { keys[0] } else { keys[i] };
            for (b, sum) in sums.iter_mut().enumerate() {
                // SAFETY: as asserted, keys have `head_width` rows of `blocks` blocks, and there are `B`
                // from `block` on.
                let key = unsafe { &*keys.add(column * blocks + b) };
                *sum = sum.add(query.mul(V::load(key)));
            }
        }
    }
    for (i, sums) in sums.into_iter().enumerate() {
        for (b, sum) in sums.into_iter().enumerate() {
            sum.mul(V::splat(scale))
                .store(&mut weights[i * blocks + block + b]);
        }
    }
}

/// Writes `Σ_p weights[i][p] values[p]` for each of the `ones`, one position after the other, as the definition
/// has it; `weights`: `[N or more][stride]`.
#[inline(always)]
fn weighted_sums<V: Floats, const SHARED: bool, const N: usize>(
    ones: &[One; N],
    weights: &[f32],
    stride: usize,
    out: &mut Out,
) {
    let head_width = ones[0].query.len();
    let length = ones[0].values.len() / head_width;
    let mut column = 0;
    while column + 2 * LANES <= head_width {
        weighted_columns::<V, SHARED, N, 2>(ones, weights, stride, column, out);
        column += 2 * LANES;
    }
    if column + LANES <= head_width {
        weighted_columns::<V, SHARED, N, 1>(ones, weights, stride, column, out);
        column += LANES;
    }
    // The columns of a head that do not fill a vector.
    for (one, weights) in ones.iter().zip(weights.chunks(stride)) {
        for column in column..head_width {
            let values = one.values[column..].iter().step_by(head_width);
            let sum = weights[..length]
                .iter()
                .zip(values)
                .map(|(w, v)| w * v)
                .sum();
            out.write(one, column, &[sum]);
        }
    }
}

/// The same for `B` vectors of columns from `column` on.
#[inline(always)]
fn weighted_columns<V: Floats, const SHARED: bool, const N: usize, const B: usize>(
    ones: &[One; N],
    weights: &[f32],
    stride: usize,
    column: usize,
    out: &mut Out,
) {
    let head_width = ones[0].query.len();
    let length = ones[0].values.len() / head_width;
    let fit = |one: &One| one.values.len() == length * head_width;
    assert!(
        ones.iter().all(fit)
            && column + B * LANES <= head_width
            && length <= stride
            && weights.len() >= N * stride
    );
    let mut starts = [weights.as_ptr(); N];
    let mut values = [ones[0].values.as_ptr().cast::<[f32; LANES]>(); N];
    for (i, one) in ones.iter().enumerate() {
        starts[i] = weights[i * stride..].as_ptr();
        values[i] = one.values[column..].as_ptr().cast();
    }
    let mut sums = [[V::splat(0.0); B]; N];
    for position in 0..length {
        for (i, sums) in sums.iter_mut().enumerate() {
            // SAFETY: as asserted, each of the `N` has `stride` weights, of which `length` are needed.
            let weight = V::splat(unsafe { *starts[i].add(position) });
            let values = if SHARED { values[0] } else { values[i] };
            for (b, sum) in sums.iter_mut().enumerate() {
                // SAFETY: as asserted, there is a row of `head_width` values for each position, and from
                // `column` on it has `B` vectors.
                let value = unsafe { &*values.byte_add(4 * position * head_width).add(b) };
                *sum = sum.add(weight.mul(V::load(value)));
            }
        }
    }
    let mut columns = [[0f32; LANES]; B];
    for (one, sums) in ones.iter().zip(sums) {
        for (columns, sum) in columns.iter_mut().zip(sums) {
            sum.store(columns);
        }
        out.write(one, column, columns.as_flattened());
    }
}

/// In place over the first `length` scores of each of the first `count` of at most `N`, `[N][blocks]`; the
/// padding behind them is left at zero.
#[inline(always)]
pub fn softmax<V: Floats, const N: usize>(
    scores: &mut [[f32; LANES]],
    count: usize,
    length: usize,
) {
    let blocks = scores.len() / N;
    if blocks == 0 {
        return;
    }
    let padding = length.next_multiple_of(LANES) - length;
    for scores in scores.chunks_exact_mut(blocks).take(count) {
        scores[blocks - 1][LANES - padding..].fill(f32::NEG_INFINITY);
        let greatest = scores
            .iter()
            .fold(V::splat(f32::NEG_INFINITY), |max, block| {
                max.max(V::load(block))
            });
        let greatest = V::splat(greatest.maximum());
        for block in scores.iter_mut() {
            V::load(block).sub(greatest).exp().store(block);
        }
        scores[blocks - 1][LANES - padding..].fill(0.0);
    }
    // From left to right, side by side.
    let mut totals = [0f32; N];
    let flat = scores.as_flattened();
    for position in 0..length {
        for (i, total) in totals.iter_mut().enumerate() {
            *total += flat[i * blocks * LANES + position];
        }
    }
    for (scores, total) in scores.chunks_exact_mut(blocks).zip(totals).take(count) {
        let total = Divisor::<V>::new(total);
        for block in scores {
            total.divide(V::load(block)).store(block);
        }
    }
}
