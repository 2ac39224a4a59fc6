//! Normalisation by the root of the mean square (Zhang and Sennrich 2019,
//! <https://arxiv.org/abs/1910.07467>).

use super::with_values;
use candle_core::{Result, Tensor};

/// `scale · x / sqrt(mean(x²) + eps)`.
pub struct RmsNorm {
    pub scale: Vec<f32>,
    pub eps: f32,
}

impl RmsNorm {
    /// Over the columns of each row, `[rows, columns]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut out = with_values(x, <[f32]>::to_vec)?;
        self.normalize(&mut out);
        Tensor::from_vec(out, x.shape(), x.device())
    }

    /// In place, over each of as many neighbouring numbers as there are scales.
    pub fn normalize(&self, x: &mut [f32]) {
        normalize(x, &self.scale, self.eps);
    }
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq",
    "x86_64+avx2+fma"
))]
fn normalize(x: &mut [f32], scale: &[f32], eps: f32) {
    const LANES: usize = 16;
    for row in x.chunks_exact_mut(scale.len()) {
        // Sixteen sums, whatever the machine, so that the result is the same on all.
        let mut sums = [0f32; LANES];
        for chunk in row.chunks(LANES) {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *sum += x * x;
            }
        }
        let mean = sums.iter().sum::<f32>() / row.len() as f32;
        let factor = 1.0 / (mean + eps).sqrt();
        for (x, scale) in row.iter_mut().zip(scale) {
            *x = *x * factor * scale;
        }
    }
}
