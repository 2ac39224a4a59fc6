//! Activations as the products read them: quantised to eight bits group by group, in the two ways
//! that llama.cpp has, so that its sums and ours are of the same integers.

use crate::model::weights::Format;
use half::f16;
use rayon::prelude::*;

/// How the rows that meet a matrix are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantization {
    /// As they are.
    Dense,
    /// Groups of 32, each with a scale of 16 bits (`q8_0`, `q8_1`).
    Small,
    /// Groups of 256 with a scale of 32 bits (`q8_K`).
    Large,
}

impl Quantization {
    pub fn of(format: Format) -> Self {
        match (format.is_dense(), format.block_size()) {
            (true, _) => Quantization::Dense,
            (false, 256) => Quantization::Large,
            (false, _) => Quantization::Small,
        }
    }
}

/// Rows that are worth a thread of their own.
const ROWS_A_THREAD: usize = 32;

/// Rows for matrices of one format.
pub struct Rows {
    pub count: usize,
    pub columns: usize,
    /// The rows themselves, where they are not quantised.
    pub dense: Vec<f32>,
    /// `[count][columns / 4]`: four quants, what one lane multiplies at once.
    pub quants: Vec<[i8; 4]>,
    /// `[count][groups]`, of the weights' groups.
    pub groups: Vec<Group>,
}

/// What belongs to some neighbouring quants.
#[derive(Clone, Copy, Default)]
pub struct Group {
    pub scale: f32,
    /// Where the integer sum starts: `−zero Σ quant`.
    pub start: i32,
    /// What the weights' minimum is multiplied by: `scale Σ quant`.
    pub sum: f32,
}

impl Rows {
    /// `x`: `[count][columns]`.
    pub fn new(x: &[f32], columns: usize, format: Format) -> Self {
        let mut rows = Rows {
            count: x.len() / columns,
            columns,
            dense: Vec::new(),
            quants: Vec::new(),
            groups: Vec::new(),
        };
        let quantization = Quantization::of(format);
        if quantization == Quantization::Dense {
            rows.dense = x.to_vec();
            return rows;
        }
        let (group_size, zero) = (format.group_size(), i32::from(format.zero()));
        rows.quants = vec![[0; 4]; x.len() / 4];
        rows.groups = vec![Group::default(); x.len() / group_size];
        x.par_chunks_exact(columns)
            .zip(rows.quants.par_chunks_exact_mut(columns / 4))
            .zip(rows.groups.par_chunks_exact_mut(columns / group_size))
            .with_min_len(ROWS_A_THREAD)
            .for_each(|((x, quants), groups)| {
                let quants = quants.as_flattened_mut();
                quantize(x, quantization, group_size, zero, quants, groups);
            });
        rows
    }
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq",
    "x86_64+avx2+fma"
))]
fn quantize(
    x: &[f32],
    quantization: Quantization,
    group_size: usize,
    zero: i32,
    quants: &mut [i8],
    groups: &mut [Group],
) {
    let size = match quantization {
        Quantization::Large => 256,
        _ => 32,
    };
    let blocks = x.chunks_exact(size).zip(quants.chunks_exact_mut(size));
    for ((x, quants), groups) in blocks.zip(groups.chunks_exact_mut(size / group_size)) {
        let (scale, inverse) = match quantization {
            Quantization::Large => large_scale(x),
            _ => small_scale(x),
        };
        for (quant, x) in quants.iter_mut().zip(x) {
            *quant = (x * inverse).round_ties_even().min(127.0) as i8;
        }
        for (group, quants) in groups.iter_mut().zip(quants.chunks_exact(group_size)) {
            let sum: i32 = quants.iter().map(|quant| i32::from(*quant)).sum();
            group.start = -zero * sum;
            (group.scale, group.sum) = match quantization {
                Quantization::Large => (scale, scale * sum as f32),
                _ => (half(scale), half(scale * sum as f32)),
            };
        }
    }
}

/// The scale that brings the greatest value to ±127, and what the values are multiplied by.
#[inline(always)]
fn small_scale(x: &[f32]) -> (f32, f32) {
    let greatest = x.iter().fold(0f32, |max, x| max.max(x.abs()));
    let inverse = if greatest == 0.0 {
        0.0
    } else {
        127.0 / greatest
    };
    (greatest / 127.0, inverse)
}

/// The same, but the sign is such that the greatest becomes −127.
#[inline(always)]
fn large_scale(x: &[f32]) -> (f32, f32) {
    let size = x.iter().fold(0f32, |max, x| max.max(x.abs()));
    if size == 0.0 {
        return (0.0, 0.0);
    }
    let greatest = x.iter().find(|x| x.abs() == size).map_or(size, |x| *x);
    let inverse = -127.0 / greatest;
    (1.0 / inverse, inverse)
}

#[inline(always)]
fn half(x: f32) -> f32 {
    f16::from_f32(x).to_f32()
}
