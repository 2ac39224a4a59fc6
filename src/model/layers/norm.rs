//! Layer normalisation after a residual connection, as one pass (Ba et al. 2016).

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
        let mut out = Vec::with_capacity(x.len());
        normalize_rows(x, y, &self.scale, &self.bias, self.eps, &mut out);
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }
}

/// Rows whose sums are added up together. A sum goes from left to right, as the definition and the
/// engines that these models were made for have it, so that one alone would wait for itself.
const TOGETHER: usize = 8;

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn normalize_rows(x: &[f32], y: &[f32], scale: &[f32], bias: &[f32], eps: f32, out: &mut Vec<f32>) {
    let columns = scale.len();
    let mut squares = vec![0f32; columns * TOGETHER];
    let size = columns * TOGETHER;
    for (x, y) in x.chunks(size).zip(y.chunks(size)) {
        let first = out.len();
        out.extend(x.iter().zip(y).map(|(x, y)| x + y));
        let out = &mut out[first..];
        let means = sums(out, columns).map(|sum| sum / columns as f32);
        let rows = out.chunks_exact_mut(columns);
        for ((row, squares), mean) in rows.zip(squares.chunks_exact_mut(columns)).zip(means) {
            for (x, square) in row.iter_mut().zip(squares) {
                *x -= mean;
                *square = *x * *x;
            }
        }
        let variances = sums(&squares[..out.len()], columns).map(|sum| sum / columns as f32);
        for (row, variance) in out.chunks_exact_mut(columns).zip(variances) {
            let deviation = (variance + eps).sqrt();
            for ((x, scale), bias) in row.iter_mut().zip(scale).zip(bias) {
                *x = scale * (*x / deviation) + bias;
            }
        }
    }
}

/// Sum of each row of at most `TOGETHER`, from left to right.
#[inline(always)]
fn sums(rows: &[f32], columns: usize) -> [f32; TOGETHER] {
    let mut sums = [0f32; TOGETHER];
    if rows.len() == columns * TOGETHER {
        for column in 0..columns {
            for (row, sum) in sums.iter_mut().enumerate() {
                *sum += rows[row * columns + column];
            }
        }
    } else {
        for (row, sum) in rows.chunks_exact(columns).zip(&mut sums) {
            *sum = row.iter().sum();
        }
    }
    sums
}
