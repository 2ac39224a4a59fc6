//! Matrices in the blocks of GGUF: some numbers of a row that share a scale. Their definitions are
//! those of ggml (`ggml-common.h`); every one is read as
//!
//! `weight = scale (quant − zero) + minimum`
//!
//! with quants of four to eight bits, unsigned, and a scale and a minimum for each group of them.

use half::{bf16, f16};
use memmap2::Mmap;
use std::{ops::Range, sync::Arc};

/// How the numbers of a tensor are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(non_camel_case_types)]
pub enum Format {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4_K,
    Q5_K,
    Q6_K,
}

impl Format {
    const ALL: [(Format, u32, usize, usize); 11] = [
        (Format::F32, 0, 1, 4),
        (Format::F16, 1, 1, 2),
        (Format::BF16, 30, 1, 2),
        (Format::Q4_0, 2, 32, 18),
        (Format::Q4_1, 3, 32, 20),
        (Format::Q5_0, 6, 32, 22),
        (Format::Q5_1, 7, 32, 24),
        (Format::Q8_0, 8, 32, 34),
        (Format::Q4_K, 12, 256, 144),
        (Format::Q5_K, 13, 256, 176),
        (Format::Q6_K, 14, 256, 210),
    ];

    /// Of ggml's number for it; none for one that is not read here.
    pub fn of(number: u32) -> Option<Self> {
        let found = Self::ALL.iter().find(|format| format.1 == number);
        found.map(|format| format.0)
    }

    /// Those that are read here.
    pub fn names() -> String {
        Self::ALL.map(|format| format!("{:?}", format.0)).join(", ")
    }

    fn entry(self) -> (Format, u32, usize, usize) {
        Self::ALL
            .into_iter()
            .find(|format| format.0 == self)
            .unwrap_or((self, 0, 1, 4))
    }

    /// Numbers of a row that stand together.
    pub fn block_size(self) -> usize {
        self.entry().2
    }

    /// What they take in the file.
    pub fn block_bytes(self) -> usize {
        self.entry().3
    }

    /// Whether the numbers stand as they are, not as quants.
    pub fn is_dense(self) -> bool {
        matches!(self, Format::F32 | Format::F16 | Format::BF16)
    }

    /// Quants that share a scale.
    pub fn group_size(self) -> usize {
        match self {
            Format::Q6_K => 16,
            _ => 32,
        }
    }

    /// The quant that stands for the minimum.
    pub fn zero(self) -> u8 {
        match self {
            Format::Q4_0 => 8,
            Format::Q5_0 => 16,
            Format::Q6_K => 32,
            Format::Q8_0 => 128,
            _ => 0,
        }
    }
}

/// A matrix as it lies in the mapped file.
#[derive(Clone)]
pub struct Blocks {
    map: Arc<Mmap>,
    bytes: Range<usize>,
    format: Format,
    rows: usize,
    columns: usize,
}

impl Blocks {
    /// `bytes`: of the map, `rows` rows of whole blocks.
    pub(in crate::model) fn new(
        map: Arc<Mmap>,
        bytes: Range<usize>,
        format: Format,
        rows: usize,
        columns: usize,
    ) -> Self {
        Blocks {
            map,
            bytes,
            format,
            rows,
            columns,
        }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// The blocks of a row, one after the other.
    pub fn row(&self, row: usize) -> &[u8] {
        let size = self.columns / self.format.block_size() * self.format.block_bytes();
        &self.map[self.bytes.clone()][row * size..][..size]
    }

    /// The numbers of a row.
    pub fn read_row(&self, row: usize, out: &mut [f32]) {
        dequantize(self.format, self.row(row), out);
    }
}

/// `bytes`: whole blocks; `out`: as many numbers.
pub fn dequantize(format: Format, bytes: &[u8], out: &mut [f32]) {
    match format {
        Format::F32 => {
            for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *out = f32::from_le_bytes(*bytes);
            }
        }
        Format::F16 => {
            for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *out = f16::from_le_bytes(*bytes).to_f32();
            }
        }
        Format::BF16 => {
            for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *out = bf16::from_le_bytes(*bytes).to_f32();
            }
        }
        _ => {
            let zero = f32::from(format.zero());
            let blocks = bytes.chunks_exact(format.block_bytes());
            for (out, block) in out.chunks_exact_mut(format.block_size()).zip(blocks) {
                let block = Block::read(format, block);
                let size = format.group_size();
                let groups = out.chunks_exact_mut(size).zip(block.quants.chunks(size));
                for (group, (out, quants)) in groups.enumerate() {
                    let scale = block.scale.to_f32() * f32::from(block.scales[group]);
                    let minimum = block.minimum.to_f32() * f32::from(block.minimums[group]);
                    for (out, quant) in out.iter_mut().zip(quants) {
                        *out = scale * (f32::from(*quant) - zero) + minimum;
                    }
                }
            }
        }
    }
}

/// One block of quants. A group's scale is `scale · scales[group]`, its minimum `minimum ·
/// minimums[group]`; in blocks of one group both factors are 1.
pub struct Block {
    pub quants: [u8; 256],
    pub scale: f16,
    pub minimum: f16,
    pub scales: [i8; 16],
    pub minimums: [u8; 16],
}

impl Block {
    /// `bytes`: one block of a format that is not dense.
    pub fn read(format: Format, bytes: &[u8]) -> Self {
        let half = |at: usize| f16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let mut block = Block {
            quants: [0; 256],
            scale: half(0),
            minimum: f16::ZERO,
            scales: [1; 16],
            minimums: [1; 16],
        };
        match format {
            Format::Q4_0 => block.nibbles(&bytes[2..]),
            Format::Q4_1 => {
                block.minimum = half(2);
                block.nibbles(&bytes[4..]);
            }
            Format::Q5_0 => {
                block.nibbles(&bytes[6..]);
                block.fifth_bits(&bytes[2..6]);
            }
            Format::Q5_1 => {
                block.minimum = half(2);
                block.nibbles(&bytes[8..]);
                block.fifth_bits(&bytes[4..8]);
            }
            Format::Q8_0 => {
                for (quant, byte) in block.quants.iter_mut().zip(&bytes[2..34]) {
                    *quant = byte ^ 0x80;
                }
            }
            Format::Q4_K | Format::Q5_K => {
                block.minimum = -half(2);
                block.six_bit_scales(&bytes[4..16]);
                let quants = if format == Format::Q4_K { 16 } else { 48 };
                let halves = bytes[quants..quants + 128].chunks_exact(32);
                for (to, from) in block.quants.chunks_exact_mut(64).zip(halves) {
                    for (at, byte) in from.iter().enumerate() {
                        to[at] = byte & 15;
                        to[at + 32] = byte >> 4;
                    }
                }
                if format == Format::Q5_K {
                    for (group, to) in block.quants.chunks_exact_mut(32).enumerate() {
                        for (quant, bits) in to.iter_mut().zip(&bytes[16..48]) {
                            *quant |= (bits >> group & 1) << 4;
                        }
                    }
                }
            }
            Format::Q6_K => {
                block.scale = half(208);
                for (scale, byte) in block.scales.iter_mut().zip(&bytes[192..208]) {
                    *scale = *byte as i8;
                }
                for (at, quant) in block.quants.iter_mut().enumerate() {
                    let (part, quarter, column) = (at / 128, at % 128 / 32, at % 32);
                    let low = bytes[part * 64 + quarter % 2 * 32 + column] >> (quarter / 2 * 4);
                    let high = bytes[128 + part * 32 + column] >> (2 * quarter);
                    *quant = low & 15 | (high & 3) << 4;
                }
            }
            Format::F32 | Format::F16 | Format::BF16 => {}
        }
        block
    }

    /// Thirty-two quants, the low halves of the bytes first.
    fn nibbles(&mut self, bytes: &[u8]) {
        for (at, byte) in bytes[..16].iter().enumerate() {
            self.quants[at] = byte & 15;
            self.quants[at + 16] = byte >> 4;
        }
    }

    fn fifth_bits(&mut self, bytes: &[u8]) {
        for (at, quant) in self.quants[..32].iter_mut().enumerate() {
            *quant |= (bytes[at / 8] >> (at % 8) & 1) << 4;
        }
    }

    /// Eight scales and eight minimums of six bits in twelve bytes: those of the first four groups
    /// in the low six bits of bytes 0 to 3 and 4 to 7, the low four bits of the others in bytes 8
    /// to 11, their high two in what is left of the first eight.
    fn six_bit_scales(&mut self, bytes: &[u8]) {
        for group in 0..4 {
            let (a, b, c) = (bytes[group], bytes[group + 4], bytes[group + 8]);
            self.scales[group] = (a & 63) as i8;
            self.minimums[group] = b & 63;
            self.scales[group + 4] = (c & 15 | a >> 6 << 4) as i8;
            self.minimums[group + 4] = c >> 4 | b >> 6 << 4;
        }
    }
}
