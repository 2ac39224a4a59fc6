//! Int8 matrix products: weights packed once, activations quantised a row at a time, integer sums
//! that are the same on every machine.
//!
//! `y[m][n] = row_scale[m] * weight_scale[n] * Σ_k a[m][k] w[n][k]`, with `a` in −127..=127 stored
//! as `a + 128` (the VNNI instructions multiply unsigned by signed); `−128 Σ_k w[n][k]`, a panel's
//! `start`, is added to the sums of bytes, which makes signed products of them.
//!
//! Mozilla's students come with one scale for all inputs of a layer. They get the arithmetic that
//! they were calibrated with, Marian's `int8shiftAlphaAll`: `a + 127`, a start of 0, and the
//! bias less `127 · scale · Σ_k w[n][k]`.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod pack;
mod quantize;
mod scalar;
#[cfg(test)]
mod test;

pub use pack::{PackedWeights, Panel};
pub use quantize::{Quantization, QuantizedRows, calibrated_byte};

use crate::model::TokenId;
use std::sync::LazyLock;

/// Columns of a panel: four AVX-512 registers of 32-bit sums, four AMX tiles.
pub const PANEL: usize = 64;
/// Rows of a tile: what AMX takes at once.
pub const TILE_ROWS: usize = 16;
/// Bytes of depth that one VNNI lane multiplies and adds; weights are packed in groups of them.
pub const GROUP: usize = 4;
/// Depth is padded to whole rows of an AMX tile.
pub const DEPTH: usize = 64;

/// Sums of a tile. It begins at a line of the cache.
#[repr(align(64))]
pub struct Tile([[i32; PANEL]; TILE_ROWS]);

/// One way to compute integer sums. All give the same integers.
pub trait Kernel: Send + Sync {
    fn name(&self) -> &'static str;

    /// Calls `each` for all tiles of `rows · weightsᵀ`, both equally deep, panel by panel, so that a panel
    /// stays in the cache while every row meets it; no row comes twice.
    fn multiply(
        &self,
        rows: &QuantizedRows,
        weights: &PackedWeights,
        each: &mut dyn FnMut(&TileSums),
    );

    /// `sums[i] = Σ_k row[k] weights[ids[i]][k]`: some rows of a matrix where it lies.
    ///
    /// `weights`: `[rows][row.len()]`, signed bytes; every id is a row of it.
    fn select(&self, row: &[u8], weights: &[u8], ids: &[TokenId], sums: &mut [i32]) {
        for (id, sum) in ids.iter().zip(sums) {
            *sum = self.dot(row, &weights[id.0 as usize * row.len()..][..row.len()]);
        }
    }

    /// `Σ_k row[k] weights[k]`; both as long as each other, the weights signed.
    fn dot(&self, row: &[u8], weights: &[u8]) -> i32;
}

/// All kernels that this machine can run, the fastest first.
pub fn available() -> Vec<&'static dyn Kernel> {
    let mut kernels: Vec<&'static dyn Kernel> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        kernels.extend(amx::Amx::detect().map(|kernel| kernel as &dyn Kernel));
        kernels.extend(avx512::Avx512Vnni::detect().map(|kernel| kernel as &dyn Kernel));
        kernels.extend(avx2::Avx2::detect().map(|kernel| kernel as &dyn Kernel));
    }
    kernels.push(&scalar::Scalar);
    kernels
}

/// The kernel in use: the fastest, or the one that `DEPECHE_KERNEL` names.
pub fn kernel() -> &'static dyn Kernel {
    static CHOSEN: LazyLock<&'static dyn Kernel> =
        LazyLock::new(|| wanted().unwrap_or_else(|_| available()[0]));
    *CHOSEN
}

/// # Errors
/// `DEPECHE_KERNEL` names one that is not to be had here; the message says which are.
pub fn wanted() -> Result<&'static dyn Kernel, String> {
    let kernels = available();
    let wanted = std::env::var("DEPECHE_KERNEL").unwrap_or_default();
    let names = || {
        kernels
            .iter()
            .map(|kernel| kernel.name())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match kernels
        .iter()
        .find(|kernel| wanted.is_empty() || kernel.name() == wanted)
    {
        Some(kernel) => Ok(*kernel),
        None => Err(format!(
            "DEPECHE_KERNEL is {wanted:?}; this machine has {}",
            names()
        )),
    }
}

/// The integer sums of some rows over a panel, without its start, and what makes real values of them.
pub struct TileSums<'a> {
    /// The first of the rows.
    pub first_row: usize,
    pub sums: &'a [[i32; PANEL]],
    /// One a row.
    pub row_scales: &'a [f32],
    pub panel: &'a Panel<'a>,
}

/// `Kernel::multiply` of kernels that take a few rows at once: `accumulate(first_row, bytes, panel, tile)` sets the
/// first rows of the tile to what `bytes`, 1 to `at_once` rows from `first_row` on, give with the panel.
fn in_tiles(
    rows: &QuantizedRows,
    weights: &PackedWeights,
    at_once: usize,
    accumulate: impl Fn(usize, &[u8], &Panel, &mut Tile),
    each: &mut dyn FnMut(&TileSums),
) {
    assert_eq!(rows.depth(), weights.depth(), "a product of unequal depths");
    let mut tile = Tile([[0; PANEL]; TILE_ROWS]);
    for panel in weights.panels() {
        for first_row in (0..rows.count()).step_by(at_once) {
            let count = at_once.min(rows.count() - first_row);
            accumulate(first_row, rows.bytes(first_row, count), &panel, &mut tile);
            each(&TileSums {
                first_row,
                sums: &tile.0[..count],
                row_scales: rows.scales(first_row, count),
                panel: &panel,
            });
        }
    }
}
