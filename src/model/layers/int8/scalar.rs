//! The kernel that every machine runs, and what the others are compared with.

use super::{GROUP, Kernel, PANEL, Tile};

pub struct Scalar;

impl Kernel for Scalar {
    fn name(&self) -> &'static str {
        "scalar"
    }

    fn accumulate(&self, rows: &[u8], panel: &[i8], depth: usize, tile: &mut Tile) {
        for (row, sums) in rows.chunks_exact(depth).zip(tile) {
            for (a, weights) in row
                .chunks_exact(GROUP)
                .zip(panel.chunks_exact(PANEL * GROUP))
            {
                for (sum, w) in sums.iter_mut().zip(weights.chunks_exact(GROUP)) {
                    *sum += a
                        .iter()
                        .zip(w)
                        .map(|(&a, &w)| i32::from(a) * i32::from(w))
                        .sum::<i32>();
                }
            }
        }
    }

    fn dot(&self, row: &[u8], weights: &[u8]) -> i32 {
        let products = row
            .iter()
            .zip(weights)
            .map(|(&a, &w)| i32::from(a) * i32::from(w as i8));
        products.sum()
    }
}
