//! Bytes changed anywhere: what still loads must run.

use crate::{
    container::take_apart,
    memory::alone,
    models::{Files, MODEL, Scratch, VOCABULARY, marian, run},
    ours::{WEIGHTS, ours},
};
use depeche::model::{ComputeType, TokenId, Tokenizer};
use proptest::prelude::*;
use std::{fs, path::Path};

/// Changes bytes of a file at places that are given as parts of its length.
fn flipped(mut files: Files, name: &str, length: usize, flips: &[(f64, u8)]) -> Files {
    let file = files.get_mut(name).unwrap();
    for (place, mask) in flips {
        file[(place * length as f64) as usize] ^= mask;
    }
    files
}

fn flips() -> impl Strategy<Value = Vec<(f64, u8)>> {
    prop::collection::vec((0.0..1.0, 1u8..), 1..4)
}

/// Loads and runs what may be a model yet.
fn survives(scratch: &Scratch, files: &Files, name: &str) {
    match scratch.load(files, ComputeType::Int8) {
        Ok(student) => run(&student),
        Err(error) => assert!(error.to_string().contains(name), "{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_of_a_marian_files_index_never_panic(flips in flips()) {
        let _alone = alone();
        let files = marian();
        let data: usize = take_apart(&files[MODEL]).tensors.iter().map(|tensor| tensor.data.len()).sum();
        let index = files[MODEL].len() - data;
        survives(&Scratch::new("flip-index"), &flipped(files, MODEL, index, &flips), MODEL);
    }

    #[test]
    fn flipped_bytes_of_a_marian_files_data_never_panic(flips in flips()) {
        let _alone = alone();
        let files = marian();
        let length = files[MODEL].len();
        survives(&Scratch::new("flip-data"), &flipped(files, MODEL, length, &flips), MODEL);
    }

    #[test]
    fn flipped_bytes_of_a_vocabulary_never_panic(flips in flips()) {
        let _alone = alone();
        let files = marian();
        let length = files[VOCABULARY].len();
        survives(&Scratch::new("flip-vocabulary"), &flipped(files, VOCABULARY, length, &flips), VOCABULARY);
    }

    #[test]
    fn flipped_bytes_of_a_safetensors_file_never_panic(flips in flips()) {
        let _alone = alone();
        let files = ours();
        let length = files[WEIGHTS].len();
        survives(&Scratch::new("flip-safetensors"), &flipped(files, WEIGHTS, length, &flips), WEIGHTS);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// On a real vocabulary, for its table of character replacements, which the small ones do not have.
    #[test]
    fn flipped_bytes_of_character_replacements_never_panic(
        flips in prop::collection::vec((0.0..1.0, 1u8..), 1..200),
    ) {
        let _alone = alone();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/fr-en/source.spm");
        let mut bytes = fs::read(path).unwrap();
        // The table is the file's largest field, near its end.
        let start = bytes.len() * 2 / 3;
        for (place, mask) in flips {
            let at = start + (place * (bytes.len() - start) as f64) as usize;
            bytes[at] ^= mask;
        }
        if let Ok(tokenizer) = Tokenizer::from_bytes(&bytes) {
            let tokens = tokenizer.encode("L’été dernier, « Marie » a envoyé ½ ﬁn Ωμέγα 😀 à Zoë.");
            let ids: Vec<TokenId> = tokens.iter().map(|token| token.id).collect();
            tokenizer.decode(&ids);
        }
    }
}
