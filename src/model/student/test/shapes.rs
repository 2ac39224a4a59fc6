//! Every shape of Mozilla's students, on the small files that `tests/golden/make_students.py` made.

use super::*;

const SHAPES: [&str; 4] = ["tiny", "base-memory", "base", "base-tied"];
/// Numpy computes the same formulas in another order.
const TOLERANCE: f32 = 1e-4;

/// A line of a shape's golden vectors, up to the twelfth token of its output.
#[derive(Deserialize)]
struct Line {
    text: String,
    source_ids: Vec<u32>,
    encoder_first_position: Vec<f32>,
    encoder_last_position: Vec<f32>,
    /// Of the whole vocabulary, at the first step and at the last.
    first_scores: Vec<f32>,
    last_scores: Vec<f32>,
    greedy_ids: Vec<u32>,
    greedy_text: String,
}

fn folder(shape: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/students")
        .join(shape)
}

fn lines(shape: &str) -> Vec<Line> {
    serde_json::from_slice(&std::fs::read(folder(shape).join("golden.json")).unwrap()).unwrap()
}

/// Scores of each step, `[steps, vocabulary]`, and the tokens chosen.
fn decode(student: &Student, source: &[TokenId], steps: usize) -> (Vec<Vec<f32>>, Vec<TokenId>) {
    let mut state = student.empty_state().unwrap();
    let encoded = student.encode(&[source]).unwrap();
    state.join(encoded.into_iter().map(Arc::new)).unwrap();
    let (mut scores, mut tokens) = (Vec::new(), Vec::new());
    for _ in 0..steps {
        let step = student.step(&mut state).unwrap();
        let logits = student.logits(&step.hidden).unwrap();
        scores.push(logits.to_vec2().unwrap().remove(0));
        let best = best(student, &state, &step.hidden)[0];
        state.advance(&[(0, best)]).unwrap();
        tokens.push(best);
    }
    (scores, tokens)
}

fn farthest(actual: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(actual.len(), expected.len());
    actual
        .iter()
        .zip(expected)
        .fold(0.0, |farthest, (a, e)| f32::max(farthest, (a - e).abs()))
}

#[test]
fn golden_each_shape_equals_the_reference_in_states_scores_and_tokens() {
    for shape in SHAPES {
        let student = Student::load(&folder(shape), ComputeType::F32).unwrap();
        for line in lines(shape) {
            let source = source(&student, &line.text);
            let ids: Vec<u32> = source.iter().map(|id| id.0).collect();
            assert_eq!(ids, line.source_ids, "{shape}: {}", line.text);

            let states = student.encoder_states(&[&source]).unwrap();
            let states: Vec<Vec<f32>> = states.to_vec2().unwrap();
            let (scores, tokens) = decode(&student, &source, line.greedy_ids.len());
            for (actual, expected, what) in [
                (&states[0], &line.encoder_first_position, "first state"),
                (
                    &states[ids.len() - 1],
                    &line.encoder_last_position,
                    "last state",
                ),
                (&scores[0], &line.first_scores, "first scores"),
                (&scores[scores.len() - 1], &line.last_scores, "last scores"),
            ] {
                let distance = farthest(actual, expected);
                assert!(
                    distance < TOLERANCE,
                    "{shape}: {}: {what} are off by {distance}",
                    line.text
                );
            }

            let greedy: Vec<u32> = tokens.iter().map(|id| id.0).collect();
            assert_eq!(greedy, line.greedy_ids, "{shape}: {}", line.text);
            let end = tokens
                .iter()
                .position(|token| *token == student.config.end())
                .unwrap_or(tokens.len());
            assert_eq!(student.target.decode(&tokens[..end]), line.greedy_text);
        }
    }
}

#[test]
fn golden_each_shape_stays_near_the_reference_in_int8() {
    for shape in SHAPES {
        let student = Student::load(&folder(shape), ComputeType::Int8).unwrap();
        for line in lines(shape) {
            let source = source(&student, &line.text);
            let (scores, _) = decode(&student, &source, 1);
            let distance = farthest(&scores[0], &line.first_scores);
            let largest = line.first_scores.iter().fold(0f32, |a, b| a.max(b.abs()));
            assert!(
                distance < 0.1 * largest,
                "{shape}: {}: {distance} off where scores reach {largest}",
                line.text
            );
        }
    }
}

#[test]
fn each_shape_has_the_sizes_that_its_files_say() {
    for (shape, expected) in [
        ("tiny", ["fr", "en", "16", "48", "48", "2", "2", "64", "64"]),
        (
            "base-memory",
            ["en", "fr", "24", "48", "48", "1", "4", "72", "72"],
        ),
        ("base", ["en", "ja", "32", "64", "64", "1", "2", "64", "88"]),
        (
            "base-tied",
            ["en", "zh", "32", "64", "40", "1", "2", "80", "80"],
        ),
    ] {
        let student = Student::load(&folder(shape), ComputeType::Int8).unwrap();
        let config = &student.config;
        let sizes = [
            config.dim,
            config.ffn_dim,
            config.decoder_ffn_dim.unwrap_or(config.ffn_dim),
            config.encoder_layers,
            config.decoder_layers,
            config.source_vocab_size,
            config.target_vocab_size,
        ];
        let mut actual = vec![config.source_lang.clone(), config.target_lang.clone()];
        actual.extend(sizes.iter().map(ToString::to_string));
        assert_eq!(actual, expected, "{shape}");
        let shared = Arc::ptr_eq(&student.source, &student.target);
        assert_eq!(shared, ["tiny", "base-memory"].contains(&shape), "{shape}");
    }
}

#[test]
fn among_the_candidates_of_a_shortlist_the_best_score_wins_whoever_shares_the_batch() {
    for shape in SHAPES {
        for compute in [ComputeType::Int8, ComputeType::F32] {
            let student = Student::load(&folder(shape), compute).unwrap();
            assert!(student.shortlist.is_some(), "{shape}");
            let sources: Vec<_> = lines(shape)
                .iter()
                .map(|line| source(&student, &line.text))
                .collect();
            let refs: Vec<&[TokenId]> = sources.iter().map(Vec::as_slice).collect();
            let mut state = student.empty_state().unwrap();
            let encoded = student.encode(&refs).unwrap();
            state.join(encoded.into_iter().map(Arc::new)).unwrap();
            for banned in [TokenId(u32::MAX), TokenId(2)] {
                let step = student.step(&mut state).unwrap();
                let scores: Vec<Vec<f32>> =
                    student.logits(&step.hidden).unwrap().to_vec2().unwrap();
                let ask = |row| Ask {
                    banned: vec![banned],
                    whole_vocabulary: row == 1,
                    ..Ask::best()
                };
                let asks: Vec<Ask> = (0..state.len()).map(ask).collect();
                let best: Vec<(usize, TokenId)> = student
                    .rank(&state, &step.hidden, &asks)
                    .unwrap()
                    .iter()
                    .map(|ranked| ranked.tokens[0].0)
                    .enumerate()
                    .collect();
                for (scores, &(row, best)) in scores.iter().zip(&best) {
                    let candidates = state.rows[row]
                        .encoded
                        .candidates
                        .as_ref()
                        .unwrap()
                        .outputs();
                    assert!(candidates.len() < scores.len(), "{shape}");
                    let all: Vec<_> = (0..scores.len() as u32).map(TokenId).collect();
                    let offered = if row == 1 { &all } else { candidates };
                    let expected = offered
                        .iter()
                        .filter(|id| **id != banned)
                        .max_by(|a, b| scores[a.0 as usize].total_cmp(&scores[b.0 as usize]));
                    assert_eq!(Some(&best), expected, "{shape} {compute:?} row {row}");
                }
                state.advance(&best).unwrap();
            }
        }
    }
}
