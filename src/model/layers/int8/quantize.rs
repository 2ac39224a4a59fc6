//! Activations: a scale a row, so that a row's integers depend on nothing but the row.

use super::GROUP;

/// Rows of f32 as `round(x / scale) + 128`, `scale = max|x| / 127`, padded to whole groups.
pub struct QuantizedRows {
    depth: usize,
    bytes: Vec<u8>,
    scale: Vec<f32>,
}

impl QuantizedRows {
    /// `values`: `[rows][inputs]`.
    pub fn new(values: &[f32], inputs: usize) -> Self {
        let depth = inputs.next_multiple_of(GROUP);
        let rows = values.len() / inputs;
        let mut bytes = vec![128; rows * depth];
        let scale = values
            .chunks_exact(inputs)
            .zip(bytes.chunks_exact_mut(depth))
            .map(|(row, bytes)| quantize_row(row, bytes))
            .collect();
        QuantizedRows {
            depth,
            bytes,
            scale,
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

    pub fn scale(&self, row: usize) -> f32 {
        self.scale[row]
    }
}

/// The row's scale; 0 for a row of zeros.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn quantize_row(row: &[f32], bytes: &mut [u8]) -> f32 {
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
    if largest == 0.0 {
        return 0.0;
    }
    let steps = 127.0 / largest;
    // Adding 1.5 * 2^23 leaves the number, rounded half to even, in the low bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    for (byte, x) in bytes.iter_mut().zip(row) {
        *byte = ((x * steps + ROUND).to_bits() as u8).wrapping_add(128);
    }
    largest / 127.0
}
