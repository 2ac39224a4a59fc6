//! Int8 matrix products: weights packed once, activations quantised a row at a time, integer sums
//! that are the same on every machine.
//!
//! `y[m][n] = row_scale[m] * weight_scale[n] * Σ_k a[m][k] w[n][k]`, with `a` in −127..=127 stored
//! as `a + 128` (the VNNI instructions multiply unsigned by signed); `−128 Σ_k w[n][k]` is where
//! the sums start, so that they end on the signed product.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod pack;
mod quantize;
mod scalar;
#[cfg(test)]
mod test;

pub use pack::PackedWeights;
pub use quantize::QuantizedRows;

use std::sync::LazyLock;

/// Columns of a panel: four AVX-512 registers of 32-bit sums.
pub const PANEL: usize = 64;
/// Rows that a kernel takes at once: 6 × 4 sums, 4 weights and 1 activation fit 32 registers.
pub const MAX_ROWS: usize = 6;
/// Depth is packed in groups of four bytes, what one VNNI lane multiplies and adds.
pub const GROUP: usize = 4;

/// Sums of a tile, `[MAX_ROWS][PANEL]`.
pub type Tile = [[i32; PANEL]; MAX_ROWS];

/// One way to compute a tile of integer sums. All give the same integers.
pub trait Kernel: Send + Sync {
    fn name(&self) -> &'static str;

    /// `tile[m][n] += Σ_k rows[m][k] panel[n][k]` for each of the rows.
    ///
    /// `rows`: 1 to `MAX_ROWS` rows of `depth` bytes each, one after the other; `panel`: `depth /
    /// GROUP` groups of `[PANEL][GROUP]` bytes. `depth` is a multiple of `GROUP`.
    fn accumulate(&self, rows: &[u8], panel: &[i8], depth: usize, tile: &mut Tile);
}

/// All kernels that this machine can run, the fastest first.
pub fn available() -> Vec<&'static dyn Kernel> {
    let mut kernels: Vec<&'static dyn Kernel> = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
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

/// Runs over all tiles of `rows · weightsᵀ`, panel by panel, so that a panel stays in the cache
/// while every row meets it. `each(row, first_column, values)` gets real values, without bias,
/// `values.len()` being `PANEL` or what is left of the columns.
pub fn for_each_tile(
    kernel: &dyn Kernel,
    rows: &QuantizedRows,
    weights: &PackedWeights,
    mut each: impl FnMut(usize, usize, &[f32]),
) {
    assert_eq!(rows.depth(), weights.depth(), "a product of unequal depths");
    let mut tile: Tile = [[0; PANEL]; MAX_ROWS];
    let mut values = [0f32; PANEL];
    for panel in weights.panels() {
        let mut first = 0;
        while first < rows.count() {
            let count = MAX_ROWS.min(rows.count() - first);
            for sums in &mut tile[..count] {
                sums.copy_from_slice(panel.start);
            }
            kernel.accumulate(
                rows.bytes(first, count),
                panel.bytes,
                rows.depth(),
                &mut tile,
            );
            for (i, sums) in tile[..count].iter().enumerate() {
                let scale = rows.scale(first + i);
                scale_sums(sums, scale, panel.scale, &mut values);
                each(first + i, panel.first_column, &values[..panel.columns]);
            }
            first += count;
        }
    }
}

/// One multiplication order everywhere, so that a real value does not depend on the machine.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn scale_sums(
    sums: &[i32; PANEL],
    row_scale: f32,
    column_scale: &[f32; PANEL],
    values: &mut [f32; PANEL],
) {
    for ((value, &sum), &scale) in values.iter_mut().zip(sums).zip(column_scale) {
        *value = sum as f32 * (row_scale * scale);
    }
}
