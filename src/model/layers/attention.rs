//! Multi-head attention over ragged batches: each sentence attends to its own rows only, which is
//! what a mask would say of a padded batch, without the padding.
#![allow(unsafe_code)]

mod sums;
#[cfg(test)]
mod test;

pub(super) use sums::softmax;

use super::{
    RelativeBias,
    aligned::Aligned,
    simd::{self, Floats, LANES, Work},
    with_values,
};
use candle_core::{Result, Tensor, bail};
use sums::Attend;

/// Keys and values of one sentence in the order in which attention reads them.
pub struct Memory {
    length: usize,
    heads: usize,
    head_width: usize,
    /// `[heads][head_width][stride]`: keys transposed, padded to whole vectors.
    keys: Aligned<f32>,
    stride: usize,
    /// `[heads][length][head_width]`.
    values: Aligned<f32>,
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
        let mut memory = Memory::with_room(rows.len() / row_width, heads, columns.width / heads);
        memory.fill(rows, row_width, columns);
        memory
    }

    /// For sentences of at most so many positions, one after the other.
    fn with_room(length: usize, heads: usize, head_width: usize) -> Self {
        let stride = length.next_multiple_of(LANES);
        Memory {
            length,
            heads,
            head_width,
            keys: Aligned::zeros(heads * head_width * stride),
            stride,
            values: Aligned::zeros(heads * head_width * length),
        }
    }

    /// `rows`: `[length][row_width]`, no longer than there is room for.
    fn fill(&mut self, rows: &[f32], row_width: usize, columns: Columns) {
        self.length = rows.len() / row_width;
        self.stride = self.length.next_multiple_of(LANES);
        simd::dispatch(Fill {
            memory: self,
            rows,
            row_width,
            columns,
        });
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

struct Fill<'a> {
    memory: &'a mut Memory,
    rows: &'a [f32],
    row_width: usize,
    columns: Columns,
}

impl Work for Fill<'_> {
    #[inline(always)]
    fn run<V: Floats>(self) {
        let Fill {
            rows,
            row_width,
            columns,
            ..
        } = self;
        let &mut Memory {
            length,
            head_width,
            stride,
            ref mut keys,
            ref mut values,
            ..
        } = self.memory;
        let whole = columns.width / LANES * LANES;
        for (block, rows) in rows.chunks(LANES * row_width).enumerate() {
            for column in (0..whole).step_by(LANES) {
                let mut vectors = [V::splat(0.0); LANES];
                for (vector, row) in vectors.iter_mut().zip(rows.chunks_exact(row_width)) {
                    if let Some(keys) = row[columns.keys + column..].first_chunk() {
                        *vector = V::load(keys);
                    }
                }
                for (i, vector) in V::transpose(vectors).into_iter().enumerate() {
                    let at = (column + i) * stride + block * LANES;
                    if let Some(to) = keys[at..].first_chunk_mut() {
                        vector.store(to);
                    }
                }
            }
            for (position, row) in rows.chunks_exact(row_width).enumerate() {
                for column in whole..columns.width {
                    let at = column * stride + block * LANES + position;
                    keys[at] = row[columns.keys + column];
                }
            }
        }
        let of_heads = values.chunks_exact_mut((length * head_width).max(1));
        for (head, values) in of_heads.take(columns.width / head_width).enumerate() {
            let at = columns.values + head * head_width;
            let places = values.chunks_exact_mut(head_width);
            for (value, row) in places.zip(rows.chunks_exact(row_width)) {
                value.copy_from_slice(&row[at..][..head_width]);
            }
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
    if !width.is_multiple_of(heads) {
        bail!("{heads} heads for {width} columns");
    }
    let columns = Columns {
        keys: width,
        values: 2 * width,
        width,
    };
    let mut out = Vec::with_capacity(rows * width);
    with_values(qkv, |qkv| {
        let longest = lengths.iter().max().copied().unwrap_or(0);
        let mut memory = Memory::with_room(longest, heads, width / heads);
        let (mut qkv, mut rest) = (qkv, &mut out.spare_capacity_mut()[..rows * width]);
        for &length in lengths {
            let (queries, others) = qkv.split_at(length * row_width);
            let (out, others_out) = rest.split_at_mut(length * width);
            memory.fill(queries, row_width, columns);
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
    // SAFETY: the sentences are all rows, as checked above, and of each all heads were written whole.
    unsafe { out.set_len(rows * width) };
    Tensor::from_vec(out, (rows, width), qkv.device())
}

/// The same with one query a sentence, `queries`: `[batch, d]`, and its keys and values kept in
/// `memories`. Returns `[batch, d]`, and for each sentence the weights of its first head over the
/// positions of the source: Marian trains that head as the alignment ("guided alignment").
pub fn cross_attention<'a>(
    queries: &Tensor,
    memories: impl Iterator<Item = &'a Memory>,
) -> Result<(Tensor, Vec<Vec<f32>>)> {
    let (batch, width) = queries.dims2()?;
    let mut out = Vec::with_capacity(batch * width);
    let mut alignments = Vec::with_capacity(batch);
    with_values(queries, |queries| {
        let out = &mut out.spare_capacity_mut()[..batch * width];
        let rows = queries.chunks_exact(width).zip(out.chunks_exact_mut(width));
        for ((queries, out), memory) in rows.zip(memories) {
            if memory.heads * memory.head_width != width {
                bail!("queries of {width} columns for other keys");
            }
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
        Ok(())
    })??;
    if alignments.len() != batch {
        bail!("{batch} queries for {} memories", alignments.len());
    }
    // SAFETY: each row had a query and a memory, and all of its heads were written whole.
    unsafe { out.set_len(batch * width) };
    Ok((
        Tensor::from_vec(out, (batch, width), queries.device())?,
        alignments,
    ))
}
