//! Layer normalisation after a residual connection, as one pass (Ba et al. 2016).

use super::math;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

/// `scale * (x − mean) / sqrt(variance + eps) + bias` over the columns of each row.
pub struct LayerNorm {
    pub scale: Vec<f32>,
    pub bias: Vec<f32>,
    pub eps: f32,
}

impl LayerNorm {
    /// Of `x + residual`, both `[rows, columns]`.
    pub fn forward_residual(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        x.apply_op2_no_bwd(residual, self)
    }
}

impl CustomOp2 for LayerNorm {
    fn name(&self) -> &'static str {
        "residual-layer-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (Some((x_start, x_end)), Some((y_start, y_end))) =
            (x_layout.contiguous_offsets(), y_layout.contiguous_offsets())
        else {
            bail!("{}: the operands must be contiguous", self.name());
        };
        let x = &x.as_slice::<f32>()?[x_start..x_end];
        let y = &y.as_slice::<f32>()?[y_start..y_end];
        if x.len() != y.len() || !x.len().is_multiple_of(self.scale.len()) {
            bail!(
                "{}: shapes {:?} and {:?}, {} columns",
                self.name(),
                x_layout.shape(),
                y_layout.shape(),
                self.scale.len()
            );
        }
        let mut out = vec![0f32; x.len()];
        normalize_rows(x, y, &self.scale, &self.bias, self.eps, &mut out);
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn normalize_rows(x: &[f32], y: &[f32], scale: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    let columns = scale.len();
    for ((x, y), out) in x
        .chunks_exact(columns)
        .zip(y.chunks_exact(columns))
        .zip(out.chunks_exact_mut(columns))
    {
        for ((out, x), y) in out.iter_mut().zip(x).zip(y) {
            *out = x + y;
        }
        let mean = math::sum(out, |x| x) / columns as f32;
        let variance = math::sum(out, |x| (x - mean) * (x - mean)) / columns as f32;
        let inverse = 1.0 / (variance + eps).sqrt();
        for ((out, scale), bias) in out.iter_mut().zip(scale).zip(bias) {
            *out = (*out - mean) * inverse * scale + bias;
        }
    }
}
