//! One matrix of a model file, read where it lies.

use memmap2::Mmap;
use std::{ops::Range, sync::Arc};

/// `[rows][columns]`, row-major.
pub struct Matrix {
    columns: usize,
    values: Values,
}

enum Values {
    /// Real value of an element: `q * scale[row]`.
    Int8 {
        map: Arc<Mmap>,
        bytes: Range<usize>,
        scale: Vec<f32>,
    },
    F32(Vec<f32>),
}

impl Matrix {
    pub(super) fn int8(
        map: Arc<Mmap>,
        bytes: Range<usize>,
        scale: Vec<f32>,
        columns: usize,
    ) -> Self {
        Matrix {
            columns,
            values: Values::Int8 { map, bytes, scale },
        }
    }

    pub fn f32(values: Vec<f32>, columns: usize) -> Self {
        Matrix {
            columns,
            values: Values::F32(values),
        }
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn rows(&self) -> usize {
        match &self.values {
            Values::Int8 { scale, .. } => scale.len(),
            Values::F32(values) => values.len() / self.columns,
        }
    }

    /// Writes row `row`, as real values, into `out`.
    pub fn read_row(&self, row: usize, out: &mut [f32]) {
        let range = row * self.columns..(row + 1) * self.columns;
        match &self.values {
            Values::Int8 { map, bytes, scale } => {
                let row_bytes = &map[bytes.clone()][range];
                out.iter_mut()
                    .zip(row_bytes)
                    .for_each(|(out, &q)| *out = f32::from(q as i8) * scale[row]);
            }
            Values::F32(values) => out.copy_from_slice(&values[range]),
        }
    }

    pub fn to_f32(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.rows() * self.columns];
        for (row, out) in out.chunks_exact_mut(self.columns).enumerate() {
            self.read_row(row, out);
        }
        out
    }

    /// Each row as int8 with its scale: as it lies in the file, or quantised, symmetric, to ±127.
    pub fn int8_rows(&self) -> impl Iterator<Item = (Vec<i8>, f32)> + '_ {
        (0..self.rows()).map(|row| match &self.values {
            Values::Int8 { map, bytes, scale } => {
                let row_bytes = &map[bytes.clone()][row * self.columns..(row + 1) * self.columns];
                (row_bytes.iter().map(|&q| q as i8).collect(), scale[row])
            }
            Values::F32(values) => {
                let values = &values[row * self.columns..(row + 1) * self.columns];
                let largest = values.iter().fold(0f32, |largest, x| largest.max(x.abs()));
                let steps = if largest > 0.0 { 127.0 / largest } else { 0.0 };
                (
                    values.iter().map(|x| (x * steps).round() as i8).collect(),
                    largest / 127.0,
                )
            }
        })
    }

    /// Bytes of memory that are this matrix's own, beyond the mapped file.
    pub fn resident_bytes(&self) -> usize {
        match &self.values {
            Values::Int8 { scale, .. } => 4 * scale.len(),
            Values::F32(values) => 4 * values.len(),
        }
    }
}
