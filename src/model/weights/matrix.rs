//! One matrix of a model file, read where it lies.

use super::{Blocks, Encoding};
use memmap2::Mmap;
use std::{ops::Range, sync::Arc};

/// `[rows][columns]`, row-major.
pub struct Matrix {
    columns: usize,
    values: Values,
    calibration: Option<Calibration>,
}

/// What training measured of the inputs of int8 weights.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Calibration {
    /// Inputs become int8 as `round(x * input_multiplier)`.
    pub input_multiplier: f32,
    /// Real value of one step of the integer sums.
    pub output_scale: f32,
}

enum Values {
    /// Real value of an element: `q * scale[row]`.
    Int8 {
        map: Arc<Mmap>,
        bytes: Range<usize>,
        scale: Vec<f32>,
    },
    /// Real numbers where they lie.
    Stored {
        map: Arc<Mmap>,
        bytes: Range<usize>,
        encoding: Encoding,
    },
    /// The same in the blocks of GGUF.
    Blocks(Blocks),
    F32(Vec<f32>),
}

impl Matrix {
    /// Real numbers that stay in the file until they are read.
    pub(super) fn stored(
        map: Arc<Mmap>,
        bytes: Range<usize>,
        encoding: Encoding,
        columns: usize,
    ) -> Self {
        Matrix {
            columns,
            values: Values::Stored {
                map,
                bytes,
                encoding,
            },
            calibration: None,
        }
    }

    /// Blocks of quants that stay in the file until they are read.
    pub(super) fn blocks(blocks: Blocks) -> Self {
        Matrix {
            columns: blocks.columns(),
            values: Values::Blocks(blocks),
            calibration: None,
        }
    }

    pub(super) fn int8(
        map: Arc<Mmap>,
        bytes: Range<usize>,
        scale: Vec<f32>,
        columns: usize,
    ) -> Self {
        Matrix {
            columns,
            values: Values::Int8 { map, bytes, scale },
            calibration: None,
        }
    }

    pub(super) fn calibrated(self, calibration: Option<Calibration>) -> Self {
        Matrix {
            calibration,
            ..self
        }
    }

    pub fn f32(values: Vec<f32>, columns: usize) -> Self {
        Matrix {
            columns,
            values: Values::F32(values),
            calibration: None,
        }
    }

    /// The same times a factor.
    pub fn scaled(&self, factor: f32) -> Self {
        let values = self.to_f32().into_iter().map(|x| x * factor);
        Self::f32(values.collect(), self.columns)
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn calibration(&self) -> Option<Calibration> {
        self.calibration
    }

    /// All rows as int8, where they lie as int8 in the file.
    pub fn int8_bytes(&self) -> Option<&[u8]> {
        match &self.values {
            Values::Int8 { map, bytes, .. } => Some(&map[bytes.clone()]),
            Values::Stored { .. } | Values::Blocks(_) | Values::F32(_) => None,
        }
    }

    pub fn rows(&self) -> usize {
        match &self.values {
            Values::Int8 { scale, .. } => scale.len(),
            Values::Stored {
                bytes, encoding, ..
            } => bytes.len() / encoding.bytes(self.columns),
            Values::Blocks(blocks) => blocks.rows(),
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
            Values::Stored {
                map,
                bytes,
                encoding,
            } => {
                let size = encoding.bytes(self.columns);
                encoding.read(&map[bytes.clone()][row * size..(row + 1) * size], out);
            }
            Values::Blocks(blocks) => blocks.read_row(row, out),
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
            Values::F32(values) => quantized(&values[row * self.columns..(row + 1) * self.columns]),
            Values::Stored { .. } | Values::Blocks(_) => {
                let mut values = vec![0.0; self.columns];
                self.read_row(row, &mut values);
                quantized(&values)
            }
        })
    }

    /// Bytes of memory that are this matrix's own, beyond the mapped file.
    pub fn resident_bytes(&self) -> usize {
        match &self.values {
            Values::Int8 { scale, .. } => 4 * scale.len(),
            Values::Stored { .. } | Values::Blocks(_) => 0,
            Values::F32(values) => 4 * values.len(),
        }
    }
}

fn quantized(values: &[f32]) -> (Vec<i8>, f32) {
    let largest = values.iter().fold(0f32, |largest, x| largest.max(x.abs()));
    let steps = if largest > 0.0 { 127.0 / largest } else { 0.0 };
    let rounded = values.iter().map(|x| (x * steps).round() as i8);
    (rounded.collect(), largest / 127.0)
}
