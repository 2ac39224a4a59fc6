use super::*;

/// What an operation makes of some numbers, in every type: the same.
fn in_every_type<const N: usize>(
    x: &[[f32; LANES]; N],
    work: impl Fn(&mut [[f32; LANES]; N], Type),
) -> [[f32; LANES]; N] {
    let mut outs = Type::all().into_iter().map(|ty| {
        let mut out = *x;
        work(&mut out, ty);
        (ty, out)
    });
    let (_, first) = outs.next().unwrap();
    for (ty, out) in outs {
        let bits = |out: &[[f32; LANES]; N]| {
            out.as_flattened()
                .iter()
                .map(|x| x.to_bits())
                .collect::<Vec<_>>()
        };
        assert_eq!(bits(&first), bits(&out), "{ty:?} of {x:?}");
    }
    first
}

struct Exp<'a>(&'a mut [[f32; LANES]; 1]);

impl Work for Exp<'_> {
    fn run<V: Floats>(self) {
        V::load(&self.0[0]).exp().store(&mut self.0[0]);
    }
}

#[test]
fn exp_is_the_nearest_float_in_every_type() {
    for i in -550..=550 {
        let x = std::array::from_fn(|lane| (i as f32 + lane as f32 / 16.0) * 0.158);
        let [y] = in_every_type(&[x], |x, ty| ty.run(Exp(x)));
        for (x, y) in x.iter().zip(y) {
            let exact = f64::from(*x).exp();
            assert_eq!(y, exact as f32, "exp({x})");
        }
    }
    for x in [-1e9, 1e9, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let [y] = in_every_type(&[[x; LANES]], |x, ty| ty.run(Exp(x)));
        assert_eq!(y, [math::exp(x); LANES]);
    }
}

struct Maximum<'a>(&'a mut [[f32; LANES]; 1]);

impl Work for Maximum<'_> {
    fn run<V: Floats>(self) {
        self.0[0] = [V::load(&self.0[0]).maximum(); LANES];
    }
}

#[test]
fn the_greatest_is_a_number_wherever_it_stands() {
    for lane in 0..LANES {
        for other in [f32::NAN, f32::NEG_INFINITY, -3.0] {
            let mut x = [other; LANES];
            x[lane] = 2.5;
            let [y] = in_every_type(&[x], |x, ty| ty.run(Maximum(x)));
            assert_eq!(y[0], 2.5);
            x.reverse();
            x[lane] = f32::NAN;
            in_every_type(&[x], |x, ty| ty.run(Maximum(x)));
        }
    }
}

struct Transpose<'a>(&'a mut [[f32; LANES]; LANES]);

impl Work for Transpose<'_> {
    fn run<V: Floats>(self) {
        let rows = V::transpose(std::array::from_fn(|i| V::load(&self.0[i])));
        for (row, to) in rows.into_iter().zip(self.0) {
            row.store(to);
        }
    }
}

#[test]
fn rows_become_columns_in_every_type() {
    let rows = std::array::from_fn(|i| std::array::from_fn(|j| (i * LANES + j) as f32));
    let turned = std::array::from_fn(|i| std::array::from_fn(|j| (j * LANES + i) as f32));
    let out = in_every_type(&rows, |rows, ty| ty.run(Transpose(rows)));
    assert_eq!(out, turned);
}

struct Divide<'a>(&'a mut [[f32; LANES]; 1], f32);

impl Work for Divide<'_> {
    fn run<V: Floats>(self) {
        Divisor::<V>::new(self.1)
            .divide(V::load(&self.0[0]))
            .store(&mut self.0[0]);
    }
}

#[test]
fn quotients_are_those_of_a_division() {
    let mut state = 7u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from_bits(state & 0x807f_ffff | 120 << 23 | (state >> 28) << 23)
    };
    for _ in 0..20_000 {
        let divisor = random();
        let x = std::array::from_fn(|_| random());
        let [y] = in_every_type(&[x], |x, ty| ty.run(Divide(x, divisor)));
        assert_eq!(y, x.map(|x| x / divisor), "{x:?} by {divisor}");
    }
    for divisor in [0.0, f32::INFINITY, f32::MIN_POSITIVE / 2.0] {
        let x = std::array::from_fn(|lane| lane as f32 + 1.0);
        let [y] = in_every_type(&[x], |x, ty| ty.run(Divide(x, divisor)));
        assert_eq!(y, x.map(|x| x / divisor));
    }
}
