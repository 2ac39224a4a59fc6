//! Elementary functions that give the same bits on every machine: no function of a library that may be
//! another one elsewhere, one order of summation.

/// Lanes of a sum: fixed, so that the order of additions does not depend on the registers.
pub const LANES: usize = 16;

/// `e^r` for `|r| ≤ ln 2 / 2` to 4e-16 of itself, the highest power first: the polynomial of degree 10 that
/// is nearest by Chebyshev's measure.
pub const EXP: [f64; 11] = [
    2.762635737968284e-7,
    2.764018096215644e-6,
    2.4801504346665615e-5,
    0.0001984117027004143,
    0.001388888893248886,
    0.008333333385668096,
    0.04166666666657314,
    0.16666666666554403,
    0.5000000000000006,
    1.0000000000000067,
    1.0,
];

/// 1.5 * 2^52: adding it leaves a number, rounded, in the low bits of the mantissa.
pub const ROUND: f64 = 6_755_399_441_055_744.0;

/// e^x: `x = n ln 2 + r`, and a polynomial in r, in f64, so that what is rounded to f32 at the end is as good
/// as exact. For −87 ≤ x ≤ 88; beyond, the value at the nearer end. Fused multiply-adds
/// round alike on every machine that has them, and elsewhere the library computes the same.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = f64::from(if x > -87.0 { x } else { -87.0 });
    let x = if x < 88.0 { x } else { 88.0 };
    let shifted = x.mul_add(std::f64::consts::LOG2_E, ROUND);
    let r = (shifted - ROUND).mul_add(-std::f64::consts::LN_2, x);
    let mut p = EXP[0];
    for coefficient in &EXP[1..] {
        p = p.mul_add(r, *coefficient);
    }
    (p * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)) as f32
}

/// e^x to 2e-7 of itself, for sums of many: Taylor's polynomial of degree 6 in f32. From −87 down, and of
/// what is no number, e^−87; from 88 up e^88.
#[inline(always)]
pub fn quick_exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23
    // ln 2 in two parts, the first with zeros at its end, so that its multiples are exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const COEFFICIENTS: [f32; 6] = [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let x = if x > -87.0 { x } else { -87.0 };
    let x = if x < 88.0 { x } else { 88.0 };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2[0] - n * LN_2[1];
    let mut p = 1.0 / 720.0;
    for coefficient in COEFFICIENTS {
        p = p * r + coefficient;
    }
    p * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The error function to 1.5e-7: Abramowitz and Stegun, 7.1.26.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    const COEFFICIENTS: [f32; 5] = [
        1.061_405_4,
        -1.453_152,
        1.421_413_8,
        -0.284_496_74,
        0.254_829_6,
    ];
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let mut p = 0.0;
    for coefficient in COEFFICIENTS {
        p = (p + coefficient) * t;
    }
    (1.0 - p * exp(-x * x)).copysign(x)
}

/// `x/2 (1 + tanh(z))` with `z = sqrt(2/π) (x + 0.044715 x³)`, as `x sigmoid(2 z)`, which is the same.
#[inline(always)]
pub fn gelu_tanh(x: f32) -> f32 {
    const TWICE: f32 = 1.595_769_2; // 2 sqrt(2/π)
    x * sigmoid(TWICE * (x + 0.044_715 * x * x * x))
}

/// The greatest of the values; −∞ of none.
#[inline(always)]
pub fn maximum(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for (max, &x) in lanes.iter_mut().zip(chunk) {
            *max = if x > *max { x } else { *max };
        }
    }
    lanes
        .iter()
        .chain(rest)
        .fold(f32::NEG_INFINITY, |max, &x| if x > max { x } else { max })
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn exp_is_the_nearest_float() {
        for i in -8700..=8800 {
            let x = i as f32 / 100.0;
            let exact = f64::from(x).exp();
            assert_eq!(exp(x), exact as f32, "exp({x})");
        }
        assert!(exp(-1e9) < 1e-37 && exp(1e9).is_finite());
    }

    #[test]
    fn quick_exp_is_near() {
        for i in -8700..=8800 {
            let x = i as f32 / 100.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(quick_exp(x)) - exact).abs() / exact;
            assert!(error < 3e-7, "exp({x}) is off by {error}");
        }
        assert!(quick_exp(f32::NEG_INFINITY) < 1e-37 && quick_exp(f32::NAN) < 1e-37);
    }

    #[test]
    fn erf_is_odd_and_near_its_table() {
        // Abramowitz and Stegun, table 7.1.
        let table = [
            (0.1, 0.112_462_9),
            (0.5, 0.520_499_9),
            (1.0, 0.842_700_8),
            (2.0, 0.995_322_3),
        ];
        for (x, expected) in table {
            assert!((erf(x) - expected).abs() < 5e-7, "erf({x}) is {}", erf(x));
            assert_eq!(erf(-x), -erf(x));
        }
        assert!((erf(30.0) - 1.0).abs() < 1e-7 && erf(0.0).abs() < 1e-7);
    }
}
