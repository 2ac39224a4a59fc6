//! Two registers of 256 bits each.
#![allow(unsafe_code)]

use super::kernel::{LANES, Machine, PanelProduct};
use crate::model::weights::Format;
use std::arch::x86_64::*;

/// # Safety
/// The machine has AVX2 and F16C.
#[target_feature(enable = "avx2,f16c")]
pub unsafe fn run(product: PanelProduct, format: Format) {
    product.run::<Avx2>(format);
}

struct Avx2;

// SAFETY (of all blocks): only `run` computes with this type, where the machine has the
// instructions; pointers come from references to as many bytes as are read or written.
impl Machine for Avx2 {
    type Bytes = [__m256i; 2];
    type Ints = [__m256i; 2];
    type Floats = [__m256; 2];

    #[inline(always)]
    fn bytes(from: &[u8; 64]) -> [__m256i; 2] {
        let from: *const __m256i = from.as_ptr().cast();
        unsafe { [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))] }
    }
    #[inline(always)]
    fn nibbles(from: &[u8; 64]) -> ([__m256i; 2], [__m256i; 2]) {
        let [a, b] = Self::bytes(from);
        unsafe {
            let low = _mm256_set1_epi8(15);
            (
                [_mm256_and_si256(a, low), _mm256_and_si256(b, low)],
                [
                    _mm256_and_si256(_mm256_srli_epi16::<4>(a), low),
                    _mm256_and_si256(_mm256_srli_epi16::<4>(b), low),
                ],
            )
        }
    }
    #[inline(always)]
    fn add_where(bytes: [__m256i; 2], mask: u64, amount: u8) -> [__m256i; 2] {
        [
            add_where(bytes[0], mask as u32, amount),
            add_where(bytes[1], (mask >> 32) as u32, amount),
        ]
    }
    #[inline(always)]
    fn ints(x: i32) -> [__m256i; 2] {
        unsafe { [_mm256_set1_epi32(x); 2] }
    }
    #[inline(always)]
    fn dot(sums: [__m256i; 2], weights: [__m256i; 2], quants: [i8; 4]) -> [__m256i; 2] {
        let quants = i32::from_le_bytes(quants.map(|quant| quant as u8));
        let quants = unsafe { _mm256_set1_epi32(quants) };
        [
            dot(sums[0], weights[0], quants),
            dot(sums[1], weights[1], quants),
        ]
    }
    #[inline(always)]
    fn to_floats(x: [__m256i; 2]) -> [__m256; 2] {
        unsafe { [_mm256_cvtepi32_ps(x[0]), _mm256_cvtepi32_ps(x[1])] }
    }
    #[inline(always)]
    fn halves(from: &[u8; 32]) -> [__m256; 2] {
        let from: *const __m128i = from.as_ptr().cast();
        unsafe {
            [
                _mm256_cvtph_ps(_mm_loadu_si128(from)),
                _mm256_cvtph_ps(_mm_loadu_si128(from.add(1))),
            ]
        }
    }
    #[inline(always)]
    fn factors(from: &[u8; 16]) -> [__m256; 2] {
        unsafe {
            let bytes = _mm_loadu_si128(from.as_ptr().cast());
            Self::to_floats([
                _mm256_cvtepi8_epi32(bytes),
                _mm256_cvtepi8_epi32(_mm_srli_si128::<8>(bytes)),
            ])
        }
    }
    #[inline(always)]
    fn floats(from: &[u8; 64]) -> [__m256; 2] {
        let from: *const f32 = from.as_ptr().cast();
        unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
    }
    #[inline(always)]
    fn splat(x: f32) -> [__m256; 2] {
        unsafe { [_mm256_set1_ps(x); 2] }
    }
    #[inline(always)]
    fn add(x: [__m256; 2], y: [__m256; 2]) -> [__m256; 2] {
        unsafe { [_mm256_add_ps(x[0], y[0]), _mm256_add_ps(x[1], y[1])] }
    }
    #[inline(always)]
    fn mul(x: [__m256; 2], y: [__m256; 2]) -> [__m256; 2] {
        unsafe { [_mm256_mul_ps(x[0], y[0]), _mm256_mul_ps(x[1], y[1])] }
    }
    #[inline(always)]
    fn store(x: [__m256; 2], to: &mut [f32; LANES]) {
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr(), x[0]);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), x[1]);
        }
    }
}

/// Each byte looks at its own bit of the mask.
#[inline(always)]
fn add_where(bytes: __m256i, mask: u32, amount: u8) -> __m256i {
    unsafe {
        let spread = _mm256_setr_epi8(
            0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3,
            3, 3, 3,
        );
        let bits = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
        let mask = _mm256_shuffle_epi8(_mm256_set1_epi32(mask as i32), spread);
        let set = _mm256_cmpeq_epi8(_mm256_and_si256(mask, bits), bits);
        let amount = _mm256_set1_epi8(amount as i8);
        _mm256_add_epi8(bytes, _mm256_and_si256(set, amount))
    }
}

/// Products of unsigned and signed bytes are added up in 16 bits, which 255 · 127 · 2 would overflow:
/// the weights are multiplied in two parts, `2 ⌊w / 2⌋ + w mod 2`.
#[inline(always)]
fn dot(sums: __m256i, weights: __m256i, quants: __m256i) -> __m256i {
    unsafe {
        let ones = _mm256_set1_epi16(1);
        let upper = _mm256_and_si256(_mm256_srli_epi16::<1>(weights), _mm256_set1_epi8(127));
        let lowest = _mm256_and_si256(weights, _mm256_set1_epi8(1));
        let upper = _mm256_madd_epi16(_mm256_maddubs_epi16(upper, quants), ones);
        let lowest = _mm256_madd_epi16(_mm256_maddubs_epi16(lowest, quants), ones);
        let product = _mm256_add_epi32(_mm256_slli_epi32::<1>(upper), lowest);
        _mm256_add_epi32(sums, product)
    }
}
