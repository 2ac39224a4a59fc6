//! AVX-512 VNNI: `vpdpbusd` multiplies four unsigned by four signed bytes in each of 16 lanes and
//! adds them to a 32-bit sum, without saturation.
#![allow(unsafe_code)]

use super::{GROUP, Kernel, MAX_ROWS, PANEL, Tile};
use std::arch::x86_64::*;

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

    fn accumulate(&self, rows: &[u8], panel: &[i8], depth: usize, tile: &mut Tile) {
        let count = rows.len() / depth;
        assert!(
            depth.is_multiple_of(GROUP)
                && panel.len() == depth * PANEL
                && rows.len() == count * depth
        );
        // SAFETY: a value of this type exists only where both features were detected; the slices
        // have the lengths asserted above, and `ROWS` is the number of rows in `rows`.
        unsafe {
            match count {
                1 => accumulate::<1>(rows, panel, depth, tile),
                2 => accumulate::<2>(rows, panel, depth, tile),
                3 => accumulate::<3>(rows, panel, depth, tile),
                4 => accumulate::<4>(rows, panel, depth, tile),
                5 => accumulate::<5>(rows, panel, depth, tile),
                MAX_ROWS => accumulate::<MAX_ROWS>(rows, panel, depth, tile),
                _ => unreachable!("{count} rows"),
            }
        }
    }
}

const LANES: usize = 16;

/// # Safety
/// The machine has AVX-512 F and VNNI; `rows` holds `ROWS * depth` bytes, `panel` `depth * PANEL`,
/// and `depth` is a multiple of `GROUP`.
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn accumulate<const ROWS: usize>(rows: &[u8], panel: &[i8], depth: usize, tile: &mut Tile) {
    let mut sums = [[_mm512_setzero_si512(); PANEL / LANES]; ROWS];
    for (m, sums) in sums.iter_mut().enumerate() {
        for (i, sums) in sums.iter_mut().enumerate() {
            // SAFETY: `tile[m]` holds `PANEL` sums.
            *sums = unsafe { _mm512_loadu_si512(tile[m].as_ptr().add(i * LANES).cast()) };
        }
    }
    for group in 0..depth / GROUP {
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
            // SAFETY: `tile[m]` holds `PANEL` sums.
            unsafe { _mm512_storeu_si512(tile[m].as_mut_ptr().add(i * LANES).cast(), sums) };
        }
    }
}
