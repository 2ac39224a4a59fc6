//! Sixteen floats at a time, the same arithmetic on every machine: one AVX-512 register, two AVX2
//! ones, or an array. Sums of products round twice, as the engines do that these models were made for,
//! not once as a fused multiply-add would.
#![allow(unsafe_code)]

#[cfg(test)]
mod test;
#[cfg(target_arch = "x86_64")]
mod x86;

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
    /// `self · by + plus`, rounded once.
    fn mul_add(self, by: Self, plus: Self) -> Self;
    /// Lane `i` of row `j` becomes lane `j` of row `i`.
    fn transpose(rows: [Self; LANES]) -> [Self; LANES];
    /// e^x of every lane, the bits of [`math::exp`].
    fn exp(self) -> Self;
    /// The greatest lane.
    fn maximum(self) -> f32;
}

/// What many numbers are divided by.
#[derive(Clone, Copy)]
pub struct Divisor<V> {
    divisor: V,
    /// Its reciprocal, rounded.
    reciprocal: V,
    /// Whether the reciprocal is a number to count with.
    is_ordinary: bool,
}

impl<V: Floats> Divisor<V> {
    #[inline(always)]
    pub fn new(divisor: f32) -> Self {
        let reciprocal = 1.0 / divisor;
        Divisor {
            divisor: V::splat(divisor),
            reciprocal: V::splat(reciprocal),
            is_ordinary: divisor.is_normal() && reciprocal.is_normal(),
        }
    }

    /// The quotient: the product with the reciprocal, corrected by what is left of the dividend (Markstein 1990).
    /// Of finite numbers it is the division's to the bit, but where what is left is too small for a float
    /// with all its digits, or the quotient too great for one. A divider takes four times as long.
    #[inline(always)]
    pub fn divide(self, x: V) -> V {
        if !self.is_ordinary {
            return x.div(self.divisor);
        }
        let quotient = x.mul(self.reciprocal);
        let left = V::splat(0.0).sub(quotient).mul_add(self.divisor, x);
        left.mul_add(self.reciprocal, quotient)
    }
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
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the machine has AVX2 and FMA.
            return unsafe { x86::run_avx2(work) };
        }
    }
    work.run::<[f32; LANES]>();
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
    #[inline(always)]
    fn mul_add(self, by: Self, plus: Self) -> Self {
        std::array::from_fn(|i| self[i].mul_add(by[i], plus[i]))
    }
    #[inline(always)]
    fn transpose(rows: [Self; LANES]) -> [Self; LANES] {
        std::array::from_fn(|i| std::array::from_fn(|j| rows[j][i]))
    }
    #[inline(always)]
    fn exp(self) -> Self {
        self.map(math::exp)
    }
    #[inline(always)]
    fn maximum(self) -> f32 {
        math::maximum(&self)
    }
}

/// The types of vectors that this machine has.
#[cfg(test)]
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Type {
    Portable,
    Avx2,
    Widest,
}

#[cfg(test)]
impl Type {
    pub fn all() -> Vec<Type> {
        let mut all = vec![Type::Portable, Type::Widest];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            all.push(Type::Avx2);
        }
        all
    }

    pub fn run(self, work: impl Work) {
        match self {
            Type::Portable => work.run::<[f32; LANES]>(),
            Type::Widest => dispatch(work),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `all` has it only where the machine has both.
            Type::Avx2 => unsafe { x86::run_avx2(work) },
            #[cfg(not(target_arch = "x86_64"))]
            Type::Avx2 => unreachable!("there is no AVX2 here"),
        }
    }
}
