use super::*;
use candle_core::Device;

const SHAPE: CacheShape = CacheShape {
    layers: 2,
    heads: 3,
    head_width: 22,
};

/// Query, key and value of a layer for the token `token`, which stand for themselves.
fn qkv(layer: usize, tokens: &[u32]) -> Tensor {
    let width = 3 * SHAPE.width();
    let value = |token: u32, column: usize| {
        ((token as usize * 31 + layer * 17 + column * 7) as f32 * 0.37).sin()
    };
    let values: Vec<f32> = tokens
        .iter()
        .flat_map(|token| (0..width).map(|column| value(*token, column)))
        .collect();
    Tensor::from_vec(values, (tokens.len(), width), &Device::Cpu).unwrap()
}

/// What the last of the tokens sees, by the definition, in double precision.
fn definition(layer: usize, tokens: &[u32]) -> Vec<f32> {
    let rows: Vec<Vec<f32>> = qkv(layer, tokens).to_vec2().unwrap();
    let (width, head_width) = (SHAPE.width(), SHAPE.head_width);
    let query = rows.last().unwrap();
    let mut out = Vec::new();
    for head in 0..SHAPE.heads {
        let columns = head * head_width..(head + 1) * head_width;
        let score = |row: &Vec<f32>| -> f64 {
            let product = |c: usize| f64::from(query[c]) * f64::from(row[width + c]);
            let sum: f64 = columns.clone().map(product).sum();
            (sum / (head_width as f64).sqrt()).exp()
        };
        let weights: Vec<f64> = rows.iter().map(score).collect();
        let total: f64 = weights.iter().sum();
        for column in columns {
            let value = |row: &Vec<f32>| f64::from(row[2 * width + column]);
            let sum: f64 = rows
                .iter()
                .zip(&weights)
                .map(|(row, w)| w * value(row))
                .sum();
            out.push((sum / total) as f32);
        }
    }
    out
}

/// Rows that come, go on, double and leave see their own past and nobody else's.
#[test]
fn every_row_attends_to_its_own_past() {
    let mut caches = Caches::new(SHAPE);
    let mut pasts: Vec<Vec<u32>> = Vec::new();
    let mut next_token = 0;
    for step in 0..70 {
        if step % 9 == 0 {
            caches.join(2);
            pasts.extend([vec![], vec![]]);
        }
        for past in &mut pasts {
            past.push(next_token);
            next_token += 1;
        }
        let tokens: Vec<u32> = pasts.iter().map(|past| *past.last().unwrap()).collect();
        for layer in 0..SHAPE.layers {
            let out = caches.attend(layer, &qkv(layer, &tokens), None).unwrap();
            let out: Vec<Vec<f32>> = out.to_vec2().unwrap();
            for (out, past) in out.iter().zip(&pasts) {
                for (a, b) in out.iter().zip(definition(layer, past)) {
                    assert!((a - b).abs() < 1e-5, "step {step}, past {past:?}: {a} {b}");
                }
            }
        }
        let count = pasts.len();
        let longest = pasts.iter().map(Vec::len).max().unwrap_or(0);
        let from: Vec<usize> = match step % 7 {
            2 => (0..count).chain([0, count / 2]).collect(), // two are doubled
            3 => (0..count).rev().collect(),
            5 if count > 3 => (0..count)
                .filter(|row| row % 3 != 0 || pasts[*row].len() == longest)
                .collect(),
            _ => (0..count).collect(),
        };
        caches.advance(from.iter().copied());
        pasts = from.iter().map(|row| pasts[*row].clone()).collect();
    }
    assert!(pasts.iter().any(|past| past.len() > 4 * LANES));
}

#[test]
fn pages_of_rows_that_left_are_used_again() {
    let mut caches = Caches::new(SHAPE);
    caches.join(5);
    caches.advance([1, 3].into_iter());
    assert_eq!(caches.spare.len(), 3);
    caches.join(3);
    assert!(caches.spare.is_empty());
}
