//! Multi-head attention over ragged batches: each sentence attends to its own rows only, which is
//! what a mask would say of a padded batch, without the padding.
#![allow(unsafe_code)]

use super::{
    RelativeBias,
    simd::{self, Floats, LANES, Work},
    with_values,
};
use candle_core::{Result, Tensor, bail};

/// Keys and values of one sentence in the order in which attention reads them.
pub struct Memory {
    length: usize,
    /// `[heads][head_width][stride]`: keys transposed, padded with zeros to whole vectors.
    keys: Vec<f32>,
    stride: usize,
    /// `[heads][length][head_width]`.
    values: Vec<f32>,
    head_width: usize,
}

/// Where the keys and the values stand in the rows that a [`Memory`] is made of.
#[derive(Clone, Copy)]
pub struct Columns {
    pub keys: usize,
    pub values: usize,
    /// Of both.
    pub width: usize,
}

impl Memory {
    /// `rows`: `[length][row_width]`.
    pub fn new(rows: &[f32], row_width: usize, columns: Columns, heads: usize) -> Self {
        let length = rows.len() / row_width;
        let stride = length.next_multiple_of(LANES);
        let head_width = columns.width / heads;
        let mut keys = vec![0f32; columns.width * stride];
        let mut values = vec![0f32; columns.width * length];
        for (position, row) in rows.chunks_exact(row_width).enumerate() {
            for (column, key) in row[columns.keys..][..columns.width].iter().enumerate() {
                keys[column * stride + position] = *key;
            }
            let of_heads = row[columns.values..][..columns.width].chunks_exact(head_width);
            for (head, value) in of_heads.enumerate() {
                values[(head * length + position) * head_width..][..head_width]
                    .copy_from_slice(value);
            }
        }
        Memory {
            length,
            keys,
            stride,
            values,
            head_width,
        }
    }

    fn heads(&self) -> usize {
        self.keys.len() / (self.head_width * self.stride)
    }

    /// Keys and values of one head.
    fn head(&self, head: usize) -> (&[f32], &[f32]) {
        let (keys, values) = (self.head_width * self.stride, self.length * self.head_width);
        (
            &self.keys[head * keys..][..keys],
            &self.values[head * values..][..values],
        )
    }
}

/// `softmax(q kᵀ / sqrt(head size) + bias) v`, heads side by side.
///
/// `qkv`: `[rows, 3 d]`, for each row its query, key and value; `lengths`: rows of each sentence.
/// Returns `[rows, d]`.
pub fn self_attention(
    qkv: &Tensor,
    lengths: &[usize],
    heads: usize,
    bias: Option<&RelativeBias>,
) -> Result<Tensor> {
    let (rows, row_width) = qkv.dims2()?;
    let width = row_width / 3;
    if lengths.iter().sum::<usize>() != rows {
        bail!("{rows} rows for sentences of {lengths:?}");
    }
    let columns = Columns {
        keys: width,
        values: 2 * width,
        width,
    };
    let mut out = vec![0f32; rows * width];
    with_values(qkv, |qkv| {
        let (mut qkv, mut rest) = (qkv, &mut out[..]);
        for &length in lengths {
            let (queries, others) = qkv.split_at(length * row_width);
            let (out, others_out) = rest.split_at_mut(length * width);
            let memory = Memory::new(queries, row_width, columns, heads);
            simd::dispatch(Attend {
                queries,
                query_stride: row_width,
                memory: &memory,
                bias,
                out,
                alignment: &mut [],
            });
            (qkv, rest) = (others, others_out);
        }
    })?;
    Tensor::from_vec(out, (rows, width), qkv.device())
}

/// The same with one query a sentence, `queries`: `[batch, d]`, and its keys and values kept in
/// `memories`. Returns `[batch, d]`, and for each sentence the weights of its first head over the
/// positions of the source: Marian trains that head as the alignment ("guided alignment").
pub fn cross_attention<'a>(
    queries: &Tensor,
    memories: impl ExactSizeIterator<Item = &'a Memory>,
) -> Result<(Tensor, Vec<Vec<f32>>)> {
    let (batch, width) = queries.dims2()?;
    if memories.len() != batch {
        bail!("{batch} queries for {} memories", memories.len());
    }
    let mut out = vec![0f32; batch * width];
    let mut alignments = Vec::with_capacity(batch);
    with_values(queries, |queries| {
        let rows = queries.chunks_exact(width).zip(out.chunks_exact_mut(width));
        for ((queries, out), memory) in rows.zip(memories) {
            let mut alignment = vec![0f32; memory.length];
            simd::dispatch(Attend {
                queries,
                query_stride: width,
                memory,
                bias: None,
                out,
                alignment: &mut alignment,
            });
            alignments.push(alignment);
        }
    })?;
    Ok((
        Tensor::from_vec(out, (batch, width), queries.device())?,
        alignments,
    ))
}

/// Queries of one sentence over its memory, head by head, so that a head's keys and values stay in
/// the nearest cache while all queries meet them.
struct Attend<'a> {
    /// `[n][query_stride]`, of which the first `heads * head_width` columns are the query.
    queries: &'a [f32],
    query_stride: usize,
    memory: &'a Memory,
    /// Added to the scores, the first query being the first position.
    bias: Option<&'a RelativeBias>,
    /// `[n][heads * head_width]`.
    out: &'a mut [f32],
    /// Gets the first head's weights of the first query, as far as it is long.
    alignment: &'a mut [f32],
}

/// One query, one head.
struct One<'a> {
    /// `[head_width]`.
    query: &'a [f32],
    /// `[head_width][stride]`.
    keys: &'a [f32],
    /// `[length][head_width]`.
    values: &'a [f32],
}

/// Queries and heads computed side by side: a sum goes from left to right and would wait for itself, four
/// keep the machine busy.
const TOGETHER: usize = 4;

impl Work for Attend<'_> {
    #[inline(always)]
    fn run<V: Floats>(self) {
        let blocks = self.memory.stride / LANES;
        let mut weights = vec![[0f32; LANES]; blocks * TOGETHER];
        let queries = self.queries.len() / self.query_stride;
        let all = queries * self.memory.heads();
        let mut first = 0;
        // Head by head, and for each all queries; a lone query has heads side by side.
        let place = |i: usize| (i / queries, i % queries);
        let mut this = self;
        while first < all {
            first += match all - first {
                1 => this.attend::<V, 1>(|i| place(first + i), &mut weights[..blocks]),
                2 => this.attend::<V, 2>(|i| place(first + i), &mut weights[..2 * blocks]),
                3 => this.attend::<V, 3>(|i| place(first + i), &mut weights[..3 * blocks]),
                _ => this.attend::<V, TOGETHER>(|i| place(first + i), &mut weights),
            };
        }
    }
}

impl Attend<'_> {
    /// `place`: head and query of each of the `N`. Returns `N`.
    #[inline(always)]
    fn attend<V: Floats, const N: usize>(
        &mut self,
        place: impl Fn(usize) -> (usize, usize),
        weights: &mut [[f32; LANES]],
    ) -> usize {
        let Memory {
            length, head_width, ..
        } = *self.memory;
        let blocks = weights.len() / N;
        let ones: [One; N] = std::array::from_fn(|i| {
            let (head, query) = place(i);
            let (keys, values) = self.memory.head(head);
            let query = &self.queries[query * self.query_stride..][head * head_width..];
            One {
                query: &query[..head_width],
                keys,
                values,
            }
        });
        scores::<V, N>(&ones, 1.0 / (head_width as f32).sqrt(), weights);
        if let Some(bias) = self.bias {
            for (i, weights) in weights.chunks_exact_mut(blocks).enumerate() {
                let (head, query) = place(i);
                bias.add(head, query, &mut weights.as_flattened_mut()[..length]);
            }
        }
        softmax::<V, N>(weights, length);
        if place(0) == (0, 0) {
            let weights = weights.as_flattened().iter();
            self.alignment
                .iter_mut()
                .zip(weights)
                .for_each(|(to, from)| *to = *from);
        }
        let width = self.memory.heads() * head_width;
        weighted_sums::<V, N>(&ones, weights, length, |i, column, sums| {
            let (head, query) = place(i);
            self.out[query * width + head * head_width + column..][..sums.len()]
                .copy_from_slice(sums);
        });
        N
    }
}

/// `weights[i][p] = scale Σ_c query[c] keys[c][p]`; `weights`: `[N][stride / LANES]`.
#[inline(always)]
fn scores<V: Floats, const N: usize>(ones: &[One; N], scale: f32, weights: &mut [[f32; LANES]]) {
    let blocks = weights.len() / N;
    let head_width = ones[0].query.len();
    let fit =
        |one: &One| one.query.len() == head_width && one.keys.len() == head_width * blocks * LANES;
    assert!(ones.iter().all(fit));
    let queries = ones.each_ref().map(|one| one.query.as_ptr());
    for block in 0..blocks {
        let keys = ones
            .each_ref()
            .map(|one| one.keys[block * LANES..].as_ptr().cast::<[f32; LANES]>());
        let mut sums = [V::splat(0.0); N];
        for column in 0..head_width {
            for (sum, (query, keys)) in sums.iter_mut().zip(queries.iter().zip(keys)) {
                // SAFETY: as asserted, a query has `head_width` numbers, and its keys as many rows of
                // `blocks` blocks.
                let (query, key) = unsafe { (*query.add(column), &*keys.add(column * blocks)) };
                *sum = sum.add(V::splat(query).mul(V::load(key)));
            }
        }
        for (i, sum) in sums.into_iter().enumerate() {
            sum.mul(V::splat(scale))
                .store(&mut weights[i * blocks + block]);
        }
    }
}

/// Gives `write(i, c, sums)` the columns from `c` on of `Σ_p weights[i][p] values[p]`, one position after
/// the other, as the definition has it; `weights`: `[N][stride / LANES]`.
#[inline(always)]
fn weighted_sums<V: Floats, const N: usize>(
    ones: &[One; N],
    weights: &[[f32; LANES]],
    length: usize,
    mut write: impl FnMut(usize, usize, &[f32]),
) {
    let blocks = weights.len() / N;
    let head_width = ones[0].query.len();
    let weights = weights.as_flattened();
    let fit = |one: &One| one.values.len() == length * head_width;
    assert!(ones.iter().all(fit) && length <= blocks * LANES);
    let whole = head_width / LANES * LANES;
    for column in (0..whole).step_by(LANES) {
        let starts = std::array::from_fn::<_, N, _>(|i| {
            let values = ones[i].values[column..].as_ptr();
            (weights[i * blocks * LANES..].as_ptr(), values)
        });
        let mut sums = [V::splat(0.0); N];
        for position in 0..length {
            for (sum, (weights, values)) in sums.iter_mut().zip(starts) {
                // SAFETY: as asserted, there is a weight and a row of values for each position; a row has
                // `head_width` numbers, and from `column` on `LANES` of them.
                let (weight, value) = unsafe {
                    let value = values.add(position * head_width);
                    (*weights.add(position), &*value.cast::<[f32; LANES]>())
                };
                *sum = sum.add(V::splat(weight).mul(V::load(value)));
            }
        }
        let mut columns = [0f32; LANES];
        for (i, sum) in sums.into_iter().enumerate() {
            sum.store(&mut columns);
            write(i, column, &columns);
        }
    }
    // The columns of a head that do not fill a vector.
    for (i, one) in ones.iter().enumerate() {
        let weights = &weights[i * blocks * LANES..][..length];
        for column in whole..head_width {
            let values = one.values[column..].iter().step_by(head_width);
            let sum = weights.iter().zip(values).map(|(w, v)| w * v).sum();
            write(i, column, &[sum]);
        }
    }
}

/// In place over the first `length` scores of each of the `N`, `[N][blocks]`; the padding behind them is
/// left at zero.
#[inline(always)]
pub(super) fn softmax<V: Floats, const N: usize>(scores: &mut [[f32; LANES]], length: usize) {
    let blocks = scores.len() / N;
    if blocks == 0 {
        return;
    }
    let padding = length.next_multiple_of(LANES) - length;
    for scores in scores.chunks_exact_mut(blocks) {
        scores[blocks - 1][LANES - padding..].fill(f32::NEG_INFINITY);
        let greatest = scores
            .iter()
            .fold(V::splat(f32::NEG_INFINITY), |max, block| {
                max.max(V::load(block))
            });
        let greatest = V::splat(simd::maximum(greatest));
        for block in scores.iter_mut() {
            simd::exp(V::load(block).sub(greatest)).store(block);
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
    for (scores, total) in scores.chunks_exact_mut(blocks).zip(totals) {
        let total = V::splat(total);
        for block in scores {
            V::load(block).div(total).store(block);
        }
    }
}
