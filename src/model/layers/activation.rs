//! What stands between the two products of a feed-forward layer.

use super::{math, with_values};
use candle_core::{Result, Tensor};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activation {
    None,
    Relu,
    /// `x sigmoid(x)`, also called swish.
    Silu,
    /// `x Φ(x)` with the normal distribution's Φ.
    Gelu,
    /// The same with a hyperbolic tangent in the place of Φ.
    GeluTanh,
}

/// As models' `config.json` name them.
const NAMES: [(&str, Activation); 8] = [
    ("relu", Activation::Relu),
    ("silu", Activation::Silu),
    ("swish", Activation::Silu),
    ("gelu", Activation::Gelu),
    ("gelu_python", Activation::Gelu),
    ("gelu_new", Activation::GeluTanh),
    ("gelu_fast", Activation::GeluTanh),
    ("gelu_pytorch_tanh", Activation::GeluTanh),
];

impl Activation {
    /// # Errors
    /// No function of that name is known here; the message says which are.
    pub fn named(name: &str) -> std::result::Result<Self, String> {
        let found = NAMES.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, activation)| activation).ok_or_else(|| {
            let known = NAMES.map(|(known, _)| known).join(", ");
            format!("the activation {name:?} is not known; these are: {known}")
        })
    }

    pub fn apply(self, values: &mut [f32]) {
        match self {
            Activation::None => {}
            Activation::Relu => relu(values),
            Activation::Silu => silu(values),
            Activation::Gelu => gelu(values),
            Activation::GeluTanh => gelu_tanh(values),
        }
    }

    pub fn forward(self, x: Tensor) -> Result<Tensor> {
        match self {
            Activation::None => Ok(x),
            Activation::Relu => x.relu(),
            _ => {
                let mut values = with_values(&x, <[f32]>::to_vec)?;
                self.apply(&mut values);
                Tensor::from_vec(values, x.shape(), x.device())
            }
        }
    }

    /// `f(gate) * linear` for rows of both side by side: `[rows, 2 d]` to `[rows, d]`.
    pub fn gated(self, x: &Tensor) -> Result<Tensor> {
        let (rows, columns) = x.dims2()?;
        let width = columns / 2;
        let mut out = Vec::with_capacity(rows * width);
        with_values(x, |x| {
            x.chunks_exact(columns)
                .for_each(|row| out.extend_from_slice(&row[..width]));
            self.apply(&mut out);
            let linear = x.chunks_exact(columns).map(|row| &row[width..]);
            for (out, linear) in out.chunks_exact_mut(width).zip(linear) {
                out.iter_mut().zip(linear).for_each(|(out, x)| *out *= x);
            }
        })?;
        Tensor::from_vec(out, (rows, width), x.device())
    }
}

fn relu(values: &mut [f32]) {
    for x in values {
        *x = if *x > 0.0 { *x } else { 0.0 };
    }
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq",
    "x86_64+avx2+fma"
))]
fn silu(values: &mut [f32]) {
    for x in values {
        *x *= math::sigmoid(*x);
    }
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq",
    "x86_64+avx2+fma"
))]
fn gelu(values: &mut [f32]) {
    for x in values {
        *x *= 0.5 * (1.0 + math::erf(*x * std::f32::consts::FRAC_1_SQRT_2));
    }
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq",
    "x86_64+avx2+fma"
))]
fn gelu_tanh(values: &mut [f32]) {
    for x in values {
        *x = math::gelu_tanh(*x);
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn every_function_keeps_to_its_table() {
        // (x, silu, gelu, gelu with tanh), from the definitions in double precision.
        let table: [(f32, [f32; 3]); 6] = [
            (-6.0, [-0.014_835_74, -5.919_525e-9, -8.439_6e-11]),
            (-1.3, [-0.278_414_5, -0.125_840_6, -0.126_071]),
            (0.0, [0.0, 0.0, 0.0]),
            (0.4, [0.239_475_06, 0.262_168_7, 0.262_161_2]),
            (2.0, [1.761_594_2, 1.954_499_7, 1.954_597_7]),
            (9.0, [8.998_889, 9.0, 9.0]),
        ];
        let functions = [Activation::Silu, Activation::Gelu, Activation::GeluTanh];
        for (x, expected) in table {
            for (function, expected) in functions.into_iter().zip(expected) {
                let mut y = [x];
                function.apply(&mut y);
                assert!(
                    (y[0] - expected).abs() < 2e-6,
                    "{function:?}({x}) is {}, not {expected}",
                    y[0]
                );
            }
        }
    }

    #[test]
    fn an_unknown_name_is_told_the_known_ones() {
        assert_eq!(Activation::named("swish"), Ok(Activation::Silu));
        let message = Activation::named("mish").unwrap_err();
        assert!(message.contains("\"mish\"") && message.contains("gelu_new"));
    }
}
