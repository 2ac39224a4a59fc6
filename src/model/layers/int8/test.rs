use super::*;
use proptest::prelude::*;

fn product(kernel: &dyn Kernel, rows: &QuantizedRows, weights: &PackedWeights) -> Vec<Vec<f32>> {
    let mut out = vec![vec![f32::NAN; weights.outputs()]; rows.count()];
    kernel.multiply(rows, weights, &mut |tile| {
        let rows = out[tile.first_row..].iter_mut();
        for ((out, sums), row_scale) in rows.zip(tile.sums).zip(tile.row_scales) {
            let columns = out[tile.panel.first_column..].iter_mut();
            let of_columns = tile.panel.start.iter().zip(tile.panel.scale);
            for ((out, sum), (start, scale)) in columns.zip(sums).zip(of_columns) {
                *out = (start + sum) as f32 * (row_scale * scale);
            }
        }
    });
    out
}

proptest! {
    #[test]
    fn all_kernels_give_the_numbers_of_the_definition(
        (rows, outputs, inputs) in (1usize..40, 1usize..150, 1usize..150),
        quantization in prop_oneof![
            Just(Quantization::PerRow),
            (1.0f32..60.0).prop_map(Quantization::Calibrated),
        ],
        seed in any::<u64>(),
    ) {
        let mut state = seed | 1;
        let mut random = || { state ^= state << 13; state ^= state >> 7; state ^= state << 17; state };
        let x: Vec<f32> = (0..rows * inputs).map(|_| (random() % 2001) as f32 / 100.0 - 10.0).collect();
        let w: Vec<i8> = (0..outputs * inputs).map(|_| (random() % 255) as u8 as i8).collect();
        let scale: Vec<f32> = (0..outputs).map(|_| (random() % 100 + 1) as f32 / 1000.0).collect();
        let packed = PackedWeights::new(inputs, outputs, w.chunks_exact(inputs).zip(scale.iter().copied()), quantization.offset());
        let quantized = QuantizedRows::new(&x, inputs, quantization);
        for kernel in available() {
            let y = product(kernel, &quantized, &packed);
            for (m, y) in y.iter().enumerate() {
                for (n, y) in y.iter().enumerate() {
                    let sum: i32 = (0..inputs)
                        .map(|k| (i32::from(quantized.bytes(m, 1)[k]) - quantization.offset()) * i32::from(w[n * inputs + k]))
                        .sum();
                    let (start, _) = packed.start_and_scale(n);
                    let row: Vec<u8> = w[n * inputs..][..inputs].iter().map(|&w| w as u8).collect();
                    let dot = kernel.dot(&quantized.bytes(m, 1)[..inputs], &row);
                    prop_assert_eq!(start + dot, sum, "{}", kernel.name());
                    prop_assert_eq!(*y, sum as f32 * (quantized.scales(m, 1)[0] * scale[n]), "{}", kernel.name());
                }
            }
        }
    }
}

#[test]
fn extreme_values_do_not_saturate() {
    let inputs = 1536;
    let w = vec![-128i8; inputs];
    let packed = PackedWeights::new(inputs, 1, [(&w[..], 1.0)].into_iter(), 128);
    let rows = QuantizedRows::new(&vec![127.0; inputs], inputs, Quantization::PerRow);
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
    let rows = QuantizedRows::new(
        &[127.0, 0.5, 1.5, -0.5, -127.0, -2.5, 0.0, 0.0],
        8,
        Quantization::PerRow,
    );
    let signed: Vec<i32> = rows
        .bytes(0, 1)
        .iter()
        .map(|&b| i32::from(b) - 128)
        .take(8)
        .collect();
    assert_eq!(signed, [127, 0, 2, 0, -127, -2, 0, 0]);
    let zeros = QuantizedRows::new(&[0.0; 8], 4, Quantization::PerRow);
    assert_eq!(
        (zeros.scales(1, 1)[0], &zeros.bytes(1, 1)[..4]),
        (0.0, &[128u8; 4][..])
    );
}

#[test]
fn calibrated_inputs_are_cut_at_the_ends_and_rounded_half_to_even() {
    let x = [10.0, 0.25, 0.75, -0.25, -10.0, 63.4, -63.6, 0.0];
    let rows = QuantizedRows::new(&x, 8, Quantization::Calibrated(2.0));
    let signed = rows.bytes(0, 1)[..8].iter().map(|&b| i32::from(b) - 127);
    assert_eq!(signed.collect::<Vec<_>>(), [20, 0, 2, 0, -20, 127, -127, 0]);
    assert_eq!(rows.scales(0, 1)[0], 1.0);
}

proptest! {
    #[test]
    fn selected_rows_give_what_each_gives_alone(
        depth in prop_oneof![Just(64usize), Just(128), Just(256), 1usize..100],
        rows in 1usize..40,
        picks in proptest::collection::vec(any::<proptest::sample::Index>(), 0..40),
        seed in any::<u8>(),
    ) {
        let byte = |i: usize| (i as u8).wrapping_mul(167).wrapping_add(seed);
        let row: Vec<u8> = (0..depth).map(byte).collect();
        let weights: Vec<u8> = (0..rows * depth).map(|i| byte(3 * i + 1)).collect();
        let ids: Vec<TokenId> = picks.iter().map(|pick| TokenId(pick.index(rows) as u32)).collect();
        let expected: Vec<i32> = ids
            .iter()
            .map(|id| scalar::Scalar.dot(&row, &weights[id.0 as usize * depth..][..depth]))
            .collect();
        for kernel in available() {
            let mut sums = vec![0; ids.len()];
            kernel.select(&row, &weights, &ids, &mut sums);
            prop_assert_eq!(&sums, &expected, "{}", kernel.name());
        }
    }
}
