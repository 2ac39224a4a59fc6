//! Our own form: weights and configuration.

use crate::{
    memory::alone,
    models::Scratch,
    ours::{WEIGHTS, ours},
};

#[test]
fn a_safetensors_file_cut_anywhere_is_an_error_that_names_it() {
    let _alone = alone();
    let scratch = Scratch::new("cut-safetensors");
    let whole = ours();
    let length = whole[WEIGHTS].len();
    let header = u64::from_le_bytes(whole[WEIGHTS][..8].try_into().unwrap()) as usize;
    let cuts = (0..16).chain((16..length).step_by(61)).chain([
        8 + header - 1,
        8 + header,
        8 + header + 1,
        length - 1,
    ]);
    for end in cuts {
        let mut files = whole.clone();
        files.get_mut(WEIGHTS).unwrap().truncate(end);
        let error = scratch.error(&files, &format!("cut at {end}"));
        assert!(
            error.contains(WEIGHTS) && error.contains("not a safetensors file"),
            "cut at {end}: {error}"
        );
    }
}

#[test]
fn absurd_numbers_in_a_safetensors_file_are_errors_that_name_them() {
    let _alone = alone();
    let scratch = Scratch::new("absurd-safetensors");
    let replaced = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let mut files = ours();
        let file = files.get_mut(WEIGHTS).unwrap();
        let at = file
            .windows(from.len())
            .position(|window| window == from.as_bytes());
        file[at.unwrap()..][..from.len()].copy_from_slice(to.as_bytes());
        files
    };
    let length = |bytes: u64| {
        let mut files = ours();
        files.get_mut(WEIGHTS).unwrap()[..8].copy_from_slice(&bytes.to_le_bytes());
        files
    };
    for (files, expected) in [
        (length(u64::MAX), "not a safetensors file"),
        (length(0), "not a safetensors file"),
        (length(99_999_999), "not a safetensors file"),
        (replaced("[64,8]", "[64,9]"), "not a safetensors file"),
        (
            replaced("[64,8]", "[8,64]"),
            "where config.json says [64, 8]",
        ),
        (replaced("\"F32\"", "\"I32\""), "is of type I32"),
        (replaced("\"F32\"", "\"F99\""), "not a safetensors file"),
        (
            replaced("output.bias", "output.pias"),
            "tensor output.bias is missing",
        ),
        (replaced("[64]", "[-4]"), "not a safetensors file"),
    ] {
        let error = scratch.error(&files, expected);
        assert!(
            error.contains(WEIGHTS) && error.contains(expected),
            "{expected} is not in {error}"
        );
    }
}

#[test]
fn a_damaged_configuration_is_an_error_that_names_it() {
    let _alone = alone();
    let scratch = Scratch::new("config");
    let whole = ours();
    for end in 0..whole["config.json"].len() {
        let mut files = whole.clone();
        files.get_mut("config.json").unwrap().truncate(end);
        let error = scratch.error(&files, &format!("cut at {end}"));
        assert!(error.contains("config.json"), "cut at {end}: {error}");
    }
}
