//! One register of 512 bits each, and the VNNI instruction for four products and their sum a lane.
#![allow(unsafe_code)]

use super::kernel::{LANES, Machine, PanelProduct};
use crate::model::weights::Format;
use std::arch::x86_64::*;

/// # Safety
/// The machine has AVX-512 F, BW and VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub unsafe fn run(product: PanelProduct, format: Format) {
    product.run::<Avx512>(format);
}

struct Avx512;

// SAFETY (of all blocks): only `run` computes with this type, where the machine has the
// instructions; pointers come from references to as many bytes as are read or written.
impl Machine for Avx512 {
    type Bytes = __m512i;
    type Ints = __m512i;
    type Floats = __m512;

    #[inline(always)]
    fn bytes(from: &[u8; 64]) -> __m512i {
        unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
    }
    #[inline(always)]
    fn nibbles(from: &[u8; 64]) -> (__m512i, __m512i) {
        unsafe {
            let both = _mm512_loadu_si512(from.as_ptr().cast());
            let low = _mm512_set1_epi8(15);
            let high = _mm512_srli_epi16::<4>(both);
            (_mm512_and_si512(both, low), _mm512_and_si512(high, low))
        }
    }
    #[inline(always)]
    fn add_where(bytes: __m512i, mask: u64, amount: u8) -> __m512i {
        unsafe { _mm512_mask_add_epi8(bytes, mask, bytes, _mm512_set1_epi8(amount as i8)) }
    }
    #[inline(always)]
    fn ints(x: i32) -> __m512i {
        unsafe { _mm512_set1_epi32(x) }
    }
    #[inline(always)]
    fn dot(sums: __m512i, weights: __m512i, quants: [i8; 4]) -> __m512i {
        let quants = i32::from_le_bytes(quants.map(|quant| quant as u8));
        unsafe { _mm512_dpbusd_epi32(sums, weights, _mm512_set1_epi32(quants)) }
    }
    #[inline(always)]
    fn to_floats(x: __m512i) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(x) }
    }
    #[inline(always)]
    fn halves(from: &[u8; 32]) -> __m512 {
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().cast())) }
    }
    #[inline(always)]
    fn factors(from: &[u8; 16]) -> __m512 {
        unsafe {
            let bytes = _mm_loadu_si128(from.as_ptr().cast());
            _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))
        }
    }
    #[inline(always)]
    fn floats(from: &[u8; 64]) -> __m512 {
        unsafe { _mm512_loadu_ps(from.as_ptr().cast()) }
    }
    #[inline(always)]
    fn splat(x: f32) -> __m512 {
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    fn add(x: __m512, y: __m512) -> __m512 {
        unsafe { _mm512_add_ps(x, y) }
    }
    #[inline(always)]
    fn mul(x: __m512, y: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(x, y) }
    }
    #[inline(always)]
    fn store(x: __m512, to: &mut [f32; LANES]) {
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), x) }
    }
}
