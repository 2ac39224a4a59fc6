//! One layer: attention over what came before, then the feed-forward network.

use super::config::Config;
use crate::model::layers::{
    Attention, BlockLinear, Cache, Reading, RmsNorm, Rotation, gated, with_values,
};
use candle_core::{Device, Result, Tensor, bail};
use rayon::prelude::*;
use std::ops::Range;

/// Weights of a layer.
pub struct Layer {
    pub attention: Attention,
    pub attention_norm: RmsNorm,
    pub query: BlockLinear,
    pub key: BlockLinear,
    pub value: BlockLinear,
    /// Over each head of the queries and of the keys.
    pub head_norms: Option<(RmsNorm, RmsNorm)>,
    pub attention_output: BlockLinear,
    pub ffn_norm: RmsNorm,
    pub gate: BlockLinear,
    pub up: BlockLinear,
    pub down: BlockLinear,
    /// Over what attention and the feed-forward network add to the residual stream.
    pub residual_norms: Option<(RmsNorm, RmsNorm)>,
}

/// Which row of a step belongs to whom.
#[derive(Clone, Copy)]
pub struct Place {
    /// Of the sequences of the step.
    pub sequence: usize,
    pub position: usize,
}

/// Rows of a sequence that look back together: a chunk of keys is read once for all of them.
const TILE: usize = 32;
/// Multiplications that are worth waking a thread for.
const LEAST_WORK: usize = 1 << 17;

/// The rows of each sequence, as many as make a tile.
fn tiles(places: &[Place]) -> impl Iterator<Item = Range<usize>> {
    let sequences = places.chunk_by(|a, b| a.sequence == b.sequence);
    let mut first = 0;
    sequences.flat_map(move |rows| {
        let all = first..first + rows.len();
        first = all.end;
        all.clone()
            .step_by(TILE)
            .map(move |start| start..(start + TILE).min(all.end))
    })
}

impl Layer {
    /// `x`: `[rows, dim]`; `places`: one a row, a sequence's in their order; `caches`: one a
    /// sequence, which the rows' keys and values are added to.
    pub fn forward(
        &self,
        config: &Config,
        x: &Tensor,
        rotation: &Rotation,
        places: &[Place],
        caches: &mut [&mut Cache],
    ) -> Result<Tensor> {
        let attended = self.attend(&self.attention_norm.forward(x)?, rotation, places, caches)?;
        let mut attended = self.attention_output.forward(&attended)?;
        if let Some((norm, _)) = &self.residual_norms {
            attended = norm.forward(&attended)?;
        }
        let x = (x + attended)?;
        let normalized = self.ffn_norm.forward(&x)?;
        let both = BlockLinear::forward_all(&[&self.gate, &self.up], &normalized)?;
        let [gate, up] = &both[..] else {
            bail!("two products have two results");
        };
        let mut out = self.down.forward(&gated(config.family.gate, gate, up)?)?;
        if let Some((_, norm)) = &self.residual_norms {
            out = norm.forward(&out)?;
        }
        x + out
    }

    /// `[rows, heads · width]`.
    fn attend(
        &self,
        x: &Tensor,
        rotation: &Rotation,
        places: &[Place],
        caches: &mut [&mut Cache],
    ) -> Result<Tensor> {
        let projected = BlockLinear::forward_all(&[&self.query, &self.key, &self.value], x)?;
        let [queries, keys, values] = &projected[..] else {
            bail!("three products have three results");
        };
        let Attention {
            heads,
            kv_heads,
            width,
            ..
        } = self.attention;
        let mut queries = with_values(queries, <[f32]>::to_vec)?;
        let mut keys = with_values(keys, <[f32]>::to_vec)?;
        if let Some((query_norm, key_norm)) = &self.head_norms {
            query_norm.normalize(&mut queries);
            key_norm.normalize(&mut keys);
        }
        let rows = queries.chunks_exact_mut(heads * width);
        for (row, (queries, keys)) in rows
            .zip(keys.chunks_exact_mut(kv_heads * width))
            .enumerate()
        {
            rotation.turn(row, queries, width);
            rotation.turn(row, keys, width);
        }
        with_values(values, |values| {
            let rows = keys.chunks_exact(kv_heads * width);
            let rows = rows.zip(values.chunks_exact(kv_heads * width));
            for (place, (key, value)) in places.iter().zip(rows) {
                caches[place.sequence].push(&self.attention, key, value);
            }
        })?;
        let out = self.looked_back(&queries, places, caches);
        for cache in caches.iter_mut() {
            cache.forget(&self.attention);
        }
        Tensor::from_vec(out, (places.len(), heads * width), &Device::Cpu)
    }

    /// What all rows see of their sequences, `[rows, heads · width]`, tile by tile.
    fn looked_back(&self, queries: &[f32], places: &[Place], caches: &[&mut Cache]) -> Vec<f32> {
        let Attention {
            heads,
            kv_heads,
            width,
            ..
        } = self.attention;
        let (row_width, part) = (heads * width, heads / kv_heads * width);
        let tiles: Vec<(Range<usize>, usize)> = tiles(places)
            .flat_map(|rows| (0..kv_heads).map(move |kv_head| (rows.clone(), kv_head)))
            .collect();
        let attend = |(rows, kv_head): &(Range<usize>, usize)| {
            let Place { sequence, position } = places[rows.start];
            let reading = Reading {
                cache: &*caches[sequence],
                positions: position..position + rows.len(),
            };
            let queries = &queries[rows.start * row_width..rows.end * row_width];
            self.attention.attend(*kv_head, queries, reading)
        };
        let work = |place: &Place| (place.position + 1) * row_width;
        let work: usize = places.iter().map(work).sum();
        let attended: Vec<Vec<f32>> = match work < LEAST_WORK {
            true => tiles.iter().map(attend).collect(),
            false => tiles.par_iter().map(attend).collect(),
        };
        let mut out = vec![0f32; places.len() * row_width];
        for ((rows, kv_head), attended) in tiles.into_iter().zip(attended) {
            for (row, attended) in rows.zip(attended.chunks_exact(part)) {
                out[row * row_width + kv_head * part..][..part].copy_from_slice(attended);
            }
        }
        out
    }

    pub fn resident_bytes(&self) -> usize {
        [
            &self.query,
            &self.key,
            &self.value,
            &self.attention_output,
            &self.gate,
            &self.up,
            &self.down,
        ]
        .iter()
        .map(|layer| layer.resident_bytes())
        .sum()
    }
}
