//! Files that are refused: pickles by their names, and whatever does not begin as its name promises.
//!
//! A pickle is a program that rebuilds an object, so loading one may run anything. Nothing here
//! loads one; refusing them keeps them from lying around where something else would.

use super::FetchError;
use crate::catalog::entry::Engine;
use std::{fs::File, io::Read, path::Path};

pub const PICKLES: [&str; 5] = [".pt", ".pth", ".pkl", ".pickle", ".ckpt"];

/// Whether a file is a pickle by its name. Marian's own containers end in `.bin`, as PyTorch's pickles
/// do: the weights and the shortlist of a student are none.
pub fn is_pickle(path: &str, engine: Engine) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let container = engine == Engine::Student
        && ["model.", "lex."]
            .iter()
            .any(|prefix| name.starts_with(prefix));
    PICKLES.iter().any(|ending| name.ends_with(ending)) || name.ends_with(".bin") && !container
}

/// Refuses a pickle by its name, before anything is fetched.
pub fn check_name(name: &str, engine: Engine) -> Result<(), FetchError> {
    match is_pickle(name, engine) {
        true => Err(FetchError::Pickle {
            name: name.to_owned(),
        }),
        false => Ok(()),
    }
}

/// Refuses a file that does not begin as its `name` promises.
pub fn check_start(path: &Path, name: &str) -> Result<(), FetchError> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(64).read_to_end(&mut start))
        .map_err(FetchError::at(path))?;
    match promised(name, &start) {
        Some((true, _)) => Ok(()),
        Some((false, expected)) => Err(FetchError::Content {
            name: name.to_owned(),
            actual: kind(&start).unwrap_or("something else"),
            expected,
        }),
        // Vocabularies and texts have no mark of their own.
        None => match kind(&start) {
            None => Ok(()),
            Some(actual) => Err(FetchError::Content {
                name: name.to_owned(),
                actual,
                expected: "a model's file",
            }),
        },
    }
}

/// Whether a file of a known kind begins as it must.
fn promised(name: &str, start: &[u8]) -> Option<(bool, &'static str)> {
    let lower = name.to_ascii_lowercase();
    let ending = lower.rsplit('.').next()?;
    let number = start
        .first_chunk::<8>()
        .map(|bytes| u64::from_le_bytes(*bytes));
    Some(match ending {
        // The length of the header, then the header, which is JSON.
        "safetensors" => (start.get(8) == Some(&b'{'), "safetensors"),
        "gguf" => (start.starts_with(b"GGUF"), "GGUF"),
        "json" => {
            let first = start.iter().find(|b| !b.is_ascii_whitespace());
            (matches!(first, Some(b'{' | b'[' | b'"')), "JSON")
        }
        // Marian's io::binary, BINARY_FILE_VERSION.
        "bin" if lower.starts_with("model.") => (number == Some(1), "Marian's weights"),
        // Marian's data::BinaryShortlist, BINARY_SHORTLIST_MAGIC.
        "bin" if lower.starts_with("lex.") => {
            (number == Some(0xF11A_48D5_0134_17F5), "Marian's shortlist")
        }
        "bin" => (false, "Marian's weights"),
        _ => return None,
    })
}

/// What no file of a model is.
fn kind(start: &[u8]) -> Option<&'static str> {
    match start {
        [] => Some("nothing"),
        [0x80, 2..=5, ..] => Some("a pickle"),
        [b'P', b'K', 3, 4, ..] => Some("a zip archive (PyTorch keeps pickles in them)"),
        _ if start.trim_ascii_start().starts_with(b"<") => Some("a web page"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pickles_are_refused_by_name_and_marians_containers_are_not() {
        for name in ["pytorch_model.bin", "a/b.PT", "w.ckpt.gz", "x.pkl"] {
            assert!(check_name(name, Engine::Marian).is_err(), "{name}");
        }
        for (name, engine) in [
            ("model.fren.intgemm.alphas.bin.gz", Engine::Student),
            ("model.safetensors", Engine::Marian),
            ("model.gguf", Engine::Causal),
        ] {
            assert!(check_name(name, engine).is_ok(), "{name}");
        }
        assert!(check_name("model.pt", Engine::Student).is_err());
    }

    #[test]
    fn a_file_that_begins_otherwise_than_its_name_promises_is_refused() {
        let path = std::env::temp_dir().join(format!("depeche-content-{}", std::process::id()));
        let safetensors = b"\x80\x02\0\0\0\0\0\0{\"__metadata__\":{}}".as_slice();
        for (name, bytes, fine) in [
            ("model.safetensors", safetensors, true),
            ("model.safetensors", b"\x80\x02}q\0X\x05\0\0\0", false),
            ("model.safetensors", b"PK\x03\x04model/data.pkl", false),
            ("model.fren.bin", b"\x01\0\0\0\0\0\0\0rest", true),
            ("model.fren.bin", b"\x80\x04\x95\0\0\0\0\0", false),
            ("vocab.fren.spm", b"\n\x0b\n\x05<unk>", true),
            ("vocab.fren.spm", b"\x80\x04\x95\0\0\0\0\0", false),
            ("a.gguf", b"<html>sign in", false),
            ("a.gguf", b"GGUF\x03\0\0\0", true),
            ("config.json", b"\xef", false),
            ("config.json", b" {}", true),
            ("config.json", b"", false),
            ("vocab.fren.spm", b"", false),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let result = check_start(&path, name);
            assert_eq!(result.is_ok(), fine, "{name} {bytes:?}: {result:?}");
        }
        std::fs::remove_file(path).unwrap();
    }
}
