//! `y = x Wᵀ + b`, in int8 or f32.

use super::{
    int8::{self, PackedWeights, QuantizedRows},
    math,
};
use crate::model::{TokenId, weights::Matrix};
use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activation {
    None,
    Relu,
}

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
    pub fn int8(matrices: &[&Matrix], bias: Vec<f32>, activation: Activation) -> Self {
        let inputs = matrices[0].columns();
        let rows: Vec<_> = matrices
            .iter()
            .flat_map(|matrix| matrix.int8_rows())
            .collect();
        let weights =
            PackedWeights::new(inputs, rows.iter().map(|(row, scale)| (&row[..], *scale)));
        Linear::Int8(Int8Linear {
            weights,
            inputs,
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
            } => {
                let y = x.matmul(weight)?.broadcast_add(bias)?;
                match activation {
                    Activation::None => Ok(y),
                    Activation::Relu => y.relu(),
                }
            }
        }
    }

    /// For each row of `x`, `[rows, in]`, the output with the greatest value among those that
    /// `allowed(row, output)` lets pass; the values themselves are never stored in int8.
    pub fn argmax(
        &self,
        x: &Tensor,
        allowed: impl Fn(usize, TokenId) -> bool,
    ) -> Result<Vec<TokenId>> {
        let mut best = vec![(f32::NEG_INFINITY, TokenId(0)); x.dim(0)?];
        let mut offer = |row: usize, first: usize, values: &[f32]| {
            let (greatest, _) = best[row];
            // Most tiles hold nothing new: one comparison of their maximum tells.
            if maximum(values) > greatest {
                for (value, id) in values.iter().zip(first as u32..) {
                    if *value > best[row].0 && allowed(row, TokenId(id)) {
                        best[row] = (*value, TokenId(id));
                    }
                }
            }
        };
        match self {
            Linear::Int8(linear) => super::with_values(x, |x| linear.each_tile(x, &mut offer))?,
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
        Ok(best.into_iter().map(|(_, id)| id).collect())
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
    bias: Vec<f32>,
    activation: Activation,
}

impl Int8Linear {
    /// Calls `each(row, first output, values)` with bias and activation applied.
    fn each_tile(&self, x: &[f32], mut each: impl FnMut(usize, usize, &[f32])) {
        let rows = QuantizedRows::new(x, self.inputs);
        let mut out = [0f32; int8::PANEL];
        int8::for_each_tile(
            int8::kernel(),
            &rows,
            &self.weights,
            |row, first, values| {
                let out = &mut out[..values.len()];
                finish(
                    values,
                    &self.bias[first..first + values.len()],
                    self.activation,
                    out,
                );
                each(row, first, out);
            },
        );
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
        let mut out = vec![0f32; rows * outputs];
        self.each_tile(&x.as_slice::<f32>()?[start..end], |row, first, values| {
            out[row * outputs + first..][..values.len()].copy_from_slice(values);
        });
        Ok((CpuStorage::F32(out), Shape::from((rows, outputs))))
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn finish(values: &[f32], bias: &[f32], activation: Activation, out: &mut [f32]) {
    let floor = match activation {
        Activation::None => f32::NEG_INFINITY,
        Activation::Relu => 0.0,
    };
    for ((out, value), bias) in out.iter_mut().zip(values).zip(bias) {
        let y = value + bias;
        *out = if y > floor { y } else { floor };
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn maximum(values: &[f32]) -> f32 {
    math::maximum(values)
}
