//! The kernel that every machine runs, and what the others are compared with.

use super::{
    GROUP, Kernel, PANEL, PackedWeights, Panel, QuantizedRows, TILE_ROWS, Tile, TileSums, in_tiles,
};

pub struct Scalar;

impl Kernel for Scalar {
    fn name(&self) -> &'static str {
        "scalar"
    }

    fn multiply(
        &self,
        rows: &QuantizedRows,
        weights: &PackedWeights,
        each: &mut dyn FnMut(&TileSums),
    ) {
        let depth = rows.depth();
        let accumulate = |_, rows: &[u8], panel: &Panel, tile: &mut Tile| {
            for (row, sums) in rows.chunks_exact(depth).zip(&mut tile.0) {
                sums.fill(0);
                let groups = panel.bytes.chunks_exact(PANEL * GROUP);
                for (a, weights) in row.chunks_exact(GROUP).zip(groups) {
                    for (sum, w) in sums.iter_mut().zip(weights.chunks_exact(GROUP)) {
                        *sum += sum_of_products(a, w.iter().copied());
                    }
                }
            }
        };
        in_tiles(rows, weights, TILE_ROWS, accumulate, each);
    }

    fn dot(&self, row: &[u8], weights: &[u8]) -> i32 {
        sum_of_products(row, weights.iter().map(|&w| w as i8))
    }
}

fn sum_of_products(row: &[u8], weights: impl Iterator<Item = i8>) -> i32 {
    let products = row.iter().zip(weights);
    products.map(|(&a, w)| i32::from(a) * i32::from(w)).sum()
}
