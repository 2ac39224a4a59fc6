//! AVX2: bytes widened to 16 bits first, because `vpmaddubsw` saturates where this must be exact.
#![allow(unsafe_code)]

use super::{
    GROUP, Kernel, PANEL, PackedWeights, Panel, QuantizedRows, TILE_ROWS, Tile, TileSums, in_tiles,
};
use std::arch::x86_64::*;

pub struct Avx2(());

impl Avx2 {
    pub fn detect() -> Option<&'static Self> {
        is_x86_feature_detected!("avx2").then_some(&Avx2(()))
    }
}

impl Kernel for Avx2 {
    fn name(&self) -> &'static str {
        "avx2"
    }

    fn multiply(
        &self,
        rows: &QuantizedRows,
        weights: &PackedWeights,
        each: &mut dyn FnMut(&TileSums),
    ) {
        let depth = rows.depth();
        let accumulate = |_, rows: &[u8], panel: &Panel, tile: &mut Tile| {
            assert!(depth.is_multiple_of(GROUP) && panel.bytes.len() == depth * PANEL);
            for (row, sums) in rows.chunks_exact(depth).zip(&mut tile.0) {
                for block in 0..PANEL / BLOCK {
                    let sums = &mut sums[block * BLOCK..];
                    // SAFETY: a value of this type exists only where AVX2 was detected; `row` and
                    // the panel have the lengths asserted above and `block` lies within it.
                    unsafe { accumulate_block(row, panel.bytes, block, sums) };
                }
            }
        };
        in_tiles(rows, weights, TILE_ROWS, accumulate, each);
    }

    fn dot(&self, row: &[u8], weights: &[u8]) -> i32 {
        // SAFETY: a value of this type exists only where AVX2 was detected.
        unsafe { dot(row, weights) }
    }
}

#[target_feature(enable = "avx2")]
fn dot(row: &[u8], weights: &[u8]) -> i32 {
    let (row, row_rest) = row.as_chunks::<16>();
    let (weights, weights_rest) = weights.as_chunks::<16>();
    let mut sums = _mm256_setzero_si256();
    for (a, w) in row.iter().zip(weights) {
        // SAFETY: both are 16 bytes long.
        let (a, w) = unsafe {
            (
                _mm_loadu_si128(a.as_ptr().cast()),
                _mm_loadu_si128(w.as_ptr().cast()),
            )
        };
        let products = _mm256_madd_epi16(_mm256_cvtepu8_epi16(a), _mm256_cvtepi8_epi16(w));
        sums = _mm256_add_epi32(sums, products);
    }
    let mut lanes = [0i32; 8];
    // SAFETY: `lanes` is 32 bytes long.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sums) };
    lanes.iter().sum::<i32>() + super::scalar::Scalar.dot(row_rest, weights_rest)
}

/// Columns at a time: four registers of sums, two partial sums a column.
const BLOCK: usize = 16;

/// `sums[n] = Σ_k row[k] panel[block * BLOCK + n][k]` for `BLOCK` columns.
#[target_feature(enable = "avx2")]
unsafe fn accumulate_block(row: &[u8], panel: &[i8], block: usize, sums: &mut [i32]) {
    let mut partial = [_mm256_setzero_si256(); 4];
    for (group, a) in row.chunks_exact(GROUP).enumerate() {
        let a = i32::from_le_bytes([a[0], a[1], a[2], a[3]]);
        // Four 16-bit activations, four times over.
        let a = _mm256_cvtepu8_epi16(_mm_set1_epi32(a));
        let weights = &panel[(group * PANEL + block * BLOCK) * GROUP..][..BLOCK * GROUP];
        for (partial, quad) in partial.iter_mut().zip(weights.chunks_exact(4 * GROUP)) {
            // SAFETY: `quad` is 16 bytes long.
            let w = _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(quad.as_ptr().cast()) });
            *partial = _mm256_add_epi32(*partial, _mm256_madd_epi16(a, w));
        }
    }
    for (partial, sums) in partial.into_iter().zip(sums.chunks_exact_mut(4)) {
        let mut halves = [0i32; 8];
        // SAFETY: `halves` is 32 bytes long.
        unsafe { _mm256_storeu_si256(halves.as_mut_ptr().cast(), partial) };
        for (sum, half) in sums.iter_mut().zip(halves.chunks_exact(2)) {
            *sum = half[0] + half[1];
        }
    }
}
