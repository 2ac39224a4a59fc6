//! Keys and values of what sentences have decoded so far, for self-attention one query at a time.
//!
//! A row's cache is a list of pages of sixteen positions, all layers of a position in the same page.
//! Rows that continue the same row share its full pages; a page that is still being filled is copied when
//! two rows would write to it, so that a beam search moves a page a row and not the whole past.

use super::{
    RelativeBias,
    attention::softmax,
    simd::{self, Floats, LANES, Work},
    with_values,
};
use candle_core::{Result, Tensor, bail};
use std::sync::Arc;

/// Sizes of what a position leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CacheShape {
    pub layers: usize,
    pub heads: usize,
    pub head_width: usize,
}

/// `[layers]`, each the keys `[heads][head_width][LANES]` and then the values `[heads][LANES][head_width]`
/// of `LANES` positions.
type Page = Vec<f32>;

/// The caches of all rows of a batch. Every row has room for the position that its next step writes.
pub struct Caches {
    shape: CacheShape,
    rows: Vec<Row>,
    /// Pages of rows that have left.
    spare: Vec<Arc<Page>>,
    scratch: Vec<[f32; LANES]>,
}

#[derive(Clone)]
struct Row {
    /// Positions, that of the next step counted.
    length: usize,
    pages: Vec<Arc<Page>>,
}

impl CacheShape {
    fn width(&self) -> usize {
        self.heads * self.head_width
    }

    fn of_layer(&self) -> usize {
        2 * self.width() * LANES
    }
}

impl Caches {
    pub fn new(shape: CacheShape) -> Self {
        Caches {
            shape,
            rows: Vec::new(),
            spare: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Adds rows at the end, each before its first position.
    pub fn join(&mut self, count: usize) {
        for _ in 0..count {
            let pages = vec![self.page()];
            self.rows.push(Row { length: 1, pages });
        }
    }

    /// From now on row `i` is at the position behind that of row `from[i]`. Rows that are not named leave.
    pub fn advance(&mut self, from: impl ExactSizeIterator<Item = usize> + Clone) {
        let stay =
            from.len() == self.rows.len() && from.clone().enumerate().all(|(i, row)| i == row);
        if !stay {
            let mut named = vec![0usize; self.rows.len()];
            from.clone().for_each(|row| named[row] += 1);
            let mut old: Vec<Option<Row>> = std::mem::take(&mut self.rows)
                .into_iter()
                .map(Some)
                .collect();
            for (row, named) in old.iter_mut().zip(&named) {
                if *named == 0 {
                    let pages = row.take().into_iter().flat_map(|row| row.pages);
                    self.spare
                        .extend(pages.filter(|page| Arc::strong_count(page) == 1));
                }
            }
            for row in from {
                named[row] -= 1;
                let moved = if named[row] == 0 {
                    old[row].take()
                } else {
                    old[row].clone()
                };
                self.rows.extend(moved);
            }
        }
        for row in 0..self.rows.len() {
            self.make_room(row);
        }
    }

    /// For one position more.
    fn make_room(&mut self, row: usize) {
        if self.rows[row].length.is_multiple_of(LANES) {
            let page = self.page();
            self.rows[row].pages.push(page);
        } else if let Some(last) = self.rows[row].pages.pop() {
            let last = if Arc::strong_count(&last) == 1 {
                last
            } else {
                let mut copy = self.page();
                Arc::make_mut(&mut copy).copy_from_slice(&last);
                copy
            };
            self.rows[row].pages.push(last);
        }
        self.rows[row].length += 1;
    }

    /// One that nobody shares, with anything in it.
    fn page(&mut self) -> Arc<Page> {
        let size = self.shape.layers * self.shape.of_layer();
        self.spare
            .pop()
            .unwrap_or_else(|| Arc::new(vec![0.0; size]))
    }

    /// Writes keys and values of every row's last position in a layer, and attends with its query to all
    /// of its positions: `softmax(q kᵀ / sqrt(head size) + bias) v`, heads side by side.
    ///
    /// `qkv`: `[rows, 3 d]`, for each row its query, key and value. Returns `[rows, d]`.
    pub fn attend(
        &mut self,
        layer: usize,
        qkv: &Tensor,
        bias: Option<&RelativeBias>,
    ) -> Result<Tensor> {
        let (shape, count) = (self.shape, self.rows.len());
        let width = shape.width();
        if qkv.dims() != [count, 3 * width] {
            bail!("{:?} queries, keys and values for {count} rows", qkv.dims());
        }
        let mut out = vec![0f32; count * width];
        let pages = self.rows.iter().map(|row| row.pages.len()).max();
        self.scratch.resize(pages.unwrap_or(0), [0.0; LANES]);
        with_values(qkv, |qkv| {
            let rows = qkv.chunks_exact(3 * width).zip(out.chunks_exact_mut(width));
            for (row, (qkv, out)) in self.rows.iter_mut().zip(rows) {
                row.write(shape, layer, &qkv[width..]);
                simd::dispatch(Attend {
                    shape,
                    layer,
                    query: &qkv[..width],
                    row,
                    bias,
                    weights: &mut self.scratch[..row.pages.len()],
                    out,
                });
            }
        })?;
        Tensor::from_vec(out, (count, width), qkv.device())
    }
}

impl Row {
    /// `keys_and_values`: `[2][d]` of the last position.
    fn write(&mut self, shape: CacheShape, layer: usize, keys_and_values: &[f32]) {
        let position = (self.length - 1) % LANES;
        let Some(page) = self.pages.last_mut() else {
            return;
        };
        // Nobody shares it: `make_room` has seen to that.
        let page = &mut Arc::make_mut(page)[layer * shape.of_layer()..][..shape.of_layer()];
        let (keys, values) = page.split_at_mut(shape.width() * LANES);
        let (new_keys, new_values) = keys_and_values.split_at(shape.width());
        for (column, key) in keys.as_chunks_mut::<LANES>().0.iter_mut().zip(new_keys) {
            column[position] = *key;
        }
        let heads = values.chunks_exact_mut(LANES * shape.head_width);
        for (values, new) in heads.zip(new_values.chunks_exact(shape.head_width)) {
            values[position * shape.head_width..][..shape.head_width].copy_from_slice(new);
        }
    }
}

struct Attend<'a> {
    shape: CacheShape,
    layer: usize,
    /// `[heads][head_width]`.
    query: &'a [f32],
    row: &'a Row,
    bias: Option<&'a RelativeBias>,
    /// For the weights of a head, a block a page.
    weights: &'a mut [[f32; LANES]],
    /// As the query, zeros.
    out: &'a mut [f32],
}

impl Work for Attend<'_> {
    #[inline(always)]
    fn run<V: Floats>(self) {
        let CacheShape { head_width, .. } = self.shape;
        let (length, of_head) = (self.row.length, head_width * LANES);
        let scale = V::splat(1.0 / (head_width as f32).sqrt());
        let at = self.layer * self.shape.of_layer();
        let values_at = at + self.shape.width() * LANES;
        let queries = self.query.chunks_exact(head_width);
        let outs = self.out.chunks_exact_mut(head_width);
        for (head, (query, out)) in queries.zip(outs).enumerate() {
            for (page, weights) in self.row.pages.iter().zip(&mut *self.weights) {
                let (keys, _) = page[at + head * of_head..][..of_head].as_chunks::<LANES>();
                scores::<V>(query, keys).mul(scale).store(weights);
            }
            if let Some(bias) = self.bias {
                let scores = &mut self.weights.as_flattened_mut()[..length];
                bias.add(head, length - 1, scores);
            }
            softmax::<V, 1>(self.weights, 1, length);
            let weights = &self.weights.as_flattened()[..length];
            let values = |page: &Arc<Page>| values_at + head * of_head..page.len();
            let pages = self.row.pages.iter().map(|page| &page[values(page)]);
            weighted_sums::<V>(weights, pages, out);
        }
    }
}

/// Of a query with the keys of one page. Sums of every fourth column, which do not wait for each other.
#[inline(always)]
fn scores<V: Floats>(query: &[f32], keys: &[[f32; LANES]]) -> V {
    let mut sums = [V::splat(0.0); 4];
    let (fours, rest) = query.as_chunks::<4>();
    let (key_fours, key_rest) = keys.as_chunks::<4>();
    for (q, keys) in fours.iter().zip(key_fours) {
        for ((sum, q), key) in sums.iter_mut().zip(q).zip(keys) {
            *sum = sum.add(V::splat(*q).mul(V::load(key)));
        }
    }
    for ((sum, q), key) in sums.iter_mut().zip(rest).zip(key_rest) {
        *sum = sum.add(V::splat(*q).mul(V::load(key)));
    }
    sums[0].add(sums[1]).add(sums[2].add(sums[3]))
}

/// `out[c] = Σ_p weights[p] values[p][c]`; `pages`: `[LANES][out.len()]` values each.
#[inline(always)]
fn weighted_sums<'a, V: Floats>(
    weights: &[f32],
    pages: impl Iterator<Item = &'a [f32]> + Clone,
    out: &mut [f32],
) {
    let mut first = 0;
    while first < out.len() {
        first += match (out.len() - first) / LANES {
            0 => weighted_remainder(weights, pages.clone(), first, out),
            1 => weighted_sum::<V, 1>(weights, pages.clone(), first, out),
            2 | 3 => weighted_sum::<V, 2>(weights, pages.clone(), first, out),
            _ => weighted_sum::<V, 4>(weights, pages.clone(), first, out),
        };
    }
}

/// `BLOCKS * LANES` columns from `first` on; returns their number.
#[inline(always)]
fn weighted_sum<'a, V: Floats, const BLOCKS: usize>(
    weights: &[f32],
    pages: impl Iterator<Item = &'a [f32]>,
    first: usize,
    out: &mut [f32],
) -> usize {
    let mut sums = [V::splat(0.0); BLOCKS];
    for (weights, page) in weights.chunks(LANES).zip(pages) {
        for (weight, values) in weights.iter().zip(page.chunks_exact(out.len())) {
            let weight = V::splat(*weight);
            let (blocks, _) = values[first..first + BLOCKS * LANES].as_chunks::<LANES>();
            for (sum, values) in sums.iter_mut().zip(blocks) {
                *sum = sum.add(weight.mul(V::load(values)));
            }
        }
    }
    let (blocks, _) = out[first..].as_chunks_mut::<LANES>();
    for (out, sum) in blocks.iter_mut().zip(sums) {
        sum.store(out);
    }
    BLOCKS * LANES
}

/// The columns that do not fill a vector.
#[inline(always)]
fn weighted_remainder<'a>(
    weights: &[f32],
    pages: impl Iterator<Item = &'a [f32]>,
    first: usize,
    out: &mut [f32],
) -> usize {
    let head_width = out.len();
    for (weights, page) in weights.chunks(LANES).zip(pages) {
        for (weight, values) in weights.iter().zip(page.chunks_exact(head_width)) {
            for (out, value) in out[first..].iter_mut().zip(&values[first..]) {
                *out += weight * value;
            }
        }
    }
    head_width - first
}

#[cfg(test)]
mod test;
