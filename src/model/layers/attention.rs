//! Multi-head attention over ragged batches: each sentence attends to its own rows only, which is
//! what a mask would say of a padded batch, without the padding.

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

impl Work for Attend<'_> {
    #[inline(always)]
    fn run<V: Floats>(self) {
        let Memory {
            length,
            stride,
            head_width,
            ..
        } = *self.memory;
        let heads = self.memory.keys.len() / (head_width * stride);
        let scale = 1.0 / (head_width as f32).sqrt();
        let mut weights = vec![[0f32; LANES]; stride / LANES];
        let keys = self.memory.keys.chunks_exact(head_width * stride);
        let values = self.memory.values.chunks_exact(head_width * length);
        for (head, (keys, values)) in keys.zip(values).enumerate() {
            let columns = head * head_width..(head + 1) * head_width;
            let queries = self.queries.chunks_exact(self.query_stride);
            let outs = self.out.chunks_exact_mut(heads * head_width);
            for (position, (query, out)) in queries.zip(outs).enumerate() {
                all_scores::<V>(&query[columns.clone()], keys, scale, &mut weights);
                if let Some(bias) = self.bias {
                    bias.add(head, position, &mut weights.as_flattened_mut()[..length]);
                }
                softmax::<V>(&mut weights, length);
                let weights = &weights.as_flattened()[..length];
                if head == 0 {
                    self.alignment
                        .iter_mut()
                        .zip(weights)
                        .for_each(|(to, from)| *to = *from);
                }
                weighted_sums::<V>(weights, values, head_width, &mut out[columns.clone()]);
            }
        }
    }
}

#[inline(always)]
fn all_scores<V: Floats>(query: &[f32], keys: &[f32], scale: f32, out: &mut [[f32; LANES]]) {
    let mut first = 0;
    while first < out.len() {
        // Four registers of scores at a time: sums that do not wait for each other.
        first += match out.len() - first {
            1 => scores::<V, 1>(query, keys, first, scale, out),
            2 => scores::<V, 2>(query, keys, first, scale, out),
            3 => scores::<V, 3>(query, keys, first, scale, out),
            _ => scores::<V, 4>(query, keys, first, scale, out),
        };
    }
}

/// `out[c] = Σ_p weights[p] values[p][c]`, `values`: `[length][head_width]`.
#[inline(always)]
fn weighted_sums<V: Floats>(weights: &[f32], values: &[f32], head_width: usize, out: &mut [f32]) {
    let mut first = 0;
    while first < head_width {
        let out = &mut out[first..];
        first += match out.len() / LANES {
            0 => weighted_remainder(weights, values, head_width, first, out),
            1 => weighted_sum::<V, 1>(weights, values, head_width, first, out),
            _ => weighted_sum::<V, 2>(weights, values, head_width, first, out),
        };
    }
}

/// Scores of `BLOCKS` blocks of positions from block `first` on; returns `BLOCKS`.
#[inline(always)]
fn scores<V: Floats, const BLOCKS: usize>(
    query: &[f32],
    keys: &[f32],
    first: usize,
    scale: f32,
    out: &mut [[f32; LANES]],
) -> usize {
    let mut sums = [V::splat(0.0); BLOCKS];
    let (keys, _) = keys.as_chunks::<LANES>();
    for (q, keys) in query.iter().zip(keys.chunks_exact(out.len())) {
        let q = V::splat(*q);
        for (sum, keys) in sums.iter_mut().zip(&keys[first..first + BLOCKS]) {
            *sum = sum.add(q.mul(V::load(keys)));
        }
    }
    for (out, sum) in out[first..].iter_mut().zip(sums) {
        sum.mul(V::splat(scale)).store(out);
    }
    BLOCKS
}

/// `BLOCKS * LANES` columns, from `first` on, of the weighted sum of the values; returns their
/// number. One position after the other, as the definition has it.
#[inline(always)]
fn weighted_sum<V: Floats, const BLOCKS: usize>(
    weights: &[f32],
    values: &[f32],
    head_width: usize,
    first: usize,
    out: &mut [f32],
) -> usize {
    let mut sums = [V::splat(0.0); BLOCKS];
    for (weight, values) in weights.iter().zip(values.chunks_exact(head_width)) {
        let weight = V::splat(*weight);
        let (blocks, _) = values[first..first + BLOCKS * LANES].as_chunks::<LANES>();
        for (sum, values) in sums.iter_mut().zip(blocks) {
            *sum = sum.add(weight.mul(V::load(values)));
        }
    }
    let (blocks, _) = out.as_chunks_mut::<LANES>();
    for (out, sum) in blocks.iter_mut().zip(sums) {
        sum.store(out);
    }
    BLOCKS * LANES
}

/// The columns of a head that do not fill a vector.
#[inline(always)]
fn weighted_remainder(
    weights: &[f32],
    values: &[f32],
    head_width: usize,
    first: usize,
    out: &mut [f32],
) -> usize {
    for (weight, values) in weights.iter().zip(values.chunks_exact(head_width)) {
        for (out, value) in out.iter_mut().zip(&values[first..]) {
            *out += weight * value;
        }
    }
    out.len()
}

/// In place over the first `length` scores; the padding behind them is left at zero.
#[inline(always)]
pub(super) fn softmax<V: Floats>(scores: &mut [[f32; LANES]], length: usize) {
    let padding = length.next_multiple_of(LANES) - length;
    if let Some(last) = scores.last_mut() {
        last[LANES - padding..].fill(f32::NEG_INFINITY);
    }
    let greatest = scores
        .iter()
        .fold(V::splat(f32::NEG_INFINITY), |max, block| {
            max.max(V::load(block))
        });
    let greatest = V::splat(simd::maximum(greatest));
    for block in scores.iter_mut() {
        simd::exp(V::load(block).sub(greatest)).store(block);
    }
    if let Some(last) = scores.last_mut() {
        last[LANES - padding..].fill(0.0);
    }
    let total: f32 = scores.as_flattened()[..length].iter().sum();
    let total = V::splat(total);
    for block in scores.iter_mut() {
        V::load(block).div(total).store(block);
    }
}
