//! LexRank (Erkan and Radev, 2004): a sentence is central that central sentences resemble.

use super::similarity::Similarity;

/// The chance of going on to a similar sentence instead of any: the damping of LexRank.
const DAMPING: f32 = 0.85;

/// The walk forgets its start by 0.85 each round: after 30, what is left is below 1%.
const ROUNDS: usize = 30;

/// More sentences than these are judged by these, spread evenly over the article.
///
/// 256² similarities are 256 KiB; all of a 1 MiB article's 10,000 sentences would be 400 MB. News articles have fewer
/// sentences, and there it is LexRank exactly.
const WITNESSES: usize = 256;

/// The stationary probability of each sentence, divided by the largest: 0 to 1, finite.
///
/// `p(j) = (1 − d)/n + d · Σᵢ p(i) · s(i, j) / Σₖ s(i, k)`, where i, k are witnesses, and s(i, i) = 0.
pub(super) fn centrality(similarity: &Similarity) -> Vec<f32> {
    let witnesses: Vec<usize> = match similarity.len() {
        n if n <= WITNESSES => (0..n).collect(),
        n => (0..WITNESSES).map(|k| k * n / WITNESSES).collect(),
    };
    let n = witnesses.len();
    let pull = |i: usize, j: usize| {
        if i == j {
            0.0
        } else {
            similarity.between(i, j)
        }
    };
    let mut matrix = vec![0.0_f32; n * n];
    for a in 0..n {
        for b in 0..a {
            let value = pull(witnesses[a], witnesses[b]);
            matrix[a * n + b] = value;
            matrix[b * n + a] = value;
        }
    }
    let sums: Vec<f32> = (0..n).map(|i| matrix[i * n..][..n].iter().sum()).collect();
    let mut p = vec![1.0 / n.max(1) as f32; n];
    for _ in 0..ROUNDS {
        let (steps, jump) = outflow(&p, &sums);
        p = vec![jump; n];
        for (i, step) in steps.iter().enumerate() {
            p.iter_mut()
                .zip(&matrix[i * n..][..n])
                .for_each(|(to, weight)| *to += step * weight);
        }
    }
    let (steps, jump) = outflow(&p, &sums);
    let reach = |j: usize| {
        jump + witnesses
            .iter()
            .zip(&steps)
            .map(|(&i, step)| step * pull(i, j))
            .sum::<f32>()
    };
    let mut all: Vec<f32> = (0..similarity.len()).map(reach).collect();
    let largest = all.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    all.iter_mut().for_each(|p| *p /= largest);
    all
}

/// What each sentence passes on per unit of similarity, and what each receives from nowhere in particular: a sentence
/// that resembles none passes its share to all.
fn outflow(p: &[f32], sums: &[f32]) -> (Vec<f32>, f32) {
    let lonely = |sum: f32| sum < 1e-6;
    let lost: f32 = p
        .iter()
        .zip(sums)
        .filter(|&(_, &sum)| lonely(sum))
        .map(|(p, _)| p)
        .sum();
    let steps = p
        .iter()
        .zip(sums)
        .map(|(p, &sum)| if lonely(sum) { 0.0 } else { DAMPING * p / sum });
    (
        steps.collect(),
        (1.0 - DAMPING + DAMPING * lost) / p.len().max(1) as f32,
    )
}

#[cfg(test)]
mod test {
    use super::{
        super::{french::FRENCH, words::Words},
        *,
    };

    fn of(sentences: &[&str]) -> Vec<f32> {
        let words: Vec<Words> = sentences
            .iter()
            .map(|text| Words::of(text, &FRENCH))
            .collect();
        centrality(&Similarity::new(&words, &[]))
    }

    #[test]
    fn the_sentence_that_the_others_resemble_is_central() {
        let p = of(&["chat noir", "chat noir chien gris", "chien gris", "pomme"]);
        assert_eq!(p[1], 1.0);
        assert!(p[0] > p[3] && p[2] > p[3], "{p:?}");
    }

    #[test]
    fn sentences_without_anything_in_common_are_equal() {
        assert_eq!(of(&["chat", "chien", "pomme"]), [1.0, 1.0, 1.0]);
        assert_eq!(of(&["", "", ""]), [1.0, 1.0, 1.0]);
        assert_eq!(of(&["chat"]), [1.0]);
        assert!(of(&[]).is_empty());
    }

    #[test]
    fn beyond_the_witnesses_every_sentence_is_still_judged() {
        let mut sentences = vec!["chat noir chien"; WITNESSES];
        sentences.extend(vec!["pomme"; 3]);
        sentences.extend(vec!["chat noir chien"; WITNESSES]);
        let p = of(&sentences);
        assert!(p.iter().all(|p| (0.0..=1.0).contains(p)));
        assert!(p[WITNESSES + 1] < p[WITNESSES - 1] && p[WITNESSES + 1] < p[WITNESSES + 5]);
    }
}
