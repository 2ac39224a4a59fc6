use super::{super::simd::Type, *};
use std::mem::MaybeUninit;

const HEADS: usize = 3;

/// Queries, keys and values of a sentence, `[length][3 width]`.
fn rows(length: usize, width: usize) -> Vec<f32> {
    let mut state = 5u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 4_194_304.0 - 2.0
    };
    (0..length * 3 * width).map(|_| random()).collect()
}

/// The first `queries` of the rows over all of them, `[queries][width]`, and the first head's weights.
fn attended(ty: Type, rows: &[f32], width: usize, queries: usize) -> (Vec<f32>, Vec<f32>) {
    let columns = Columns {
        keys: width,
        values: 2 * width,
        width,
    };
    let length = rows.len() / (3 * width);
    // As after a longer sentence: what it left must not count.
    let mut memory = Memory::with_room(length + 40, HEADS, width / HEADS);
    memory.keys.fill(f32::NAN);
    memory.values.fill(f32::NAN);
    memory.length = length;
    memory.stride = length.next_multiple_of(LANES);
    ty.run(Fill {
        memory: &mut memory,
        rows,
        row_width: 3 * width,
        columns,
    });
    let mut out = vec![MaybeUninit::new(f32::NAN); queries * width];
    let mut alignment = vec![0f32; length];
    ty.run(Attend {
        queries: &rows[..queries * 3 * width],
        query_stride: 3 * width,
        memory: &memory,
        bias: None,
        out: &mut out,
        alignment: &mut alignment,
    });
    // SAFETY: all were initialised when the vector was made.
    let out = out.iter().map(|x| unsafe { x.assume_init() }).collect();
    (out, alignment)
}

/// The definition, in f64.
fn exact(rows: &[f32], width: usize, query: usize, column: usize) -> f64 {
    let head_width = width / HEADS;
    let head = column / head_width * head_width;
    let at = |row: usize, column: usize| f64::from(rows[row * 3 * width + column]);
    let length = rows.len() / (3 * width);
    let scores = (0..length).map(|row| {
        let products = (head..head + head_width).map(|c| at(query, c) * at(row, width + c));
        (products.sum::<f64>() / (head_width as f64).sqrt()).exp()
    });
    let scores: Vec<f64> = scores.collect();
    let values = scores.iter().enumerate();
    let sum: f64 = values
        .map(|(row, score)| score * at(row, 2 * width + column))
        .sum();
    sum / scores.iter().sum::<f64>()
}

#[test]
fn every_type_gives_the_same_and_what_the_definition_says() {
    for head_width in [8, 16, 24, 32, 40] {
        let width = HEADS * head_width;
        for length in [1, 2, 15, 16, 17, 33] {
            let rows = rows(length, width);
            for queries in [1, 2, 3, 5, 8, 9, 17] {
                let queries = queries.min(length);
                let (out, alignment) = attended(Type::Portable, &rows, width, queries);
                for ty in Type::all() {
                    assert_eq!(
                        attended(ty, &rows, width, queries),
                        (out.clone(), alignment.clone()),
                        "{ty:?}"
                    );
                }
                for (i, out) in out.iter().enumerate() {
                    let exact = exact(&rows, width, i / width, i % width);
                    assert!((f64::from(*out) - exact).abs() < 1e-4, "{out} {exact}");
                }
                assert!((alignment.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    use candle_core::{DType, Device};
    let zeros = |columns: usize| Tensor::zeros((2, columns), DType::F32, &Device::Cpu).unwrap();
    assert!(self_attention(&zeros(3 * 256), &[2], 5, None).is_err());
    assert!(self_attention(&zeros(3 * 256), &[3], 4, None).is_err());
    let columns = Columns {
        keys: 0,
        values: 16,
        width: 16,
    };
    let memory = Memory::new(&[0.0; 64], 32, columns, 2);
    assert!(cross_attention(&zeros(32), [&memory, &memory].into_iter()).is_err());
    assert!(cross_attention(&zeros(16), [&memory].into_iter()).is_err());
    assert!(cross_attention(&zeros(16), [&memory, &memory].into_iter()).is_ok());
}
