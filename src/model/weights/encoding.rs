//! Real numbers as files write them, little-endian.

use half::{bf16, f16};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    F32,
    F16,
    Bf16,
}

impl Encoding {
    /// That so many numbers take.
    pub fn bytes(self, numbers: usize) -> usize {
        match self {
            Encoding::F32 => 4 * numbers,
            Encoding::F16 | Encoding::Bf16 => 2 * numbers,
        }
    }

    /// As many numbers as `out` has room for.
    pub fn read(self, bytes: &[u8], out: &mut [f32]) {
        let fours = bytes.as_chunks::<4>().0.iter();
        let twos = bytes.as_chunks::<2>().0.iter();
        match self {
            Encoding::F32 => out
                .iter_mut()
                .zip(fours)
                .for_each(|(out, b)| *out = f32::from_le_bytes(*b)),
            Encoding::F16 => out
                .iter_mut()
                .zip(twos)
                .for_each(|(out, b)| *out = f16::from_le_bytes(*b).to_f32()),
            Encoding::Bf16 => out
                .iter_mut()
                .zip(twos)
                .for_each(|(out, b)| *out = bf16::from_le_bytes(*b).to_f32()),
        }
    }
}
