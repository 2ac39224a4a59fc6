use super::*;
use proptest::prelude::*;

fn random(seed: u64, count: usize) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count).map(|_| 4.0 * random.f32() - 2.0).collect()
}

/// As the definition has it, in f64.
fn defined(
    attention: &Attention,
    query: &[f32],
    keys: &[&[f32]],
    values: &[&[f32]],
    position: usize,
) -> Vec<f64> {
    let end = position + 1;
    let start = attention
        .window
        .map_or(0, |window| end.saturating_sub(window));
    let score = |key: &[f32]| {
        let product = query
            .iter()
            .zip(key)
            .map(|(q, k)| f64::from(*q) * f64::from(*k));
        product.sum::<f64>() * f64::from(attention.scale)
    };
    let scores: Vec<f64> = keys[start..end].iter().map(|key| score(key)).collect();
    let greatest = scores.iter().copied().fold(f64::MIN, f64::max);
    let weights: Vec<f64> = scores
        .iter()
        .map(|score| (score - greatest).exp())
        .collect();
    let total: f64 = weights.iter().sum();
    let column = |column: usize| {
        let values = values[start..end]
            .iter()
            .map(|value| f64::from(value[column]));
        values
            .zip(&weights)
            .map(|(value, weight)| value * weight)
            .sum::<f64>()
            / total
    };
    (0..query.len()).map(column).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Over several chunks, with and without a window, whatever was forgotten, whoever stands beside.
    #[test]
    fn every_query_has_the_defined_sums_and_the_same_bits_in_any_company(
        seed: u64,
        length in 1usize..420,
        kv_heads in 1usize..3,
        share in 1usize..6,
        vectors in 1usize..6,
        window in prop::option::of(1usize..200),
        cut in 0f64..1.0,
    ) {
        let (heads, width) = (kv_heads * share, vectors * LANES);
        let attention = Attention { heads, kv_heads, width, scale: 0.3, window };
        let of_head = kv_heads * width;
        let keys = random(seed, length * of_head);
        let values = random(seed ^ 1, length * of_head);
        let queries = random(seed ^ 2, length * heads * width);
        let cut = (cut * length as f64) as usize;
        let mut cache = Cache::default();
        let mut out = Vec::new();
        // Read in two parts, and what a window does not see any more is forgotten between them.
        for part in [0..cut, cut..length] {
            for position in part.clone() {
                let at = position * of_head..(position + 1) * of_head;
                cache.push(&attention, &keys[at.clone()], &values[at]);
            }
            let of_part = &queries[part.start * heads * width..part.end * heads * width];
            for kv_head in 0..kv_heads {
                let reading = |positions| Reading { cache: &cache, positions };
                let whole = attention.attend(kv_head, of_part, reading(part.clone()));
                let alone = part.clone().flat_map(|position| {
                    let query = &queries[position * heads * width..][..heads * width];
                    attention.attend(kv_head, query, reading(position..position + 1))
                });
                prop_assert_eq!(&whole, &alone.collect::<Vec<f32>>());
                out.push((part.clone(), kv_head, whole));
            }
            cache.forget(&attention);
        }
        for (part, kv_head, out) in out {
            let head_of = |rows: &'_ [f32]| -> Vec<Vec<f32>> {
                rows.chunks_exact(of_head).map(|row| row[kv_head * width..][..width].to_vec()).collect()
            };
            let (keys, values) = (head_of(&keys), head_of(&values));
            let keys: Vec<&[f32]> = keys.iter().map(|key| &key[..]).collect();
            let values: Vec<&[f32]> = values.iter().map(|value| &value[..]).collect();
            for (row, out) in out.chunks_exact(width).enumerate() {
                let position = part.start + row / share;
                let head = kv_head * share + row % share;
                let query = &queries[(position * heads + head) * width..][..width];
                let expected = defined(&attention, query, &keys, &values, position);
                for (x, expected) in out.iter().zip(expected) {
                    prop_assert!((f64::from(*x) - expected).abs() < 2e-5, "{} {}", x, expected);
                }
            }
        }
    }
}
