//! The recurrent cell of the students' decoder, in place of self-attention (Kim et al. 2019,
//! "From Research to Production and Back", <https://aclanthology.org/D19-5632>).

use super::{math, with_values};
use candle_core::{Result, Tensor};

/// `c' = f c + (1 − f) x̃` with `f = sigmoid(gate)`; the cell's output is `relu(c')`.
///
/// `input`: `[batch, 2 d]`, for each row the candidate `x̃` and then the gate; `cell`: `[batch, d]`.
/// Returns the new cell, `[batch, d]`.
pub fn ssru_cell(input: &Tensor, cell: &Tensor) -> Result<Tensor> {
    let (batch, width) = cell.dims2()?;
    let mut out = vec![0f32; batch * width];
    with_values(input, |input| {
        with_values(cell, |cell| update(input, cell, width, &mut out))
    })??;
    Tensor::from_vec(out, (batch, width), cell.device())
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq",
    "x86_64+avx2+fma"
))]
fn update(input: &[f32], cell: &[f32], width: usize, out: &mut [f32]) {
    for ((input, cell), out) in input
        .chunks_exact(2 * width)
        .zip(cell.chunks_exact(width))
        .zip(out.chunks_exact_mut(width))
    {
        let (candidate, gate) = input.split_at(width);
        for (((out, x), gate), c) in out.iter_mut().zip(candidate).zip(gate).zip(cell) {
            let forget = math::sigmoid(*gate);
            *out = forget * c + (1.0 - forget) * x;
        }
    }
}
