//! The vectors of x86-64.

use super::{super::math, Floats, LANES, Work};
use std::{
    arch::x86_64::*,
    f64::consts::{LN_2, LOG2_E},
};

/// # Safety
/// The machine has AVX-512 F.
#[target_feature(enable = "avx512f")]
pub unsafe fn run_avx512(work: impl Work) {
    work.run::<Avx512>();
}

/// # Safety
/// The machine has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub unsafe fn run_avx2(work: impl Work) {
    work.run::<Avx2>();
}

#[derive(Clone, Copy)]
struct Avx512(__m512);

#[derive(Clone, Copy)]
struct Avx2(__m256, __m256);

// SAFETY of every block below: the type is named in `run_avx512` only, where the machine has
// the instructions; loads and stores are of sixteen floats and need no alignment.
impl Floats for Avx512 {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        Avx512(unsafe { _mm512_set1_ps(x) })
    }
    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        Avx512(unsafe { _mm512_loadu_ps(from.as_ptr()) })
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Avx512(unsafe { _mm512_add_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Avx512(unsafe { _mm512_sub_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Avx512(unsafe { _mm512_mul_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Avx512(unsafe { _mm512_max_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Avx512(unsafe { _mm512_div_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn mul_add(self, by: Self, plus: Self) -> Self {
        Avx512(unsafe { _mm512_fmadd_ps(self.0, by.0, plus.0) })
    }
    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        let mut a = rows;
        let mut b = rows;
        unsafe {
            // Pairs, fours, eights, and all sixteen.
            for i in (0..LANES).step_by(2) {
                b[i].0 = _mm512_unpacklo_ps(a[i].0, a[i + 1].0);
                b[i + 1].0 = _mm512_unpackhi_ps(a[i].0, a[i + 1].0);
            }
            for i in (0..LANES).step_by(4) {
                for j in 0..2 {
                    let upper = _mm512_castps_pd(b[i + j].0);
                    let lower = _mm512_castps_pd(b[i + j + 2].0);
                    let low = _mm512_unpacklo_pd(upper, lower);
                    let high = _mm512_unpackhi_pd(upper, lower);
                    a[i + 2 * j].0 = _mm512_castpd_ps(low);
                    a[i + 2 * j + 1].0 = _mm512_castpd_ps(high);
                }
            }
            for i in (0..LANES).step_by(8) {
                for j in 0..4 {
                    let (upper, lower) = (a[i + j].0, a[i + j + 4].0);
                    b[i + j].0 = _mm512_shuffle_f32x4::<0x88>(upper, lower);
                    b[i + j + 4].0 = _mm512_shuffle_f32x4::<0xdd>(upper, lower);
                }
            }
            for j in 0..8 {
                let (upper, lower) = (b[j].0, b[j + 8].0);
                a[j].0 = _mm512_shuffle_f32x4::<0x88>(upper, lower);
                a[j + 8].0 = _mm512_shuffle_f32x4::<0xdd>(upper, lower);
            }
        }
        a
    }
    #[inline(always)]
    fn exp(self) -> Self {
        unsafe {
            let x = _mm512_max_ps(self.0, _mm512_set1_ps(-87.0));
            let x = _mm512_min_ps(x, _mm512_set1_ps(88.0));
            let low = _mm512_castps512_ps256(x);
            let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(x)));
            let low = _mm256_castps_pd(exp_avx512(low));
            let high = _mm256_castps_pd(exp_avx512(high));
            let both = _mm512_insertf64x4::<1>(_mm512_castpd256_pd512(low), high);
            Avx512(_mm512_castpd_ps(both))
        }
    }
    #[inline(always)]
    fn maximum(self) -> f32 {
        // What is no number is left out, wherever it stands.
        unsafe { _mm512_reduce_max_ps(_mm512_max_ps(self.0, _mm512_set1_ps(f32::NEG_INFINITY))) }
    }
}

// SAFETY: as above, with `run_avx2`.
impl Floats for Avx2 {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        let x = unsafe { _mm256_set1_ps(x) };
        Avx2(x, x)
    }
    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        unsafe {
            Avx2(
                _mm256_loadu_ps(from.as_ptr()),
                _mm256_loadu_ps(from.as_ptr().add(8)),
            )
        }
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr(), self.0);
            _mm256_storeu_ps(to.as_mut_ptr().add(8), self.1);
        }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        unsafe {
            Avx2(
                _mm256_add_ps(self.0, other.0),
                _mm256_add_ps(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        unsafe {
            Avx2(
                _mm256_sub_ps(self.0, other.0),
                _mm256_sub_ps(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        unsafe {
            Avx2(
                _mm256_mul_ps(self.0, other.0),
                _mm256_mul_ps(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        unsafe {
            Avx2(
                _mm256_max_ps(self.0, other.0),
                _mm256_max_ps(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        unsafe {
            Avx2(
                _mm256_div_ps(self.0, other.0),
                _mm256_div_ps(self.1, other.1),
            )
        }
    }
    #[inline(always)]
    fn mul_add(self, by: Self, plus: Self) -> Self {
        unsafe {
            Avx2(
                _mm256_fmadd_ps(self.0, by.0, plus.0),
                _mm256_fmadd_ps(self.1, by.1, plus.1),
            )
        }
    }
    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        let mut out = rows;
        for i in 0..8 {
            out[i] = Avx2(rows[i].0, rows[i + 8].0);
            out[i + 8] = Avx2(rows[i].1, rows[i + 8].1);
        }
        let (low, high) = out.split_at_mut(8);
        for eight in [low, high] {
            let quarters = |half: fn(&Avx2) -> __m256, eight: &[Avx2]| {
                // SAFETY: as above.
                unsafe { transpose_eight(std::array::from_fn(|i| half(&eight[i]))) }
            };
            let first = quarters(|x| x.0, eight);
            let second = quarters(|x| x.1, eight);
            for (out, (first, second)) in eight.iter_mut().zip(first.into_iter().zip(second)) {
                *out = Avx2(first, second);
            }
        }
        out
    }
    #[inline(always)]
    fn exp(self) -> Self {
        unsafe { Avx2(exp_avx2(self.0), exp_avx2(self.1)) }
    }
    #[inline(always)]
    fn maximum(self) -> f32 {
        let mut lanes = [0f32; LANES];
        self.store(&mut lanes);
        math::maximum(&lanes)
    }
}

/// [`math::exp`] of what lies between its limits.
///
/// # Safety
/// The machine has AVX-512 F.
#[inline(always)]
unsafe fn exp_avx512(x: __m256) -> __m256 {
    // SAFETY: the caller says so.
    unsafe {
        let x = _mm512_cvtps_pd(x);
        let round = _mm512_set1_pd(math::ROUND);
        let shifted = _mm512_fmadd_pd(x, _mm512_set1_pd(LOG2_E), round);
        let n = _mm512_sub_pd(shifted, round);
        let r = _mm512_fmadd_pd(n, _mm512_set1_pd(-LN_2), x);
        let mut p = _mm512_set1_pd(math::EXP[0]);
        for c in &math::EXP[1..] {
            p = _mm512_fmadd_pd(p, r, _mm512_set1_pd(*c));
        }
        _mm512_cvtpd_ps(_mm512_scalef_pd(p, n))
    }
}

/// # Safety
/// The machine has AVX2.
#[inline(always)]
unsafe fn transpose_eight(mut a: [__m256; 8]) -> [__m256; 8] {
    let mut b = a;
    // SAFETY: the caller says so.
    unsafe {
        for i in (0..8).step_by(2) {
            b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
            b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
        }
        for i in (0..8).step_by(4) {
            for j in 0..2 {
                let (upper, lower) = (b[i + j], b[i + j + 2]);
                a[i + 2 * j] = _mm256_shuffle_ps::<0x44>(upper, lower);
                a[i + 2 * j + 1] = _mm256_shuffle_ps::<0xee>(upper, lower);
            }
        }
        for j in 0..4 {
            b[j] = _mm256_permute2f128_ps::<0x20>(a[j], a[j + 4]);
            b[j + 4] = _mm256_permute2f128_ps::<0x31>(a[j], a[j + 4]);
        }
    }
    b
}

/// [`math::exp`].
///
/// # Safety
/// The machine has AVX2 and FMA.
#[inline(always)]
unsafe fn exp_avx2(x: __m256) -> __m256 {
    // SAFETY: the caller says so.
    unsafe {
        let x = _mm256_max_ps(x, _mm256_set1_ps(-87.0));
        let x = _mm256_min_ps(x, _mm256_set1_ps(88.0));
        let low = exp_avx2_half(_mm256_castps256_ps128(x));
        let high = exp_avx2_half(_mm256_extractf128_ps::<1>(x));
        _mm256_set_m128(high, low)
    }
}

/// [`math::exp`] of what lies between its limits.
///
/// # Safety
/// The machine has AVX2 and FMA.
#[inline(always)]
unsafe fn exp_avx2_half(x: __m128) -> __m128 {
    // SAFETY: the caller says so.
    unsafe {
        let x = _mm256_cvtps_pd(x);
        let round = _mm256_set1_pd(math::ROUND);
        let shifted = _mm256_fmadd_pd(x, _mm256_set1_pd(LOG2_E), round);
        let n = _mm256_sub_pd(shifted, round);
        let r = _mm256_fmadd_pd(n, _mm256_set1_pd(-LN_2), x);
        let mut p = _mm256_set1_pd(math::EXP[0]);
        for c in &math::EXP[1..] {
            p = _mm256_fmadd_pd(p, r, _mm256_set1_pd(*c));
        }
        let power = _mm256_add_epi64(_mm256_castpd_si256(shifted), _mm256_set1_epi64x(1023));
        let power = _mm256_castsi256_pd(_mm256_slli_epi64::<52>(power));
        _mm256_cvtpd_ps(_mm256_mul_pd(p, power))
    }
}
