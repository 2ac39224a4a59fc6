//! Activations as bytes: a row's integers depend on nothing but the row.
#![allow(unsafe_code)]

use super::{super::aligned::Aligned, DEPTH};
use std::mem::MaybeUninit;

/// How the inputs of a layer become bytes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Quantization {
    /// `round(x / scale) + 128` with a scale a row, `max|x| / 127`.
    PerRow,
    /// `round(x * multiplier)`, cut to ±127, + 127: the multiplier was measured in training.
    Calibrated(f32),
}

impl Quantization {
    /// What the bytes are more than the integers that they stand for.
    pub fn offset(self) -> i32 {
        match self {
            Quantization::PerRow => 128,
            Quantization::Calibrated(_) => 127,
        }
    }
}

/// Rows of f32 as bytes, padded to whole times `DEPTH`.
pub struct QuantizedRows {
    depth: usize,
    bytes: Aligned<u8>,
    /// What a row's integers are multiplied by, beside the weights' scale: 1 where that has it all.
    scale: Vec<f32>,
}

impl QuantizedRows {
    /// `values`: `[rows][inputs]`.
    pub fn new(values: &[f32], inputs: usize, quantization: Quantization) -> Self {
        let depth = inputs.next_multiple_of(DEPTH);
        let rows = values.len() / inputs;
        let mut scale = Vec::with_capacity(rows);
        let write = |bytes: &mut [MaybeUninit<u8>]| {
            for (row, bytes) in values
                .chunks_exact(inputs)
                .zip(bytes.chunks_exact_mut(depth))
            {
                let (bytes, padding) = bytes.split_at_mut(inputs);
                scale.push(match quantization {
                    Quantization::PerRow => quantize_row(row, bytes),
                    Quantization::Calibrated(multiplier) => {
                        quantize_calibrated(row, multiplier, bytes);
                        1.0
                    }
                });
                pad(padding);
            }
        };
        // SAFETY: of each row its bytes are written, and its padding.
        let bytes = unsafe { Aligned::written(rows * depth, write) };
        QuantizedRows {
            depth,
            bytes,
            scale,
        }
    }

    /// Rows whose bytes `write` sets, `[count][depth]`, to what [`calibrated_byte`] gives.
    ///
    /// # Safety
    /// `write` sets the first `inputs` bytes of each row.
    pub unsafe fn calibrated(
        count: usize,
        inputs: usize,
        write: impl FnOnce(&mut [MaybeUninit<u8>], usize),
    ) -> Self {
        let depth = inputs.next_multiple_of(DEPTH);
        let write = |bytes: &mut [MaybeUninit<u8>]| {
            bytes
                .chunks_exact_mut(depth)
                .for_each(|row| pad(&mut row[inputs..]));
            write(bytes, depth);
        };
        QuantizedRows {
            depth,
            // SAFETY: `write` sets what is no padding, says the caller.
            bytes: unsafe { Aligned::written(count * depth, write) },
            scale: vec![1.0; count],
        }
    }

    pub fn count(&self) -> usize {
        self.scale.len()
    }

    pub fn depth(&self) -> usize {
        self.depth
    }

    pub fn bytes(&self, first: usize, count: usize) -> &[u8] {
        &self.bytes[first * self.depth..(first + count) * self.depth]
    }

    /// Of `count` rows from the first on.
    pub fn scales(&self, first: usize, count: usize) -> &[f32] {
        &self.scale[first..first + count]
    }
}

/// Adding 1.5 * 2^23 leaves a number, rounded half to even, in the low bits of the mantissa.
const ROUND: f32 = 12_582_912.0;

/// The padding of a row, which meets weights of 0.
fn pad(bytes: &mut [MaybeUninit<u8>]) {
    bytes.fill(MaybeUninit::new(0));
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq",
    "x86_64+avx2+fma"
))]
fn quantize_calibrated(row: &[f32], multiplier: f32, bytes: &mut [MaybeUninit<u8>]) {
    for (byte, x) in bytes.iter_mut().zip(row) {
        byte.write(calibrated_byte(*x, multiplier));
    }
}

/// Of one value, where inputs are [`Quantization::Calibrated`].
#[inline(always)]
pub fn calibrated_byte(x: f32, multiplier: f32) -> u8 {
    let x = x * multiplier;
    let x = if x > -127.0 { x } else { -127.0 };
    let x = if x < 127.0 { x } else { 127.0 };
    ((x + ROUND).to_bits() as u8).wrapping_add(127)
}

/// The row's scale; 0 for a row of zeros, whose bytes all stand for 0.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq",
    "x86_64+avx2+fma"
))]
fn quantize_row(row: &[f32], bytes: &mut [MaybeUninit<u8>]) -> f32 {
    let mut largest = [0f32; 16];
    let (chunks, rest) = row.as_chunks::<16>();
    for chunk in chunks {
        for (largest, x) in largest.iter_mut().zip(chunk) {
            *largest = if x.abs() > *largest {
                x.abs()
            } else {
                *largest
            };
        }
    }
    let largest = largest
        .iter()
        .chain(rest)
        .fold(0f32, |largest, x| largest.max(x.abs()));
    // Of numbers as small as that the reciprocal is infinite.
    if largest < f32::MIN_POSITIVE {
        bytes.fill(MaybeUninit::new(128));
        return 0.0;
    }
    let steps = 127.0 / largest;
    for (byte, x) in bytes.iter_mut().zip(row) {
        byte.write(((x * steps + ROUND).to_bits() as u8).wrapping_add(128));
    }
    largest / 127.0
}
