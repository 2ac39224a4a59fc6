use super::*;
use candle_core::Device;

fn layer(
    (inputs, outputs): (usize, usize),
    quantization: Quantization,
    activation: Activation,
) -> Linear {
    let weights: Vec<i8> = (0..inputs * outputs)
        .map(|i| (i * 167 % 251) as u8 as i8)
        .collect();
    let rows = weights.chunks_exact(inputs).map(|row| (row, 0.002f32));
    Linear::Int8(Int8Linear {
        weights: PackedWeights::new(inputs, outputs, rows, quantization.offset()),
        inputs,
        quantization,
        bias: (0..outputs).map(|i| i as f32 / 50.0 - 1.0).collect(),
        activation,
    })
}

#[test]
fn two_layers_at_once_are_the_two_one_after_the_other() {
    let x: Vec<f32> = (0..37 * 40).map(|i| (i % 97) as f32 / 30.0 - 1.5).collect();
    let x = Tensor::from_vec(x, (37, 40), &Device::Cpu).unwrap();
    // 100 is no multiple of what the kernels read at once. Only the calibrated are computed at once.
    for quantization in [Quantization::PerRow, Quantization::Calibrated(9.0)] {
        let first = layer((40, 100), quantization, Activation::Relu);
        let second = layer((100, 24), quantization, Activation::None);
        let one_by_one = second.forward(&first.forward(&x).unwrap()).unwrap();
        let at_once = first.then(&second, &x).unwrap();
        assert_eq!(
            at_once.to_vec2::<f32>().unwrap(),
            one_by_one.to_vec2::<f32>().unwrap()
        );
    }
}

#[test]
fn layers_that_do_not_fit_are_an_error() {
    let calibrated = Quantization::Calibrated(9.0);
    let x = Tensor::zeros((2, 40), candle_core::DType::F32, &Device::Cpu).unwrap();
    let first = layer((40, 100), calibrated, Activation::Relu);
    let other = layer((90, 24), calibrated, Activation::None);
    assert!(first.then(&other, &x).is_err());
    assert!(other.forward(&x).is_err());
}

#[test]
fn ranking_finds_in_tiles_what_it_finds_in_whole_rows() {
    let x: Vec<f32> = (0..37 * 40)
        .map(|i| (i * 31 % 97) as f32 / 30.0 - 1.5)
        .collect();
    let x = Tensor::from_vec(x, (37, 40), &Device::Cpu).unwrap();
    for (top, normalizer) in [(1, false), (4, false), (64, false), (300, false), (4, true)] {
        // The last panel of 200 outputs is not a whole one, nor is the last tile of 37 rows.
        let mut layer = layer((40, 200), Quantization::PerRow, Activation::None);
        let Linear::Int8(linear) = &mut layer else {
            panic!("made as int8");
        };
        linear.bias[70] = f32::NEG_INFINITY;
        if !normalizer {
            // Equal in all rows, in two panels: the first ranks first.
            linear.bias[3] = 1e9;
            linear.bias[140] = 1e9;
        }
        let logits = layer.forward(&x).unwrap().to_vec2::<f32>().unwrap();
        let asks: Vec<Ask> = (0..37)
            .map(|row| Ask {
                top,
                normalizer,
                banned: (0..row % 5).map(|i| TokenId(3 + 45 * i)).collect(),
                ..Ask::default()
            })
            .collect();
        let ranked = layer.rank(&x, &asks).unwrap();
        for ((ranked, logits), ask) in ranked.iter().zip(&logits).zip(&asks) {
            let whole = Ranked::of(logits, ask);
            assert_eq!(ranked.tokens, whole.tokens, "{ask:?}");
            assert!((ranked.log_normalizer - whole.log_normalizer).abs() < 1e-3);
        }
    }
}
