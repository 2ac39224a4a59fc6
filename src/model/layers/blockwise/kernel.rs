//! The product of some rows with a panel of sixteen of a matrix's rows, one lane each.
//!
//! A group's integers are exact; `Σ_groups scale · rows' scale · integer + minimum · rows' sum` is
//! added up in the order of the groups, on every machine and for any number of rows, so that a row
//! gets the same bits in whatever company.

use super::rows::{Group, Rows};
use crate::model::weights::Format;

/// Rows of a matrix that a panel holds.
pub const LANES: usize = 16;
/// Rows of activations that a kernel takes at once: their sums and a group's weights fill the
/// registers of AVX-512.
pub const TOGETHER: usize = 8;
/// Steps of a group: four quants of each lane are multiplied at a time.
const MOST_STEPS: usize = 8;

/// Registers of a machine: sixty-four bytes, sixteen integers, sixteen floats. The methods may only
/// run where the machine has the instructions; `super::machine` sees to that.
pub trait Machine {
    type Bytes: Copy;
    type Ints: Copy;
    type Floats: Copy;

    fn bytes(from: &[u8; 64]) -> Self::Bytes;
    /// The low halves of the bytes, and the high ones.
    fn nibbles(from: &[u8; 64]) -> (Self::Bytes, Self::Bytes);
    /// Adds `amount` to the bytes whose bit is set.
    fn add_where(bytes: Self::Bytes, mask: u64, amount: u8) -> Self::Bytes;
    fn ints(x: i32) -> Self::Ints;
    /// Adds to each lane `Σ_i weights[4 lane + i] · quants[i]`.
    fn dot(sums: Self::Ints, weights: Self::Bytes, quants: [i8; 4]) -> Self::Ints;
    fn to_floats(x: Self::Ints) -> Self::Floats;
    /// Sixteen numbers of 16 bits.
    fn halves(from: &[u8; 32]) -> Self::Floats;
    /// Sixteen signed bytes.
    fn factors(from: &[u8; 16]) -> Self::Floats;
    /// Sixteen numbers of 32 bits.
    fn floats(from: &[u8; 64]) -> Self::Floats;
    fn splat(x: f32) -> Self::Floats;
    fn add(x: Self::Floats, y: Self::Floats) -> Self::Floats;
    fn mul(x: Self::Floats, y: Self::Floats) -> Self::Floats;
    fn store(x: Self::Floats, to: &mut [f32; LANES]);
}

/// How a panel is laid out: for each block the scales of its sixteen rows (16 bits each) and
/// perhaps the minimums, then for each group perhaps its factors (8 bits), the same for the
/// minimums, and the quants. Quants of four to six bits are nibbles, step `s` in the low halves and
/// `s + steps/2` in the high ones, and for each bit more a mask a step.
pub trait Layout {
    const BITS: usize;
    const GROUP: usize;
    const GROUPS: usize;
    const MINIMUMS: bool;

    const FACTORS: bool = Self::GROUPS > 1;
    const STEPS: usize = Self::GROUP / 4;
    const QUANT_BYTES: usize = if Self::BITS == 8 {
        Self::STEPS * 64
    } else {
        Self::STEPS * 32
    };
    const MASKS: usize = if Self::BITS == 8 { 0 } else { Self::BITS - 4 };
    const FACTOR_BYTES: usize = match (Self::FACTORS, Self::MINIMUMS) {
        (false, _) => 0,
        (true, false) => 16,
        (true, true) => 32,
    };
    const GROUP_BYTES: usize =
        Self::FACTOR_BYTES + Self::QUANT_BYTES + Self::MASKS * Self::STEPS * 8;
    const SCALE_BYTES: usize = if Self::MINIMUMS { 64 } else { 32 };
    const BLOCK_BYTES: usize = Self::SCALE_BYTES + Self::GROUPS * Self::GROUP_BYTES;
}

macro_rules! layout {
    ($name:ident, $bits:literal, $group:literal * $groups:literal, $minimums:literal) => {
        pub struct $name;
        impl Layout for $name {
            const BITS: usize = $bits;
            const GROUP: usize = $group;
            const GROUPS: usize = $groups;
            const MINIMUMS: bool = $minimums;
        }
    };
}

layout!(Four, 4, 32 * 1, false);
layout!(FourWithMinimum, 4, 32 * 1, true);
layout!(Five, 5, 32 * 1, false);
layout!(FiveWithMinimum, 5, 32 * 1, true);
layout!(Eight, 8, 32 * 1, false);
layout!(FourOf256, 4, 32 * 8, true);
layout!(FiveOf256, 5, 32 * 8, true);
layout!(SixOf256, 6, 16 * 16, false);

/// What is done with the layout of a format.
pub trait WithLayout {
    type Output;
    fn quants<L: Layout>(self) -> Self::Output;
    /// For a panel of floats, `[columns][LANES]`.
    fn dense(self) -> Self::Output;
}

#[inline(always)]
pub fn with_layout<W: WithLayout>(format: Format, with: W) -> W::Output {
    match format {
        Format::F32 | Format::F16 | Format::BF16 => with.dense(),
        Format::Q4_0 => with.quants::<Four>(),
        Format::Q4_1 => with.quants::<FourWithMinimum>(),
        Format::Q5_0 => with.quants::<Five>(),
        Format::Q5_1 => with.quants::<FiveWithMinimum>(),
        Format::Q8_0 => with.quants::<Eight>(),
        Format::Q4_K => with.quants::<FourOf256>(),
        Format::Q5_K => with.quants::<FiveOf256>(),
        Format::Q6_K => with.quants::<SixOf256>(),
    }
}

/// Products of all rows with one panel.
pub struct PanelProduct<'a> {
    pub panel: &'a [u8],
    pub rows: &'a Rows,
    /// `[rows][LANES]`.
    pub out: &'a mut [[f32; LANES]],
}

impl PanelProduct<'_> {
    /// On the machine whose registers are `M`'s.
    #[inline(always)]
    pub fn run<M: Machine>(self, format: Format) {
        with_layout(format, On::<M>(self, std::marker::PhantomData));
    }
}

struct On<'a, M>(PanelProduct<'a>, std::marker::PhantomData<M>);

impl<M: Machine> WithLayout for On<'_, M> {
    type Output = ();

    #[inline(always)]
    fn quants<L: Layout>(self) {
        let PanelProduct { panel, rows, out } = self.0;
        let mut first = 0;
        while first < out.len() {
            let (done, out) = (first, &mut out[first..]);
            first += match out.len() {
                TOGETHER.. => quants::<M, L, TOGETHER>(panel, rows, done, out),
                4.. => quants::<M, L, 4>(panel, rows, done, out),
                2.. => quants::<M, L, 2>(panel, rows, done, out),
                _ => quants::<M, L, 1>(panel, rows, done, out),
            };
        }
    }

    #[inline(always)]
    fn dense(self) {
        let PanelProduct { panel, rows, out } = self.0;
        let mut first = 0;
        while first < out.len() {
            let (done, out) = (first, &mut out[first..]);
            first += match out.len() {
                TOGETHER.. => dense::<M, TOGETHER>(panel, rows, done, out),
                4.. => dense::<M, 4>(panel, rows, done, out),
                _ => dense::<M, 1>(panel, rows, done, out),
            };
        }
    }
}

/// Of `ROWS` rows from `first` on; returns `ROWS`.
#[inline(always)]
fn quants<M: Machine, L: Layout, const ROWS: usize>(
    panel: &[u8],
    rows: &Rows,
    first: usize,
    out: &mut [[f32; LANES]],
) -> usize {
    let (steps, groups) = (rows.columns / 4, rows.columns / L::GROUP);
    let mut row_quants: [&[[i8; 4]]; ROWS] = [&[]; ROWS];
    let mut row_groups: [&[Group]; ROWS] = [&[]; ROWS];
    for row in 0..ROWS {
        row_quants[row] = &rows.quants[(first + row) * steps..][..steps];
        row_groups[row] = &rows.groups[(first + row) * groups..][..groups];
    }
    let mut sums = [M::splat(0.0); ROWS];
    for (block, bytes) in panel.chunks_exact(L::BLOCK_BYTES).enumerate() {
        let (scales, of_groups) = bytes.split_at(L::SCALE_BYTES);
        let block_scale = M::halves(array(scales, 0));
        let block_minimum = if L::MINIMUMS {
            M::halves(array(scales, 32))
        } else {
            M::splat(0.0)
        };
        for (within, bytes) in of_groups.chunks_exact(L::GROUP_BYTES).enumerate() {
            let group = block * L::GROUPS + within;
            let (mut scale, mut minimum) = (block_scale, block_minimum);
            if L::FACTORS {
                scale = M::mul(scale, M::factors(array(bytes, 0)));
                if L::MINIMUMS {
                    minimum = M::mul(minimum, M::factors(array(bytes, 16)));
                }
            }
            let weights = unpack::<M, L>(&bytes[L::FACTOR_BYTES..]);
            for row in 0..ROWS {
                let quants = &row_quants[row][group * L::STEPS..][..L::STEPS];
                let of_row = row_groups[row][group];
                let mut sum = M::ints(of_row.start);
                for step in 0..L::STEPS {
                    sum = M::dot(sum, weights[step], quants[step]);
                }
                let scale = M::mul(scale, M::splat(of_row.scale));
                sums[row] = M::add(sums[row], M::mul(M::to_floats(sum), scale));
                if L::MINIMUMS {
                    sums[row] = M::add(sums[row], M::mul(minimum, M::splat(of_row.sum)));
                }
            }
        }
    }
    for (sum, out) in sums.into_iter().zip(out) {
        M::store(sum, out);
    }
    ROWS
}

/// The quants of a group, a register a step.
#[inline(always)]
fn unpack<M: Machine, L: Layout>(bytes: &[u8]) -> [M::Bytes; MOST_STEPS] {
    let mut steps = [M::bytes(&[0; 64]); MOST_STEPS];
    if L::BITS == 8 {
        for (step, quants) in steps.iter_mut().enumerate().take(L::STEPS) {
            *quants = M::bytes(array(bytes, step * 64));
        }
        return steps;
    }
    for step in 0..L::STEPS / 2 {
        (steps[step], steps[step + L::STEPS / 2]) = M::nibbles(array(bytes, step * 64));
    }
    for bit in 0..L::MASKS {
        let masks = &bytes[L::QUANT_BYTES + bit * L::STEPS * 8..];
        for (step, quants) in steps.iter_mut().enumerate().take(L::STEPS) {
            let mask = u64::from_le_bytes(*array(masks, step * 8));
            *quants = M::add_where(*quants, mask, 16 << bit);
        }
    }
    steps
}

/// The same for floats, column by column.
#[inline(always)]
fn dense<M: Machine, const ROWS: usize>(
    panel: &[u8],
    rows: &Rows,
    first: usize,
    out: &mut [[f32; LANES]],
) -> usize {
    let mut sums = [M::splat(0.0); ROWS];
    let (weights, _) = panel.as_chunks::<64>();
    let rows = &rows.dense[first * rows.columns..][..ROWS * rows.columns];
    for (column, weights) in weights.iter().enumerate() {
        let weights = M::floats(weights);
        for (row, sum) in sums.iter_mut().enumerate() {
            let x = M::splat(rows[row * (rows.len() / ROWS) + column]);
            *sum = M::add(*sum, M::mul(weights, x));
        }
    }
    for (sum, out) in sums.into_iter().zip(out) {
        M::store(sum, out);
    }
    ROWS
}

/// `N` bytes from `at` on. The layouts are such that they are there; were they not, it reads zeros.
#[inline(always)]
fn array<const N: usize>(bytes: &[u8], at: usize) -> &[u8; N] {
    bytes
        .get(at..)
        .and_then(|bytes| bytes.first_chunk::<N>())
        .unwrap_or(&[0; N])
}
