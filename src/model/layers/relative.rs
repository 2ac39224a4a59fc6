//! What T5 adds to the scores of attention in the place of positions: a learned number a head for
//! each bucket of distances (Raffel et al. 2020, <https://arxiv.org/abs/1910.10683>, section 2.1).

/// Which keys a query sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Those before and behind it, in buckets of their own: an encoder.
    Both,
    /// Those before it: a decoder.
    Backward,
}

/// How distances share buckets: near ones have one each, those farther away in logarithmic steps up to
/// `farthest`, all beyond in the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Buckets {
    pub count: usize,
    pub farthest: usize,
}

impl Buckets {
    /// Of a key that stands `distance` behind the query.
    pub fn of(self, distance: isize, direction: Direction) -> usize {
        let (count, first, away) = match direction {
            Direction::Both => {
                let half = self.count / 2;
                let behind = if distance > 0 { half } else { 0 };
                (half, behind, distance.unsigned_abs())
            }
            Direction::Backward => (self.count, 0, (-distance).max(0).unsigned_abs()),
        };
        let exact = count / 2;
        if away < exact {
            return first + away;
        }
        // In single precision, where the models were trained with it.
        let share = (away as f32 / exact as f32).ln() / (self.farthest as f32 / exact as f32).ln();
        let step = (share * (count - exact) as f32) as usize;
        first + (exact + step).min(count - 1)
    }
}

/// The numbers of all heads over all distances that tell.
pub struct RelativeBias {
    /// Farther keys than this, on either side, have its number.
    reach: usize,
    /// `[heads][2 reach + 1]`, by the distance from `−reach` on.
    table: Vec<f32>,
}

impl RelativeBias {
    /// `weights`: `[buckets][heads]`.
    pub fn new(weights: &[f32], heads: usize, buckets: Buckets, direction: Direction) -> Self {
        let reach = buckets.farthest;
        let distances = -(reach as isize)..=reach as isize;
        let of_head = |head| {
            let value = move |distance| weights[buckets.of(distance, direction) * heads + head];
            distances.clone().map(value)
        };
        RelativeBias {
            reach,
            table: (0..heads).flat_map(of_head).collect(),
        }
    }

    /// Adds to the scores of a head's query over the keys from the first on.
    #[inline(always)]
    pub fn add(&self, head: usize, query: usize, scores: &mut [f32]) {
        let width = 2 * self.reach + 1;
        let table = &self.table[head * width..(head + 1) * width];
        // The key at `query − reach` has the table's first number.
        let before = query.saturating_sub(self.reach).min(scores.len());
        let first = self.reach - query.min(self.reach);
        let (far_before, others) = scores.split_at_mut(before);
        let near = others.len().min(width - first);
        let (near, far_behind) = others.split_at_mut(near);
        far_before.iter_mut().for_each(|score| *score += table[0]);
        near.iter_mut()
            .zip(&table[first..])
            .for_each(|(score, bias)| *score += bias);
        far_behind
            .iter_mut()
            .for_each(|score| *score += table[width - 1]);
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn every_key_has_the_number_of_its_bucket() {
        let buckets = Buckets {
            count: 8,
            farthest: 12,
        };
        let heads = 3;
        let weights: Vec<f32> = (0..8 * heads).map(|i| i as f32).collect();
        for direction in [Direction::Both, Direction::Backward] {
            let bias = RelativeBias::new(&weights, heads, buckets, direction);
            for (head, query, keys) in
                [(0, 0, 1), (1, 0, 40), (2, 39, 40), (1, 12, 13), (0, 20, 40)]
            {
                let mut scores = vec![0.5; keys];
                bias.add(head, query, &mut scores);
                for (key, score) in scores.iter().enumerate() {
                    let bucket = buckets.of(key as isize - query as isize, direction);
                    assert_eq!(
                        *score,
                        0.5 + weights[bucket * heads + head],
                        "{query} {key}"
                    );
                }
            }
        }
    }
}
