//! Small models that load, and folders in which they are damaged.

use crate::memory;
use depeche::model::{Ask, ComputeType, ModelError, Student, TokenId};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// What loading may take for each byte of the folder. A vocabulary's piece of two bytes takes forty, doubled while the
/// list of them grows.
const MEMORY_PER_BYTE: usize = 48;
/// What loading takes whatever the files hold: positions, messages, the test's own.
const MEMORY_IN_ANY_CASE: usize = 256 << 10;

/// Files of a model by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A folder of a test's own, removed at its end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("depeche-malformed-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }

    /// Loads the model whose files these are.
    pub fn load(&self, files: &Files, compute: ComputeType) -> Result<Student, ModelError> {
        for (name, bytes) in files {
            fs::write(self.0.join(name), bytes).unwrap();
        }
        let size: usize = files.values().map(Vec::len).sum();
        let (loaded, taken) = memory::taken_by(|| Student::load(&self.0, compute));
        assert!(
            taken <= MEMORY_PER_BYTE * size + MEMORY_IN_ANY_CASE,
            "{taken} bytes of memory for {size} bytes of files"
        );
        loaded
    }

    /// The error of a model that must not load.
    pub fn error(&self, files: &Files, what: &str) -> String {
        match self.load(files, ComputeType::Int8) {
            Ok(_) => panic!("{what}: loaded"),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub const MODEL: &str = "model.fren.intgemm.alphas.bin";
pub const VOCABULARY: &str = "vocab.fren.spm";

/// The small student of Mozilla's form.
pub fn marian() -> Files {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/students/tiny");
    [MODEL, VOCABULARY]
        .map(|name| (name.to_owned(), fs::read(folder.join(name)).unwrap()))
        .into()
}

/// Translates a few words, as far as three tokens: what a damaged model says does not matter.
pub fn run(student: &Student) {
    let tokens = student.source.encode("the cat sat on a mat, été");
    let source: Vec<TokenId> = tokens
        .into_iter()
        .map(|token| token.id)
        .chain([student.config.end()])
        .collect();
    let encoded = student.encode(&[&source]).unwrap();
    let mut state = student.empty_state().unwrap();
    state.join(encoded.into_iter().map(Into::into)).unwrap();
    for _ in 0..3 {
        let step = student.step(&mut state).unwrap();
        let ranked = student.rank(&state, &step.hidden, &[Ask::best()]).unwrap();
        // Scores that are no numbers leave none.
        let best = ranked[0].tokens.first().map_or(TokenId(0), |best| best.0);
        student.target.decode(&[best]);
        state.advance(&[(0, best)]).unwrap();
    }
}
