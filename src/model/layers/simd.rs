//! Sixteen floats at a time, the same arithmetic on every machine: one AVX-512 register, two AVX2
//! ones, or an array. No fused multiply-add, which not every machine has and which rounds once
//! where the others round twice.
#![allow(unsafe_code)]

use super::math;

pub const LANES: usize = 16;

/// Sixteen floats. Methods of the vector types may only run where the machine has their
/// instructions; [`dispatch`] sees to that.
pub trait Floats: Copy {
    fn splat(x: f32) -> Self;
    fn load(from: &[f32; LANES]) -> Self;
    fn store(self, to: &mut [f32; LANES]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
}

/// Work that is generic over the vector type.
pub trait Work {
    fn run<V: Floats>(self);
}

/// Runs the work with the widest vectors of this machine.
pub fn dispatch(work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the machine has AVX-512 F.
            return unsafe { x86::run_avx512(work) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has AVX2.
            return unsafe { x86::run_avx2(work) };
        }
    }
    work.run::<[f32; LANES]>();
}

#[inline(always)]
pub fn maximum<V: Floats>(x: V) -> f32 {
    let mut lanes = [0f32; LANES];
    x.store(&mut lanes);
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            let other = lanes[lane + half];
            if other > lanes[lane] {
                lanes[lane] = other;
            }
        }
        half /= 2;
    }
    lanes[0]
}

/// e^x of every lane.
#[inline(always)]
pub fn exp<V: Floats>(x: V) -> V {
    let mut lanes = [0f32; LANES];
    x.store(&mut lanes);
    for lane in &mut lanes {
        *lane = math::exp(*lane);
    }
    V::load(&lanes)
}

impl Floats for [f32; LANES] {
    #[inline(always)]
    fn splat(x: f32) -> Self {
        [x; LANES]
    }
    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self {
        *from
    }
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        *to = self;
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] + other[i])
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] - other[i])
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] * other[i])
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        std::array::from_fn(|i| {
            if self[i] > other[i] {
                self[i]
            } else {
                other[i]
            }
        })
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        std::array::from_fn(|i| self[i] / other[i])
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Floats, LANES, Work};
    use std::arch::x86_64::*;

    /// # Safety
    /// The machine has AVX-512 F.
    #[target_feature(enable = "avx512f")]
    pub unsafe fn run_avx512(work: impl Work) {
        work.run::<Avx512>();
    }

    /// # Safety
    /// The machine has AVX2.
    #[target_feature(enable = "avx2")]
    pub unsafe fn run_avx2(work: impl Work) {
        work.run::<Avx2>();
    }

    #[derive(Clone, Copy)]
    pub struct Avx512(__m512);

    #[derive(Clone, Copy)]
    pub struct Avx2(__m256, __m256);

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
    }
}

#[cfg(test)]
mod test {
    use super::*;

    struct Exp<'a>(&'a [f32; LANES], &'a mut [f32; LANES]);

    impl Work for Exp<'_> {
        fn run<V: Floats>(self) {
            exp(V::load(self.0)).store(self.1);
        }
    }

    #[test]
    fn exp_is_the_nearest_float_in_every_type() {
        for i in -550..=550 {
            let x: [f32; LANES] =
                std::array::from_fn(|lane| (i as f32 + lane as f32 / 16.0) * 0.158);
            let mut y = [0.0; LANES];
            dispatch(Exp(&x, &mut y));
            let mut portable = [0.0; LANES];
            Exp(&x, &mut portable).run::<[f32; LANES]>();
            assert_eq!(y, portable);
            for (x, y) in x.iter().zip(y) {
                let exact = f64::from(*x).exp();
                assert_eq!(y, exact as f32, "exp({x})");
            }
        }
        assert!(exp([-1e9; LANES])[0] < 1e-37 && exp([1e9; LANES])[0].is_finite());
    }
}
