//! The registers as arrays, for machines without vectors.

use super::kernel::{LANES, Machine};
use half::f16;
use std::array::from_fn;

pub struct Portable;

impl Machine for Portable {
    type Bytes = [u8; 64];
    type Ints = [i32; LANES];
    type Floats = [f32; LANES];

    fn bytes(from: &[u8; 64]) -> [u8; 64] {
        *from
    }
    fn nibbles(from: &[u8; 64]) -> ([u8; 64], [u8; 64]) {
        (from.map(|byte| byte & 15), from.map(|byte| byte >> 4))
    }
    fn add_where(bytes: [u8; 64], mask: u64, amount: u8) -> [u8; 64] {
        from_fn(|i| bytes[i] + (mask >> i & 1) as u8 * amount)
    }
    fn ints(x: i32) -> [i32; LANES] {
        [x; LANES]
    }
    fn dot(sums: [i32; LANES], weights: [u8; 64], quants: [i8; 4]) -> [i32; LANES] {
        from_fn(|lane| {
            let products = (0..4).map(|i| i32::from(weights[4 * lane + i]) * i32::from(quants[i]));
            sums[lane] + products.sum::<i32>()
        })
    }
    fn to_floats(x: [i32; LANES]) -> [f32; LANES] {
        x.map(|x| x as f32)
    }
    fn halves(from: &[u8; 32]) -> [f32; LANES] {
        from_fn(|i| f16::from_le_bytes([from[2 * i], from[2 * i + 1]]).to_f32())
    }
    fn factors(from: &[u8; 16]) -> [f32; LANES] {
        from.map(|byte| f32::from(byte as i8))
    }
    fn floats(from: &[u8; 64]) -> [f32; LANES] {
        from_fn(|i| {
            f32::from_le_bytes([
                from[4 * i],
                from[4 * i + 1],
                from[4 * i + 2],
                from[4 * i + 3],
            ])
        })
    }
    fn splat(x: f32) -> [f32; LANES] {
        [x; LANES]
    }
    fn add(x: [f32; LANES], y: [f32; LANES]) -> [f32; LANES] {
        from_fn(|i| x[i] + y[i])
    }
    fn mul(x: [f32; LANES], y: [f32; LANES]) -> [f32; LANES] {
        from_fn(|i| x[i] * y[i])
    }
    fn store(x: [f32; LANES], to: &mut [f32; LANES]) {
        *to = x;
    }
}
