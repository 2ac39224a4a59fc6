use super::*;
use proptest::prelude::*;

fn product(kernel: &dyn Kernel, rows: &QuantizedRows, weights: &PackedWeights) -> Vec<Vec<f32>> {
    let mut out = vec![vec![f32::NAN; weights.outputs()]; rows.count()];
    for_each_tile(kernel, rows, weights, |row, column, values| {
        out[row][column..column + values.len()].copy_from_slice(values);
    });
    out
}

proptest! {
    #[test]
    fn all_kernels_give_the_numbers_of_the_definition(
        (rows, outputs, inputs) in (1usize..15, 1usize..150, 1usize..70),
        seed in any::<u64>(),
    ) {
        let mut state = seed | 1;
        let mut random = || { state ^= state << 13; state ^= state >> 7; state ^= state << 17; state };
        let x: Vec<f32> = (0..rows * inputs).map(|_| (random() % 2001) as f32 / 100.0 - 10.0).collect();
        let w: Vec<i8> = (0..outputs * inputs).map(|_| (random() % 255) as u8 as i8).collect();
        let scale: Vec<f32> = (0..outputs).map(|_| (random() % 100 + 1) as f32 / 1000.0).collect();
        let packed = PackedWeights::new(inputs, w.chunks_exact(inputs).zip(scale.iter().copied()));
        let quantized = QuantizedRows::new(&x, inputs);
        for kernel in available() {
            let y = product(kernel, &quantized, &packed);
            for (m, y) in y.iter().enumerate() {
                for (n, y) in y.iter().enumerate() {
                    let sum: i32 = (0..inputs)
                        .map(|k| (i32::from(quantized.bytes(m, 1)[k]) - 128) * i32::from(w[n * inputs + k]))
                        .sum();
                    prop_assert_eq!(*y, sum as f32 * (quantized.scale(m) * scale[n]), "{}", kernel.name());
                }
            }
        }
    }
}

#[test]
fn extreme_values_do_not_saturate() {
    let inputs = 1536;
    let w = vec![-128i8; inputs];
    let packed = PackedWeights::new(inputs, [(&w[..], 1.0)].into_iter());
    let rows = QuantizedRows::new(&vec![127.0; inputs], inputs);
    for kernel in available() {
        assert_eq!(
            product(kernel, &rows, &packed),
            [[-127.0 * 128.0 * 1536.0]],
            "{}",
            kernel.name()
        );
    }
}

#[test]
fn rounding_is_half_to_even_and_zero_rows_stay_zero() {
    let rows = QuantizedRows::new(&[127.0, 0.5, 1.5, -0.5, -127.0, -2.5, 0.0, 0.0], 8);
    let signed: Vec<i32> = rows
        .bytes(0, 1)
        .iter()
        .map(|&b| i32::from(b) - 128)
        .collect();
    assert_eq!(signed, [127, 0, 2, 0, -127, -2, 0, 0]);
    let zeros = QuantizedRows::new(&[0.0; 8], 4);
    assert_eq!((zeros.scale(1), zeros.bytes(1, 1)), (0.0, &[128u8; 4][..]));
}
