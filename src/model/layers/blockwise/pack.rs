//! Panels out of the file's blocks: the quants of sixteen rows side by side, so that one
//! instruction multiplies a step of all of them, at the bits a number that the file has.

use super::kernel::{LANES, Layout, WithLayout, with_layout};
use crate::model::weights::{Block, Blocks};
use half::f16;
use rayon::prelude::*;

/// All panels of a matrix, one after the other; rows that it lacks in the last are zeros.
pub fn pack(matrix: &Blocks) -> Vec<u8> {
    with_layout(matrix.format(), Pack(matrix))
}

struct Pack<'a>(&'a Blocks);

impl WithLayout for Pack<'_> {
    type Output = Vec<u8>;

    fn quants<L: Layout>(self) -> Vec<u8> {
        let matrix = self.0;
        let blocks = matrix.columns() / matrix.format().block_size();
        let mut panels = vec![0; matrix.rows().div_ceil(LANES) * blocks * L::BLOCK_BYTES];
        panels
            .par_chunks_mut(blocks * L::BLOCK_BYTES)
            .enumerate()
            .for_each(|(panel, bytes)| {
                for lane in 0..LANES.min(matrix.rows() - panel * LANES) {
                    let row = matrix.row(panel * LANES + lane);
                    let from = row.chunks_exact(matrix.format().block_bytes());
                    for (bytes, block) in bytes.chunks_exact_mut(L::BLOCK_BYTES).zip(from) {
                        put::<L>(&Block::read(matrix.format(), block), lane, bytes);
                    }
                }
            });
        panels
    }

    fn dense(self) -> Vec<u8> {
        let matrix = self.0;
        let size = matrix.columns() * LANES * 4;
        let mut panels = vec![0; matrix.rows().div_ceil(LANES) * size];
        panels
            .par_chunks_mut(size)
            .enumerate()
            .for_each(|(panel, bytes)| {
                let mut row = vec![0f32; matrix.columns()];
                for lane in 0..LANES.min(matrix.rows() - panel * LANES) {
                    matrix.read_row(panel * LANES + lane, &mut row);
                    for (bytes, x) in bytes.chunks_exact_mut(LANES * 4).zip(&row) {
                        bytes[lane * 4..][..4].copy_from_slice(&x.to_le_bytes());
                    }
                }
            });
        panels
    }
}

/// Writes a row's block into its lane of a panel's.
fn put<L: Layout>(block: &Block, lane: usize, bytes: &mut [u8]) {
    let half = |bytes: &mut [u8], x: f16| bytes[2 * lane..][..2].copy_from_slice(&x.to_le_bytes());
    let (scales, groups) = bytes.split_at_mut(L::SCALE_BYTES);
    half(scales, block.scale);
    if L::MINIMUMS {
        half(&mut scales[32..], block.minimum);
    }
    let all_quants = block.quants.chunks_exact(L::GROUP);
    for (group, (bytes, quants)) in groups
        .chunks_exact_mut(L::GROUP_BYTES)
        .zip(all_quants)
        .enumerate()
    {
        if L::FACTORS {
            bytes[lane] = block.scales[group] as u8;
            if L::MINIMUMS {
                bytes[16 + lane] = block.minimums[group];
            }
        }
        let bytes = &mut bytes[L::FACTOR_BYTES..];
        for (at, quant) in quants.iter().enumerate() {
            let (step, byte) = (at / 4, lane * 4 + at % 4);
            if L::BITS == 8 {
                bytes[step * 64 + byte] = *quant;
                continue;
            }
            let half = L::STEPS / 2;
            bytes[step % half * 64 + byte] |= (quant & 15) << (step / half * 4);
            for bit in 0..L::MASKS {
                let mask = L::QUANT_BYTES + (bit * L::STEPS + step) * 8;
                bytes[mask + byte / 8] |= (quant >> (4 + bit) & 1) << (byte % 8);
            }
        }
    }
}
