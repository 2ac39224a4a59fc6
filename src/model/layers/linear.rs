//! `y = x Wᵀ + b`, in int8 or f32.
#![allow(unsafe_code)]

#[cfg(test)]
mod test;

use super::{
    Activation, Ranking,
    int8::{self, PackedWeights, Quantization, QuantizedRows, TileSums},
};
use crate::model::{Ask, Ranked, TokenId, weights::Matrix};
use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};
use std::mem::MaybeUninit;

/// A linear layer; its weights are packed at load and never change.
pub enum Linear {
    Int8(Int8Linear),
    F32 {
        /// `[in, out]`.
        weight: Tensor,
        /// `[out]`.
        bias: Tensor,
        activation: Activation,
    },
}

impl Linear {
    /// Int8 over one or more matrices `[out][in]` with the same inputs, side by side.
    pub fn int8(matrices: &[&Matrix], mut bias: Vec<f32>, activation: Activation) -> Self {
        let inputs = matrices[0].columns();
        let outputs = matrices.iter().map(|matrix| matrix.rows()).sum();
        let quantization = quantization(matrices);
        let rows = matrices.iter().flat_map(|matrix| {
            let calibration = matrix.calibration();
            matrix.int8_rows().map(move |row| (row, calibration))
        });
        let weights = match quantization {
            Quantization::PerRow => {
                let rows = rows.map(|(row, _)| row);
                PackedWeights::new(inputs, outputs, rows, quantization.offset())
            }
            Quantization::Calibrated(_) => {
                // As Marian does it: the offset is taken off the bias, not off the sums.
                let rows = rows.zip(&mut bias).map(|(((row, _), calibration), bias)| {
                    let scale = calibration.map_or(0.0, |calibration| calibration.output_scale);
                    let sum: i32 = row.iter().map(|&w| i32::from(w)).sum();
                    *bias -= quantization.offset() as f32 * scale * sum as f32;
                    (row, scale)
                });
                PackedWeights::new(inputs, outputs, rows, 0)
            }
        };
        Linear::Int8(Int8Linear {
            weights,
            inputs,
            quantization,
            bias,
            activation,
        })
    }

    /// F32 over the same.
    pub fn f32(matrices: &[&Matrix], bias: Vec<f32>, activation: Activation) -> Result<Self> {
        let inputs = matrices[0].columns();
        let values: Vec<f32> = matrices.iter().flat_map(|matrix| matrix.to_f32()).collect();
        let outputs = values.len() / inputs;
        let weight = Tensor::from_vec(values, (outputs, inputs), &Device::Cpu)?
            .t()?
            .contiguous()?;
        Ok(Linear::F32 {
            weight,
            bias: Tensor::new(bias, &Device::Cpu)?,
            activation,
        })
    }

    /// `[rows, in]` to `[rows, out]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Linear::Int8(linear) => x.apply_op1_no_bwd(linear),
            Linear::F32 {
                weight,
                bias,
                activation,
            } => activation.forward(x.matmul(weight)?.broadcast_add(bias)?),
        }
    }

    /// `next(self(x))`. Between calibrated int8 layers, whose inputs need nothing of their row to become bytes,
    /// no floats are stored.
    pub fn then(&self, next: &Linear, x: &Tensor) -> Result<Tensor> {
        if let (Linear::Int8(first), Linear::Int8(second)) = (self, next)
            && let Quantization::Calibrated(multiplier) = second.quantization
            && matches!(first.activation, Activation::Relu)
        {
            return x.apply_op1_no_bwd(&Int8Pair {
                first,
                second,
                multiplier,
            });
        }
        next.forward(&self.forward(x)?)
    }

    /// What `asks`, one a row of `x`, `[rows, in]`, want of the outputs taken as logits, which are never
    /// stored in int8.
    pub fn rank(&self, x: &Tensor, asks: &[Ask]) -> Result<Vec<Ranked>> {
        if x.dim(0)? != asks.len() {
            bail!("{} asks for rows of shape {:?}", asks.len(), x.shape());
        }
        let mut rankings: Vec<Ranking> = asks.iter().map(Ranking::new).collect();
        match self {
            Linear::Int8(linear) => super::with_values(x, |x| {
                let mut values = [[0f32; int8::PANEL]; int8::TILE_ROWS];
                let rows = QuantizedRows::new(x, linear.inputs, linear.quantization);
                int8::kernel().multiply(&rows, &linear.weights, &mut |tile| {
                    let columns = tile.panel.columns;
                    let rankings = &mut rankings[tile.first_row..][..tile.sums.len()];
                    let mut bars = [None; int8::TILE_ROWS];
                    for (bar, ranking) in bars.iter_mut().zip(&*rankings) {
                        *bar = ranking.bar();
                    }
                    let over = logits(tile, linear.bias_of(tile), &bars, &mut values);
                    for (row, ranking) in rankings.iter_mut().enumerate() {
                        if over[row] {
                            ranking.offer(&values[row][..columns], |i| {
                                TokenId((tile.panel.first_column + i) as u32)
                            });
                        }
                    }
                });
            })?,
            Linear::F32 { .. } => {
                let y = self.forward(x)?;
                let columns = y.dim(1)?;
                super::with_values(&y, |y| {
                    for (ranking, logits) in rankings.iter_mut().zip(y.chunks_exact(columns)) {
                        ranking.offer(logits, |i| TokenId(i as u32));
                    }
                })?;
            }
        }
        Ok(rankings.into_iter().map(Ranking::finish).collect())
    }

    /// These outputs, for [`Linear::select`].
    pub fn selection(&self, outputs: Vec<TokenId>) -> Selection {
        let mut selection = Selection {
            start: Vec::new(),
            scale: Vec::new(),
            bias: Vec::new(),
            outputs,
        };
        if let Linear::Int8(linear) = self {
            let outputs = selection.outputs.iter().map(|id| id.0 as usize);
            let of = |output| linear.weights.start_and_scale(output);
            (selection.start, selection.scale) = outputs.clone().map(of).unzip();
            selection.bias = outputs.map(|output| linear.bias[output]).collect();
        }
        selection
    }

    /// For the one row `x`, `[1, in]`, the values of some outputs, in their order. `weights`: the matrix
    /// that this layer was made of.
    pub fn select(&self, x: &Tensor, weights: &Matrix, selection: &Selection) -> Result<Vec<f32>> {
        match self {
            Linear::Int8(linear) => {
                let Some(weights) = weights.int8_bytes() else {
                    bail!("int8 weights are selected from, these are not");
                };
                super::with_values(x, |x| linear.select(x, weights, selection))
            }
            Linear::F32 { .. } => super::with_values(&self.forward(x)?, |y| {
                let value = |id: &TokenId| y.get(id.0 as usize).copied().unwrap_or(f32::NAN);
                selection.outputs.iter().map(value).collect()
            }),
        }
    }

    /// Bytes of memory that the packed weights take.
    pub fn resident_bytes(&self) -> usize {
        match self {
            Linear::Int8(linear) => linear.weights.resident_bytes() + 4 * linear.bias.len(),
            Linear::F32 { weight, bias, .. } => 4 * (weight.elem_count() + bias.elem_count()),
        }
    }
}

pub struct Int8Linear {
    weights: PackedWeights,
    inputs: usize,
    quantization: Quantization,
    bias: Vec<f32>,
    activation: Activation,
}

impl Int8Linear {
    /// The values of some outputs, without activation: weights read row by row where they lie, which is
    /// less to read than all of them packed.
    fn select(&self, x: &[f32], weights: &[u8], selection: &Selection) -> Vec<f32> {
        let row = QuantizedRows::new(x, self.inputs, self.quantization);
        let (bytes, row_scale) = (&row.bytes(0, 1)[..self.inputs], row.scales(0, 1)[0]);
        let mut sums = vec![0; selection.outputs.len()];
        int8::kernel().select(bytes, weights, &selection.outputs, &mut sums);
        selection.values(&sums, row_scale)
    }

    /// `[rows, in]` as bytes.
    fn quantize(&self, x: &CpuStorage, layout: &Layout) -> Result<QuantizedRows> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("int8-linear: the operand must be contiguous");
        };
        let (_, inputs) = layout.shape().dims2()?;
        if inputs != self.inputs {
            bail!(
                "int8-linear: {inputs} columns where the weights have {}",
                self.inputs
            );
        }
        let x = &x.as_slice::<f32>()?[start..end];
        Ok(QuantizedRows::new(x, self.inputs, self.quantization))
    }

    /// `[rows, out]`.
    fn forward(&self, rows: &QuantizedRows) -> (CpuStorage, Shape) {
        let (count, outputs) = (rows.count(), self.weights.outputs());
        let mut out: Vec<f32> = Vec::with_capacity(count * outputs);
        let values = &mut out.spare_capacity_mut()[..count * outputs];
        int8::kernel().multiply(rows, &self.weights, &mut |tile| {
            let at = tile.first_row * outputs + tile.panel.first_column;
            self.finish(tile, outputs, &mut values[at..]);
        });
        // SAFETY: the tiles are all rows over panels of all outputs, and each was written whole.
        unsafe { out.set_len(count * outputs) };
        if self.activation != Activation::Relu {
            self.activation.apply(&mut out);
        }
        (CpuStorage::F32(out), Shape::from((count, outputs)))
    }

    /// The values of a tile with bias and, of the activations, `Relu` applied: row `m` of it, columns of its panel, go
    /// into `out[m * stride..]`.
    fn finish(&self, tile: &TileSums, stride: usize, out: &mut [MaybeUninit<f32>]) {
        let floor = match self.activation {
            Activation::Relu => 0.0,
            _ => f32::NEG_INFINITY,
        };
        finish(tile, self.bias_of(tile), stride, out, |y, out| {
            out.write(if y > floor { y } else { floor });
        });
    }

    fn bias_of(&self, tile: &TileSums) -> &[f32] {
        &self.bias[tile.panel.first_column..][..tile.panel.columns]
    }
}

/// Some outputs of a layer and what makes values of their sums, gathered once for the many rows that read
/// them.
pub struct Selection {
    outputs: Vec<TokenId>,
    /// Of each output in int8; see the formula of `int8`.
    start: Vec<i32>,
    scale: Vec<f32>,
    bias: Vec<f32>,
}

impl Selection {
    pub fn outputs(&self) -> &[TokenId] {
        &self.outputs
    }

    fn values(&self, sums: &[i32], row_scale: f32) -> Vec<f32> {
        let of_weights = self.start.iter().zip(&self.scale).zip(&self.bias);
        let value = |(((start, scale), bias), sum): (((&i32, &f32), &f32), &i32)| {
            (start + sum) as f32 * (row_scale * scale) + bias
        };
        of_weights.zip(sums).map(value).collect()
    }
}

/// Calibrated where all matrices were, with the same multiplier, as those of one input are.
fn quantization(matrices: &[&Matrix]) -> Quantization {
    let multiplier = |matrix: &Matrix| matrix.calibration().map(|c| c.input_multiplier);
    let first = multiplier(matrices[0]);
    match first {
        Some(input_multiplier) if matrices.iter().all(|m| multiplier(m) == first) => {
            Quantization::Calibrated(input_multiplier)
        }
        _ => Quantization::PerRow,
    }
}

impl CustomOp1 for Int8Linear {
    fn name(&self) -> &'static str {
        "int8-linear"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok(self.forward(&self.quantize(x, layout)?))
    }
}

/// Two layers of which the first's values become bytes tile by tile, before they were ever stored.
struct Int8Pair<'a> {
    /// With `Relu`.
    first: &'a Int8Linear,
    second: &'a Int8Linear,
    /// The second's.
    multiplier: f32,
}

impl CustomOp1 for Int8Pair<'_> {
    fn name(&self) -> &'static str {
        "int8-linear-pair"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (inner, inputs) = (self.first.weights.outputs(), self.second.inputs);
        if inner != inputs {
            bail!("{}: {inner} values for {inputs} inputs", self.name());
        }
        let rows = self.first.quantize(x, layout)?;
        let write = |bytes: &mut [MaybeUninit<u8>], depth: usize| {
            int8::kernel().multiply(&rows, &self.first.weights, &mut |tile| {
                let at = tile.first_row * depth + tile.panel.first_column;
                let bias = self.first.bias_of(tile);
                finish(tile, bias, depth, &mut bytes[at..], |y, byte| {
                    let y = if y > 0.0 { y } else { 0.0 };
                    byte.write(int8::calibrated_byte(y, self.multiplier));
                });
            });
        };
        // SAFETY: the tiles are all rows over panels of all of the first's outputs, and each is written whole.
        let between = unsafe { QuantizedRows::calibrated(rows.count(), inner, write) };
        Ok(self.second.forward(&between))
    }
}

/// The values of a tile, and for each row whether one is over its bar, or it has none.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq",
    "x86_64+avx2+fma"
))]
fn logits(
    tile: &TileSums,
    bias: &[f32],
    bars: &[Option<f32>; int8::TILE_ROWS],
    values: &mut [[f32; int8::PANEL]; int8::TILE_ROWS],
) -> [bool; int8::TILE_ROWS] {
    // Whole panels, so that no loop has a rest: what a last panel lacks is over no bar.
    let mut whole = [f32::NEG_INFINITY; int8::PANEL];
    whole[..bias.len()].copy_from_slice(bias);
    let (starts, scales) = (tile.panel.start, tile.panel.scale);
    let mut over = [false; int8::TILE_ROWS];
    let rows = tile.sums.iter().zip(tile.row_scales).zip(bars).enumerate();
    for (row, ((sums, row_scale), bar)) in rows {
        let bar_or_least = bar.unwrap_or(f32::NEG_INFINITY);
        let mut any = false;
        for column in 0..int8::PANEL {
            let y = value(
                sums[column],
                starts[column],
                *row_scale,
                scales[column],
                whole[column],
            );
            values[row][column] = y;
            any |= y > bar_or_least;
        }
        over[row] = any || bar.is_none();
    }
    over
}

/// The real value of a sum. One order of multiplications everywhere, so that it does not depend on the machine.
#[inline(always)]
fn value(sum: i32, start: i32, row_scale: f32, scale: f32, bias: f32) -> f32 {
    (start + sum) as f32 * (row_scale * scale) + bias
}

/// Gives `write` the values of a tile and their places: those of row `m`, from `out[m * stride]` on.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq",
    "x86_64+avx2+fma"
))]
fn finish<T>(
    tile: &TileSums,
    bias: &[f32],
    stride: usize,
    out: &mut [T],
    write: impl Fn(f32, &mut T),
) {
    let starts = &tile.panel.start[..bias.len()];
    let scales = &tile.panel.scale[..bias.len()];
    for ((sums, row_scale), out) in tile
        .sums
        .iter()
        .zip(tile.row_scales)
        .zip(out.chunks_mut(stride))
    {
        let of_columns = starts.iter().zip(scales).zip(bias);
        for ((out, sum), ((start, scale), bias)) in out.iter_mut().zip(sums).zip(of_columns) {
            write(value(*sum, *start, *row_scale, *scale, *bias), out);
        }
    }
}
