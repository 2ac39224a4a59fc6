//! Rows of an embedding table, scaled, with their position added.

use crate::model::{TokenId, weights::Matrix};
use candle_core::{Device, Result, Tensor};

/// Sinusoids: `pe[p][c] = sin(p · 10000^(−(c mod d/2) / n) + ⌊c / (d/2)⌋ π/2)`, the first half of the
/// columns sines, the second cosines.
pub struct Positions {
    width: usize,
    steps: Steps,
    /// `[positions][width]`, for the first positions; later ones are computed when they come.
    table: Vec<f32>,
}

/// Between the frequencies of 1 and 1/10000: `n` in the formula.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Steps {
    /// `d/2 − 1`, the last column has the lowest frequency: Marian's own `TrigonometricPositions`.
    Closed,
    /// `d/2`, as Vaswani et al. 2017 and Hugging Face's Marian have it.
    Open,
}

/// Positions kept: twice the window of the models and their longest output is rarely passed.
const KEPT: usize = 512;

impl Positions {
    pub fn new(width: usize, steps: Steps) -> Self {
        let mut positions = Positions {
            width,
            steps,
            table: Vec::new(),
        };
        let values = |p| (0..width).map(move |c| (p, c));
        let kept = (0..KEPT).flat_map(values);
        positions.table = kept.map(|(p, c)| positions.sinusoid(p, c)).collect();
        positions
    }

    fn add(&self, position: usize, row: &mut [f32]) {
        match self
            .table
            .get(position * self.width..(position + 1) * self.width)
        {
            Some(kept) => row.iter_mut().zip(kept).for_each(|(x, p)| *x += p),
            None => (0..self.width).for_each(|c| row[c] += self.sinusoid(position, c)),
        }
    }

    fn sinusoid(&self, position: usize, column: usize) -> f32 {
        let half = self.width / 2;
        let steps = match self.steps {
            Steps::Closed => half.max(2) - 1,
            Steps::Open => half,
        };
        let exponent = -((column % half) as f64) / steps as f64;
        let phase = (column / half) as f64 * std::f64::consts::FRAC_PI_2;
        (position as f64 * 10000f64.powf(exponent) + phase).sin() as f32
    }
}

/// A table `[vocabulary][width]`.
pub struct Embedding {
    pub table: Matrix,
    /// What a row is multiplied by: `sqrt(width)` in Marian's models.
    pub scale: f32,
}

impl Embedding {
    /// `[tokens, width]`; a token of `None` embeds as zeros (the decoder's start).
    pub fn forward(
        &self,
        tokens: impl ExactSizeIterator<Item = (Option<TokenId>, usize)>,
        positions: &Positions,
    ) -> Result<Tensor> {
        let (count, width) = (tokens.len(), self.table.columns());
        let mut out = vec![0f32; count * width];
        for ((token, position), row) in tokens.zip(out.chunks_exact_mut(width)) {
            if let Some(token) = token {
                self.table.read_row(token.0 as usize, row);
                row.iter_mut().for_each(|x| *x *= self.scale);
            }
            positions.add(position, row);
        }
        Tensor::from_vec(out, (count, width), &Device::Cpu)
    }

    /// `[tokens, width]`, for networks that know positions otherwise.
    pub fn rows(&self, tokens: impl ExactSizeIterator<Item = TokenId>) -> Result<Tensor> {
        let (count, width) = (tokens.len(), self.table.columns());
        let mut out = vec![0f32; count * width];
        for (token, row) in tokens.zip(out.chunks_exact_mut(width)) {
            self.table.read_row(token.0 as usize, row);
            row.iter_mut().for_each(|x| *x *= self.scale);
        }
        Tensor::from_vec(out, (count, width), &Device::Cpu)
    }
}
