//! The gate of a feed-forward network (Shazeer 2020, "GLU Variants Improve Transformer").

use super::{math, with_values};
use candle_core::{Result, Tensor};
use rayon::prelude::*;

/// What the gate's numbers go through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gate {
    /// `x sigmoid(x)`.
    Silu,
    /// `x/2 (1 + tanh(sqrt(2/π) (x + 0.044715 x³)))`.
    GeluTanh,
}

/// Numbers that are worth a thread of their own.
const NUMBERS_A_THREAD: usize = 1 << 15;

/// `gate(g) · x`, number by number.
pub fn gated(gate: Gate, g: &Tensor, x: &Tensor) -> Result<Tensor> {
    let mut out = with_values(g, <[f32]>::to_vec)?;
    with_values(x, |x| {
        out.par_chunks_mut(NUMBERS_A_THREAD)
            .zip(x.par_chunks(NUMBERS_A_THREAD))
            .for_each(|(out, x)| match gate {
                Gate::Silu => silu(out, x),
                Gate::GeluTanh => gelu(out, x),
            });
    })?;
    Tensor::from_vec(out, x.shape(), x.device())
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq",
    "x86_64+avx2+fma"
))]
fn silu(out: &mut [f32], x: &[f32]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out *= math::sigmoid(*out) * x;
    }
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq",
    "x86_64+avx2+fma"
))]
fn gelu(out: &mut [f32], x: &[f32]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out = math::gelu_tanh(*out) * x;
    }
}
