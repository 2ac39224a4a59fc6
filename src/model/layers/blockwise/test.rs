use super::*;
use candle_core::quantized::{GgmlDType, QTensor};
use memmap2::MmapMut;
use std::sync::Arc;

const FORMATS: [(Format, GgmlDType); 10] = [
    (Format::F32, GgmlDType::F32),
    (Format::F16, GgmlDType::F16),
    (Format::Q4_0, GgmlDType::Q4_0),
    (Format::Q4_1, GgmlDType::Q4_1),
    (Format::Q5_0, GgmlDType::Q5_0),
    (Format::Q5_1, GgmlDType::Q5_1),
    (Format::Q8_0, GgmlDType::Q8_0),
    (Format::Q4_K, GgmlDType::Q4K),
    (Format::Q5_K, GgmlDType::Q5K),
    (Format::Q6_K, GgmlDType::Q6K),
];
/// Not whole panels.
const OUTPUTS: usize = 37;
const INPUTS: usize = 512;

fn noise(count: usize, seed: f32) -> Vec<f32> {
    let wave = |i: usize| (i as f32 * 1.618 + seed).sin() * (i as f32 * 0.37).cos();
    (0..count).map(wave).collect()
}

/// A matrix as candle quantises it, and as candle reads it again.
fn matrix(format: Format, dtype: GgmlDType) -> (Blocks, Vec<f32>) {
    let weights = noise(OUTPUTS * INPUTS, 0.5);
    let weights = Tensor::from_vec(weights, (OUTPUTS, INPUTS), &Device::Cpu).unwrap();
    let quantized = QTensor::quantize(&weights, dtype).unwrap();
    let bytes = quantized.data().unwrap();
    let mut map = MmapMut::map_anon(bytes.len()).unwrap();
    map.copy_from_slice(&bytes);
    let map = Arc::new(map.make_read_only().unwrap());
    let all = 0..map.len();
    let read = quantized.dequantize(&Device::Cpu).unwrap();
    let read = read.flatten_all().unwrap().to_vec1().unwrap();
    (Blocks::new(map, all, format, OUTPUTS, INPUTS), read)
}

#[test]
fn numbers_are_read_as_candle_reads_them() {
    for (format, dtype) in FORMATS {
        let (blocks, expected) = matrix(format, dtype);
        for (row, expected) in expected.chunks_exact(INPUTS).enumerate() {
            let mut read = vec![0f32; INPUTS];
            blocks.read_row(row, &mut read);
            for (read, expected) in read.iter().zip(expected) {
                assert!(
                    (read - expected).abs() < 1e-6,
                    "{format:?}: {read}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn products_are_those_of_the_numbers_but_for_the_rounding_of_the_rows() {
    for (format, dtype) in FORMATS {
        let (blocks, weights) = matrix(format, dtype);
        let bias = noise(OUTPUTS, 3.0);
        let linear = BlockLinear::new(&blocks, Some(bias.clone()));
        for count in [1, 2, 3, 5, 9, 16] {
            let x = noise(count * INPUTS, 2.0);
            let rows = Tensor::from_slice(&x, (count, INPUTS), &Device::Cpu).unwrap();
            let y: Vec<Vec<f32>> = linear.forward(&rows).unwrap().to_vec2().unwrap();
            for (x, y) in x.chunks_exact(INPUTS).zip(y) {
                let of_rows = weights.chunks_exact(INPUTS).zip(&bias);
                for ((weights, bias), y) in of_rows.zip(y) {
                    let exact = x.iter().zip(weights).map(|(x, w)| x * w).sum::<f32>() + bias;
                    let tolerance = if format.is_dense() { 1e-3 } else { 0.15 };
                    assert!(
                        (y - exact).abs() < tolerance,
                        "{format:?}: {y}, not {exact}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_row_gets_the_same_bits_in_any_company() {
    for (format, dtype) in FORMATS {
        let linear = BlockLinear::new(&matrix(format, dtype).0, None);
        let x = Tensor::from_vec(noise(13 * INPUTS, 7.0), (13, INPUTS), &Device::Cpu).unwrap();
        let together: Vec<Vec<f32>> = linear.forward(&x).unwrap().to_vec2().unwrap();
        for (row, together) in together.iter().enumerate() {
            let alone = linear.forward(&x.narrow(0, row, 1).unwrap()).unwrap();
            assert_eq!(&alone.to_vec2::<f32>().unwrap()[0], together, "{format:?}");
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
#[allow(unsafe_code)]
fn all_machines_compute_the_same_bits() {
    for (format, dtype) in FORMATS {
        let panels = pack::pack(&matrix(format, dtype).0);
        let panel = &panels[..panels.len() / OUTPUTS.div_ceil(LANES)];
        let rows = Rows::new(&noise(11 * INPUTS, 1.0), INPUTS, format);
        let rows = &rows;
        let mut expected = vec![[0f32; LANES]; 11];
        let out = &mut expected[..];
        PanelProduct { panel, rows, out }.run::<Portable>(format);
        let mut computed = vec![[0f32; LANES]; 11];
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c") {
            let out = &mut computed[..];
            // SAFETY: the machine has AVX2 and F16C.
            unsafe { avx2::run(PanelProduct { panel, rows, out }, format) };
            assert_eq!(computed, expected, "{format:?}");
        }
        if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vnni") {
            let out = &mut computed[..];
            // SAFETY: the machine has AVX-512 F, BW and VNNI.
            unsafe { avx512::run(PanelProduct { panel, rows, out }, format) };
            assert_eq!(computed, expected, "{format:?}");
        }
    }
}
