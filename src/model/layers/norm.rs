//! Layer normalisation after a residual connection, as one pass (Ba et al. 2016).

use super::{
    aligned::Aligned,
    simd::{self, Divisor, Floats, LANES, Work},
};
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
        simd::dispatch(Normalize {
            norm: self,
            x,
            y,
            out: &mut out,
        });
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }
}

/// Adds the normalised rows of `x + y`, both `[rows][columns]`, to `out`.
///
/// Means and variances are sums from left to right, as the definition and the engines that these models were
/// made for have them. One alone would wait for itself: sixteen rows lie side by side, a lane a row.
struct Normalize<'a> {
    norm: &'a LayerNorm,
    x: &'a [f32],
    y: &'a [f32],
    out: &'a mut Vec<f32>,
}

/// From here on rows lie side by side, if they have whole vectors of columns.
const FEWEST_ROWS: usize = 3;

impl Work for Normalize<'_> {
    #[inline(always)]
    fn run<V: Floats>(self) {
        let columns = self.norm.scale.len();
        let mut turned = Aligned::zeros(columns * LANES);
        let (turned, _) = turned.as_chunks_mut::<LANES>();
        let size = columns * LANES;
        let operands = self.x.chunks(size).zip(self.y.chunks(size));
        for (x, y) in operands {
            let first = self.out.len();
            self.out.extend(x.iter().zip(y).map(|(x, y)| x + y));
            let out = &mut self.out[first..];
            let rows = out.len() / columns;
            if rows < FEWEST_ROWS || !columns.is_multiple_of(LANES) {
                out.chunks_exact_mut(columns)
                    .for_each(|row| self.norm.normalize(row));
            } else {
                self.norm.side_by_side::<V>(out, turned);
            }
        }
    }
}

impl LayerNorm {
    fn normalize(&self, row: &mut [f32]) {
        let columns = row.len() as f32;
        let mean = row.iter().sum::<f32>() / columns;
        row.iter_mut().for_each(|x| *x -= mean);
        let variance = row.iter().map(|x| x * x).sum::<f32>() / columns;
        let deviation = (variance + self.eps).sqrt();
        let of_columns = self.scale.iter().zip(&self.bias);
        for (x, (scale, bias)) in row.iter_mut().zip(of_columns) {
            *x = scale * (*x / deviation) + bias;
        }
    }

    /// The same for at most sixteen rows of whole vectors; `turned`: `[columns]`, anything.
    #[inline(always)]
    fn side_by_side<V: Floats>(&self, rows: &mut [f32], turned: &mut [[f32; LANES]]) {
        let columns = turned.len();
        let count = V::splat(columns as f32);
        let mut sums = V::splat(0.0);
        for (block, turned) in turned.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
            let mut vectors = [V::splat(0.0); LANES];
            for (vector, row) in vectors.iter_mut().zip(rows.chunks_exact(columns)) {
                *vector = V::load(&row.as_chunks().0[block]);
            }
            let vectors = V::transpose(vectors);
            for (vector, turned) in vectors.into_iter().zip(turned) {
                sums = sums.add(vector);
                vector.store(turned);
            }
        }
        let means = sums.div(count);
        let mut squares = V::splat(0.0);
        for column in &*turned {
            let x = V::load(column).sub(means);
            squares = squares.add(x.mul(x));
        }
        let (mut mean, mut variance) = ([0f32; LANES], [0f32; LANES]);
        means.store(&mut mean);
        squares.div(count).store(&mut variance);
        let of_rows = mean.iter().zip(&variance);
        for (row, (mean, variance)) in rows.chunks_exact_mut(columns).zip(of_rows) {
            let mean = V::splat(*mean);
            let divisor = Divisor::<V>::new((variance + self.eps).sqrt());
            let of_columns = self.scale.as_chunks().0.iter().zip(self.bias.as_chunks().0);
            for (x, (scale, bias)) in row.as_chunks_mut().0.iter_mut().zip(of_columns) {
                let normal = divisor.divide(V::load(x).sub(mean));
                V::load(scale).mul(normal).add(V::load(bias)).store(x);
            }
        }
    }
}

#[cfg(test)]
mod test {
    use super::{super::simd::Type, *};
    use candle_core::Device;

    #[test]
    fn a_row_is_the_same_alone_and_among_others_and_as_defined() {
        let columns = 48;
        let mut state = 9u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        let norm = LayerNorm {
            scale: (0..columns).map(|_| random()).collect(),
            bias: (0..columns).map(|_| random()).collect(),
            eps: 1e-6,
        };
        let mut values = |rows| -> Vec<f32> { (0..rows * columns).map(|_| random()).collect() };
        let (x, y) = (values(37), values(37));
        let of_rows = |first: usize, count: usize| -> Vec<f32> {
            let part = |values: &[f32]| {
                let values = &values[first * columns..][..count * columns];
                Tensor::from_slice(values, (count, columns), &Device::Cpu).unwrap()
            };
            let out = norm.forward_residual(&part(&x), &part(&y)).unwrap();
            out.flatten_all().unwrap().to_vec1().unwrap()
        };
        let all = of_rows(0, 37);
        for ty in Type::all() {
            let mut out = Vec::new();
            ty.run(Normalize {
                norm: &norm,
                x: &x,
                y: &y,
                out: &mut out,
            });
            assert_eq!(out, all, "{ty:?}");
        }
        for (row, all) in all.chunks_exact(columns).enumerate() {
            assert_eq!(all, of_rows(row, 1));
            let sums =
                || (0..columns).map(|c| f64::from(x[row * columns + c] + y[row * columns + c]));
            let mean = sums().sum::<f64>() / columns as f64;
            let variance = sums().map(|x| (x - mean).powi(2)).sum::<f64>() / columns as f64;
            for (c, (x, out)) in sums().zip(all).enumerate() {
                let normal = (x - mean) / (variance + 1e-6).sqrt();
                let exact = f64::from(norm.scale[c]) * normal + f64::from(norm.bias[c]);
                assert!((exact - f64::from(*out)).abs() < 1e-5, "{exact} {out}");
            }
        }
    }
}
