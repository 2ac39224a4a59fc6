//! Products with matrices in the blocks of GGUF: packed once into panels of sixteen rows, and
//! multiplied by rows that are quantised to eight bits as llama.cpp quantises them.
//!
//! - `rows`: what is multiplied
//! - `pack`: the panels
//! - `kernel`: one product of them, over registers that `avx512`, `avx2` or `portable` provide
//!
//! These matrices are large, so that a product is split over the threads of rayon's pool.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod kernel;
mod pack;
mod portable;
mod rows;
#[cfg(test)]
mod test;

use super::{int8, with_values};
use crate::model::weights::{Blocks, Format};
use candle_core::{Device, Result, Tensor, bail};
use kernel::{LANES, PanelProduct};
use portable::Portable;
use rayon::prelude::*;
use rows::Rows;

/// `y = x wᵀ + b`.
pub struct BlockLinear {
    format: Format,
    outputs: usize,
    inputs: usize,
    /// `[panels][panel bytes]`.
    panels: Vec<u8>,
    bias: Option<Vec<f32>>,
}

/// Multiplications that are worth waking a thread for.
const LEAST_WORK: usize = 1 << 17;
/// Parts of a product for each thread, so that one which is late holds up little.
const PARTS_A_THREAD: usize = 4;

impl BlockLinear {
    /// `matrix`: an output's weights a row; `bias`: as many numbers as it has rows.
    pub fn new(matrix: &Blocks, bias: Option<Vec<f32>>) -> Self {
        BlockLinear {
            format: matrix.format(),
            outputs: matrix.rows(),
            inputs: matrix.columns(),
            panels: pack::pack(matrix),
            bias,
        }
    }

    /// `[rows, inputs]` to `[rows, outputs]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match <[Tensor; 1]>::try_from(Self::forward_all(&[self], x)?) {
            Ok([y]) => Ok(y),
            Err(_) => bail!("a product of one matrix has one result"),
        }
    }

    /// The products of the same rows with several matrices.
    pub fn forward_all(layers: &[&BlockLinear], x: &Tensor) -> Result<Vec<Tensor>> {
        let (count, columns) = x.dims2()?;
        if layers.iter().any(|layer| layer.inputs != columns) {
            bail!("rows of {columns} numbers do not fit these matrices");
        }
        let results = with_values(x, |x| products(layers, x, count))?;
        let tensor = |(layer, y): (&&BlockLinear, _)| {
            Tensor::from_vec(y, (count, layer.outputs), &Device::Cpu)
        };
        layers.iter().zip(results).map(tensor).collect()
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }

    pub fn resident_bytes(&self) -> usize {
        self.panels.len() + self.bias.as_ref().map_or(0, |bias| bias.len() * 4)
    }
}

/// For each of the layers `[count][outputs]`.
fn products(layers: &[&BlockLinear], x: &[f32], count: usize) -> Vec<Vec<f32>> {
    if count == 0 {
        return vec![Vec::new(); layers.len()];
    }
    let mut rows: Vec<(Format, Rows)> = Vec::new();
    for layer in layers {
        if rows.iter().all(|(format, _)| *format != layer.format) {
            rows.push((layer.format, Rows::new(x, layer.inputs, layer.format)));
        }
    }
    let work: usize = layers
        .iter()
        .map(|layer| layer.outputs * layer.inputs * count)
        .sum();
    let parts = (work / LEAST_WORK).clamp(1, rayon::current_num_threads() * PARTS_A_THREAD);
    let all_panels: usize = layers.iter().map(|layer| layer.panel_count()).sum();
    let together = all_panels.div_ceil(parts);
    // [panels][count][LANES]
    let mut results: Vec<Vec<[f32; LANES]>> = layers
        .iter()
        .map(|layer| vec![[0.0; LANES]; layer.panel_count() * count])
        .collect();
    let mut tasks = Vec::new();
    for (layer, out) in layers.iter().zip(&mut results) {
        let Some((_, rows)) = rows.iter().find(|(format, _)| *format == layer.format) else {
            continue;
        };
        for (part, out) in out.chunks_mut(together * count).enumerate() {
            tasks.push((layer, rows, part * together, out));
        }
    }
    if parts == 1 {
        for (layer, rows, first, out) in tasks {
            layer.panels(rows, first, out);
        }
    } else {
        tasks
            .into_par_iter()
            .with_max_len(1)
            .for_each(|(layer, rows, first, out)| layer.panels(rows, first, out));
    }
    layers
        .iter()
        .zip(results)
        .map(|(layer, panels)| layer.row_by_row(panels, count))
        .collect()
}

impl BlockLinear {
    fn panel_count(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }

    /// Products of the rows with the panels from `first` on, as many as `out` has room for.
    fn panels(&self, rows: &Rows, first: usize, out: &mut [[f32; LANES]]) {
        let size = self.panels.len() / self.panel_count();
        let panels = self.panels[first * size..].chunks_exact(size);
        for (panel, out) in panels.zip(out.chunks_exact_mut(rows.count)) {
            dispatch(PanelProduct { panel, rows, out }, self.format);
        }
    }

    /// `[panels][count][LANES]` to `[count][outputs]`, with the bias.
    fn row_by_row(&self, panels: Vec<[f32; LANES]>, count: usize) -> Vec<f32> {
        let mut out = if count == 1 {
            let mut out = panels.into_flattened();
            out.truncate(self.outputs);
            out
        } else {
            let mut out = vec![0f32; count * self.outputs];
            let rows = out.par_chunks_exact_mut(self.outputs).enumerate();
            rows.with_min_len(16).for_each(|(row, out)| {
                for (panel, out) in out.chunks_mut(LANES).enumerate() {
                    out.copy_from_slice(&panels[panel * count + row][..out.len()]);
                }
            });
            out
        };
        if let Some(bias) = &self.bias {
            for row in out.chunks_exact_mut(self.outputs) {
                row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
            }
        }
        out
    }
}

/// With the registers of the kernel that is in use.
#[allow(unsafe_code)]
fn dispatch(product: PanelProduct, format: Format) {
    #[cfg(target_arch = "x86_64")]
    match int8::kernel().name() {
        "amx" | "avx512vnni" if is_x86_feature_detected!("avx512bw") => {
            // SAFETY: those kernels are in use only where the machine has AVX-512 F and VNNI, and it
            // has BW.
            return unsafe { avx512::run(product, format) };
        }
        "avx2" if is_x86_feature_detected!("f16c") => {
            // SAFETY: that kernel is in use only where the machine has AVX2, and it has F16C.
            return unsafe { avx2::run(product, format) };
        }
        _ => {}
    }
    product.run::<Portable>(format);
}
