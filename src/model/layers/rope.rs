//! Rotary positions (Su et al. 2021, <https://arxiv.org/abs/2104.09864>): pairs of a head's numbers
//! are turned by angles that grow with the position.

/// Which numbers of a head are a pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pairs {
    /// One of the first half and the same of the second, as in GPT-NeoX.
    Halves,
    /// Neighbours, as in the first Llama; its files have the weights in this order.
    Neighbours,
}

/// The angles of one kind of layer.
pub struct Rope {
    pairs: Pairs,
    /// Of each pair, in radians a position: `base^(−2 i / width)`, divided by what stretches it.
    frequencies: Vec<f64>,
}

impl Rope {
    /// `width`: numbers of a head that are turned, the first; `stretches`: what each pair's frequency
    /// is divided by, one for all or one each.
    pub fn new(pairs: Pairs, base: f64, width: usize, stretches: &[f32]) -> Self {
        let frequency = |pair: usize| {
            let stretch = stretches.get(pair).or(stretches.first()).unwrap_or(&1.0);
            base.powf(-2.0 * pair as f64 / width as f64) / f64::from(*stretch)
        };
        Rope {
            pairs,
            frequencies: (0..width / 2).map(frequency).collect(),
        }
    }

    /// What the rows at some positions are turned by, computed once for all layers of a kind.
    pub fn at(&self, positions: impl IntoIterator<Item = usize>) -> Rotation {
        let turns = positions
            .into_iter()
            .flat_map(|position| {
                let angles = self.frequencies.iter().map(move |f| f * position as f64);
                angles.map(|angle| (angle.cos() as f32, angle.sin() as f32))
            })
            .collect();
        Rotation {
            pairs: self.pairs,
            width: self.frequencies.len(),
            turns,
        }
    }
}

/// Cosines and sines, `[rows][pairs]`.
pub struct Rotation {
    pairs: Pairs,
    width: usize,
    turns: Vec<(f32, f32)>,
}

impl Rotation {
    /// Turns all heads of a row: `heads` is `[heads][head_width]`.
    pub fn turn(&self, row: usize, heads: &mut [f32], head_width: usize) {
        let turns = &self.turns[row * self.width..][..self.width];
        for head in heads.chunks_exact_mut(head_width) {
            match self.pairs {
                Pairs::Halves => {
                    let (first, second) = head[..2 * self.width].split_at_mut(self.width);
                    for ((x, y), turn) in first.iter_mut().zip(second).zip(turns) {
                        (*x, *y) = turned(*x, *y, *turn);
                    }
                }
                Pairs::Neighbours => {
                    for ([x, y], turn) in head.as_chunks_mut::<2>().0.iter_mut().zip(turns) {
                        (*x, *y) = turned(*x, *y, *turn);
                    }
                }
            }
        }
    }
}

fn turned(x: f32, y: f32, (cos, sin): (f32, f32)) -> (f32, f32) {
    (x * cos - y * sin, x * sin + y * cos)
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn products_of_queries_and_keys_depend_on_the_distance_alone() {
        for pairs in [Pairs::Halves, Pairs::Neighbours] {
            let rope = Rope::new(pairs, 10_000.0, 8, &[1.0]);
            let product = |p: usize, q: usize| {
                let rotation = rope.at([p, q]);
                let mut query: Vec<f32> = (0..8).map(|i| (i as f32 * 0.7).sin()).collect();
                let mut key: Vec<f32> = (0..8).map(|i| (i as f32 * 1.3).cos()).collect();
                rotation.turn(0, &mut query, 8);
                rotation.turn(1, &mut key, 8);
                query.iter().zip(&key).map(|(q, k)| q * k).sum::<f32>()
            };
            assert!((product(9, 4) - product(105, 100)).abs() < 1e-5);
            assert!((product(9, 4) - product(9, 5)).abs() > 1e-3);
        }
    }
}
