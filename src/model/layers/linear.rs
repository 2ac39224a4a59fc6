//! `y = x Wᵀ + b`, in int8 or f32.
#![allow(unsafe_code)]

use super::{
    Activation,
    int8::{self, PackedWeights, Quantization, QuantizedRows, TileSums},
    math,
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

    /// For each row of `x`, `[rows, in]`, the output with the greatest value among those that
    /// `allowed(row, output)` lets pass, `None` where it lets none; the values themselves are never
    /// stored in int8.
    fn argmax(
        &self,
        x: &Tensor,
        allowed: impl Fn(usize, TokenId) -> bool,
    ) -> Result<Vec<Option<(TokenId, f32)>>> {
        let mut best: Vec<Option<(TokenId, f32)>> = vec![None; x.dim(0)?];
        let mut offer = |row: usize, first: usize, values: &[f32]| {
            let mut greatest = best[row].map_or(f32::NEG_INFINITY, |(_, value)| value);
            // Most tiles hold nothing new: one comparison of their maximum tells.
            if maximum(values) > greatest {
                for (value, id) in values.iter().zip(first as u32..) {
                    if *value > greatest && allowed(row, TokenId(id)) {
                        greatest = *value;
                        best[row] = Some((TokenId(id), *value));
                    }
                }
            }
        };
        match self {
            Linear::Int8(linear) => super::with_values(x, |x| {
                let mut values = [MaybeUninit::new(0f32); int8::PANEL * int8::MAX_ROWS];
                linear.each_tile(x, |tile| {
                    linear.finish(tile, int8::PANEL, &mut values);
                    let rows = values.chunks_exact(int8::PANEL).take(tile.sums.len());
                    for (row, values) in (tile.first_row..).zip(rows) {
                        let values = &raw const values[..tile.panel.columns];
                        // SAFETY: all were initialised when the array was made.
                        let values = unsafe { &*(values as *const [f32]) };
                        offer(row, tile.panel.first_column, values);
                    }
                });
            })?,
            Linear::F32 { .. } => {
                let y = self.forward(x)?;
                let columns = y.dim(1)?;
                super::with_values(&y, |y| {
                    y.chunks_exact(columns)
                        .enumerate()
                        .for_each(|(row, values)| offer(row, 0, values));
                })?;
            }
        }
        Ok(best)
    }

    /// What `asks`, one a row of `x`, `[rows, in]`, want of the outputs taken as logits. Rows of which
    /// the best alone is wanted cost no logits.
    pub fn rank(&self, x: &Tensor, asks: &[Ask]) -> Result<Vec<Ranked>> {
        let rows_where = |wanted: fn(&Ask) -> bool| -> Vec<u32> {
            let rows = (0..).zip(asks).filter(|(_, ask)| wanted(ask));
            rows.map(|(row, _)| row).collect()
        };
        let best = rows_where(|ask| ask.only_the_best());
        let more = rows_where(|ask| !ask.only_the_best());
        let of = |rows: &[u32]| match rows.len() == asks.len() {
            true => Ok(x.clone()),
            false => x.index_select(&Tensor::new(rows, x.device())?, 0),
        };
        let mut ranked = vec![Ranked::default(); asks.len()];
        if !best.is_empty() {
            let banned = |row: usize, token| asks[best[row] as usize].banned.contains(&token);
            let found = self.argmax(&of(&best)?, |row, token| !banned(row, token))?;
            for (row, found) in best.iter().zip(found) {
                ranked[*row as usize].tokens.extend(found);
            }
        }
        if !more.is_empty() {
            let logits = self.forward(&of(&more)?)?;
            let columns = logits.dim(1)?;
            super::with_values(&logits, |logits| {
                for (row, logits) in more.iter().zip(logits.chunks_exact(columns)) {
                    let row = *row as usize;
                    ranked[row] = Ranked::of(logits, &asks[row]);
                }
            })?;
        }
        Ok(ranked)
    }

    /// For the one row `x`, `[1, in]`, the values of some outputs, in their order. `weights`: the matrix
    /// that this layer was made of.
    pub fn select(&self, x: &Tensor, weights: &Matrix, outputs: &[TokenId]) -> Result<Vec<f32>> {
        match self {
            Linear::Int8(linear) => {
                let Some(weights) = weights.int8_bytes() else {
                    bail!("int8 weights are selected from, these are not");
                };
                super::with_values(x, |x| linear.select(x, weights, outputs))
            }
            Linear::F32 { .. } => super::with_values(&self.forward(x)?, |y| {
                let value = |id: &TokenId| y.get(id.0 as usize).copied().unwrap_or(f32::NAN);
                outputs.iter().map(value).collect()
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
    fn select(&self, x: &[f32], weights: &[u8], outputs: &[TokenId]) -> Vec<f32> {
        let row = QuantizedRows::new(x, self.inputs, self.quantization);
        let (bytes, row_scale) = (&row.bytes(0, 1)[..self.inputs], row.scales(0, 1)[0]);
        let mut sums = vec![0; outputs.len()];
        int8::kernel().select(bytes, weights, outputs, &mut sums);
        let value = |(&id, sum): (&TokenId, i32)| {
            let output = id.0 as usize;
            let (start, scale) = self.weights.start_and_scale(output);
            (start + sum) as f32 * (row_scale * scale) + self.bias[output]
        };
        outputs.iter().zip(sums).map(value).collect()
    }

    /// Calls `each` for every tile of the product with `x`, `[rows, in]`.
    fn each_tile(&self, x: &[f32], each: impl FnMut(&TileSums)) {
        let rows = QuantizedRows::new(x, self.inputs, self.quantization);
        int8::for_each_tile(int8::kernel(), &rows, &self.weights, each);
    }

    /// The values of a tile with bias and, of the activations, `Relu` applied: row `m` of it, columns of its panel, go
    /// into `out[m * stride..]`.
    fn finish(&self, tile: &TileSums, stride: usize, out: &mut [MaybeUninit<f32>]) {
        let first = tile.panel.first_column;
        let floor = match self.activation {
            Activation::Relu => 0.0,
            _ => f32::NEG_INFINITY,
        };
        let bias = &self.bias[first..first + tile.panel.columns];
        finish(tile, bias, floor, stride, out);
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
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("{}: the operand must be contiguous", self.name());
        };
        let (rows, inputs) = layout.shape().dims2()?;
        if inputs != self.inputs {
            bail!(
                "{}: {inputs} columns where the weights have {}",
                self.name(),
                self.inputs
            );
        }
        let outputs = self.weights.outputs();
        let mut out: Vec<f32> = Vec::with_capacity(rows * outputs);
        let values = &mut out.spare_capacity_mut()[..rows * outputs];
        self.each_tile(&x.as_slice::<f32>()?[start..end], |tile| {
            let at = tile.first_row * outputs + tile.panel.first_column;
            self.finish(tile, outputs, &mut values[at..]);
        });
        // SAFETY: the tiles are all rows over panels of all outputs, and each was written whole.
        unsafe { out.set_len(rows * outputs) };
        if self.activation != Activation::Relu {
            self.activation.apply(&mut out);
        }
        Ok((CpuStorage::F32(out), Shape::from((rows, outputs))))
    }
}

/// One order of multiplications everywhere, so that a real value does not depend on the machine.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn finish(tile: &TileSums, bias: &[f32], floor: f32, stride: usize, out: &mut [MaybeUninit<f32>]) {
    let scales = &tile.panel.scale[..bias.len()];
    for ((sums, row_scale), out) in tile
        .sums
        .iter()
        .zip(tile.row_scales)
        .zip(out.chunks_mut(stride))
    {
        for (((out, sum), scale), bias) in out.iter_mut().zip(sums).zip(scales).zip(bias) {
            let y = *sum as f32 * (row_scale * scale) + bias;
            out.write(if y > floor { y } else { floor });
        }
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn maximum(values: &[f32]) -> f32 {
    math::maximum(values)
}
