//! AVX-512 VNNI: `vpdpbusd` multiplies four unsigned by four signed bytes in each of 16 lanes and
//! adds them to a 32-bit sum, without saturation.
#![allow(unsafe_code)]

use super::{GROUP, Kernel, PANEL, PackedWeights, Panel, QuantizedRows, Tile, TileSums, in_tiles};
use crate::model::TokenId;
use std::arch::x86_64::*;

/// Rows at once: 6 × 4 sums, 4 weights and 1 activation fit 32 registers.
const MAX_ROWS: usize = 6;

pub struct Avx512Vnni(());

impl Avx512Vnni {
    pub fn detect() -> Option<&'static Self> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni"))
            .then_some(&Avx512Vnni(()))
    }
}

impl Kernel for Avx512Vnni {
    fn name(&self) -> &'static str {
        "avx512vnni"
    }

    fn multiply(
        &self,
        rows: &QuantizedRows,
        weights: &PackedWeights,
        each: &mut dyn FnMut(&TileSums),
    ) {
        let depth = rows.depth();
        // Of many rows the first block asks for the next panel. One sentence's step takes longer if it does.
        let asks = rows.count() > MAX_ROWS;
        let accumulate = |first_row: usize, rows: &[u8], panel: &Panel, tile: &mut Tile| {
            let count = rows.len() / depth;
            assert!(
                depth.is_multiple_of(GROUP)
                    && panel.bytes.len() == depth * PANEL
                    && rows.len() == count * depth
            );
            // SAFETY: a value of this type exists only where both features were detected; the slices
            // have the lengths asserted above, and `ROWS` is the number of rows in `rows`.
            unsafe {
                match count {
                    1 => accumulate::<1, false>(rows, panel.bytes, depth, tile),
                    2 => accumulate::<2, false>(rows, panel.bytes, depth, tile),
                    3 => accumulate::<3, false>(rows, panel.bytes, depth, tile),
                    4 => accumulate::<4, false>(rows, panel.bytes, depth, tile),
                    5 => accumulate::<5, false>(rows, panel.bytes, depth, tile),
                    MAX_ROWS if asks && first_row == 0 => {
                        accumulate::<MAX_ROWS, true>(rows, panel.bytes, depth, tile)
                    }
                    MAX_ROWS => accumulate::<MAX_ROWS, false>(rows, panel.bytes, depth, tile),
                    _ => unreachable!("{count} rows"),
                }
            }
        };
        in_tiles(rows, weights, MAX_ROWS, accumulate, each);
    }

    fn select(&self, row: &[u8], weights: &[u8], ids: &[TokenId], sums: &mut [i32]) {
        let depth = row.len();
        let inside = |id: &TokenId| (id.0 as usize + 1) * depth <= weights.len();
        assert!(ids.iter().all(inside) && sums.len() == ids.len());
        let (fours, rest) = ids.as_chunks::<AT_ONCE>();
        let (sums, sums_rest) = sums.as_chunks_mut::<AT_ONCE>();
        if depth.is_multiple_of(64) {
            for (i, (ids, sums)) in fours.iter().zip(sums).enumerate() {
                let next = fours.get(i + 2).unwrap_or(ids);
                // SAFETY: a value of this type exists only where both features were detected; every
                // id is a row of `weights`, as asserted, and the depth is whole registers.
                unsafe { select(row, weights, ids, next, sums) };
            }
        } else {
            for (id, sum) in fours.iter().flatten().zip(sums.iter_mut().flatten()) {
                *sum = self.dot(row, &weights[id.0 as usize * depth..][..depth]);
            }
        }
        for (id, sum) in rest.iter().zip(sums_rest) {
            *sum = self.dot(row, &weights[id.0 as usize * depth..][..depth]);
        }
    }

    fn dot(&self, row: &[u8], weights: &[u8]) -> i32 {
        // SAFETY: a value of this type exists only where both features were detected.
        unsafe { dot(row, weights) }
    }
}

/// Rows that [`select`] takes at once: their sums are added up across the registers together.
const AT_ONCE: usize = 4;

/// # Safety
/// The machine has AVX-512 F and VNNI; `row` is whole registers long, and every id, those of `next`
/// included, is a row of `weights`.
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn select(
    row: &[u8],
    weights: &[u8],
    ids: &[TokenId; AT_ONCE],
    next: &[TokenId; AT_ONCE],
    sums: &mut [i32; AT_ONCE],
) {
    let depth = row.len();
    // SAFETY: the caller says that every id is a row of `weights`.
    let rows = ids.map(|id| unsafe { weights.as_ptr().add(id.0 as usize * depth) });
    let coming = next.map(|id| unsafe { weights.as_ptr().add(id.0 as usize * depth) });
    let mut partial = [_mm512_setzero_si512(); AT_ONCE];
    for at in (0..depth).step_by(64) {
        // SAFETY: `row` and each row of `weights` hold `depth` bytes, and 64 of them from `at` on.
        unsafe {
            let a = _mm512_loadu_si512(row.as_ptr().add(at).cast());
            for ((partial, weights), coming) in partial.iter_mut().zip(rows).zip(coming) {
                _mm_prefetch::<_MM_HINT_T0>(coming.add(at).cast());
                let w = _mm512_loadu_si512(weights.add(at).cast());
                *partial = _mm512_dpbusd_epi32(*partial, a, w);
            }
        }
    }
    // Neighbouring lanes are added until each quarter holds the four sums' shares in order.
    let pairs = |a, b| _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (low, high) = (pairs(partial[0], partial[1]), pairs(partial[2], partial[3]));
    let quarters = _mm512_add_epi32(
        _mm512_unpacklo_epi64(low, high),
        _mm512_unpackhi_epi64(low, high),
    );
    let halves = _mm256_add_epi32(
        _mm512_castsi512_si256(quarters),
        _mm512_extracti64x4_epi64::<1>(quarters),
    );
    let total = _mm_add_epi32(
        _mm256_castsi256_si128(halves),
        _mm256_extracti128_si256::<1>(halves),
    );
    // SAFETY: `sums` is 16 bytes long.
    unsafe { _mm_storeu_si128(sums.as_mut_ptr().cast(), total) };
}

#[target_feature(enable = "avx512f,avx512vnni")]
fn dot(row: &[u8], weights: &[u8]) -> i32 {
    let (row, row_rest) = row.as_chunks::<64>();
    let (weights, weights_rest) = weights.as_chunks::<64>();
    let mut sums = _mm512_setzero_si512();
    for (a, w) in row.iter().zip(weights) {
        // SAFETY: both are 64 bytes long.
        let (a, w) = unsafe {
            (
                _mm512_loadu_si512(a.as_ptr().cast()),
                _mm512_loadu_si512(w.as_ptr().cast()),
            )
        };
        sums = _mm512_dpbusd_epi32(sums, a, w);
    }
    _mm512_reduce_add_epi32(sums) + super::scalar::Scalar.dot(row_rest, weights_rest)
}

const LANES: usize = 16;

/// `ASKS`: whether the next panel, which begins where this one ends, is to come into the second cache meanwhile.
///
/// # Safety
/// The machine has AVX-512 F and VNNI; `rows` holds `ROWS * depth` bytes, `panel` `depth * PANEL`,
/// and `depth` is a multiple of `GROUP`.
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn accumulate<const ROWS: usize, const ASKS: bool>(
    rows: &[u8],
    panel: &[i8],
    depth: usize,
    tile: &mut Tile,
) {
    let mut sums = [[_mm512_setzero_si512(); PANEL / LANES]; ROWS];
    let next = panel.as_ptr_range().end;
    for group in 0..depth / GROUP {
        if ASKS {
            for i in 0..PANEL / LANES {
                let next = next.wrapping_add((group * PANEL + i * LANES) * GROUP);
                _mm_prefetch::<_MM_HINT_T1>(next.cast());
            }
        }
        let mut weights = [_mm512_setzero_si512(); PANEL / LANES];
        for (i, weights) in weights.iter_mut().enumerate() {
            // SAFETY: group `group` of the panel is `PANEL * GROUP` bytes, four registers.
            *weights = unsafe {
                _mm512_loadu_si512(
                    panel
                        .as_ptr()
                        .add((group * PANEL + i * LANES) * GROUP)
                        .cast(),
                )
            };
        }
        for (m, sums) in sums.iter_mut().enumerate() {
            // SAFETY: row `m` holds `depth` bytes.
            let a = unsafe {
                rows.as_ptr()
                    .add(m * depth + group * GROUP)
                    .cast::<i32>()
                    .read_unaligned()
            };
            let a = _mm512_set1_epi32(a);
            for (sums, &weights) in sums.iter_mut().zip(&weights) {
                *sums = _mm512_dpbusd_epi32(*sums, a, weights);
            }
        }
    }
    for (m, sums) in sums.iter().enumerate() {
        for (i, &sums) in sums.iter().enumerate() {
            // SAFETY: row `m` of the tile holds `PANEL` sums.
            unsafe { _mm512_storeu_si512(tile.0[m].as_mut_ptr().add(i * LANES).cast(), sums) };
        }
    }
}
