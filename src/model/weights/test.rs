use super::*;
use std::path::PathBuf;

/// A file of a test's own, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path =
            std::env::temp_dir().join(format!("depeche-weights-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const FLOAT32: u64 = 0x0404;
const INTGEMM8: u64 = 0x4101;

/// A Marian file of the tensors (name, type, shape, data).
fn marian(tensors: &[(&str, u64, &[i32], &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    let u64s = |file: &mut Vec<u8>, values: &[u64]| {
        values
            .iter()
            .for_each(|value| file.extend(value.to_le_bytes()))
    };
    u64s(&mut file, &[1, tensors.len() as u64]);
    for (name, kind, shape, data) in tensors {
        u64s(
            &mut file,
            &[
                name.len() as u64 + 1,
                *kind,
                shape.len() as u64,
                data.len() as u64,
            ],
        );
    }
    for (name, ..) in tensors {
        file.extend(name.as_bytes());
        file.push(0);
    }
    for (_, _, shape, _) in tensors {
        shape
            .iter()
            .for_each(|size| file.extend(size.to_le_bytes()));
    }
    u64s(&mut file, &[3]);
    file.extend([0; 3]);
    tensors.iter().for_each(|(.., data)| file.extend(*data));
    file
}

fn small() -> Vec<u8> {
    let mut weights: Vec<u8> = [1i8, 2, 3, -4, -5, -6].map(|q| q as u8).to_vec();
    weights.extend(2f32.to_le_bytes());
    weights.extend([0; 6]);
    let bias: Vec<u8> = [0.5f32, -0.5]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    marian(&[
        ("layer_W", INTGEMM8, &[3, 2], &weights),
        ("layer_b", FLOAT32, &[1, 2], &bias),
        ("special:model.yml", 0x0101, &[10], b"enc-depth: 6\n\0"),
    ])
}

#[test]
fn a_marian_matrix_is_read_by_outputs() {
    let scratch = Scratch::new("matrix", &small());
    let file = MarianFile::open(&scratch.0).unwrap();
    assert_eq!(
        file.matrix("layer_W", 2, 3).unwrap().to_f32(),
        [0.5, 1.0, 1.5, -2.0, -2.5, -3.0]
    );
    assert_eq!(file.vector("layer_b", 2).unwrap(), [0.5, -0.5]);
    assert_eq!(file.config(), "enc-depth: 6\n");
    assert_eq!(file.parameters(), 8);
}

#[test]
fn a_marian_file_that_is_cut_anywhere_is_an_error() {
    let whole = small();
    for end in 0..whole.len() {
        let scratch = Scratch::new(&format!("cut-{end}"), &whole[..end]);
        let error = MarianFile::open(&scratch.0)
            .err()
            .map(|error| error.to_string());
        // An empty file cannot be mapped on every system.
        let told = error.is_some_and(|error| {
            end == 0
                || error.contains("it ends within")
                || error.contains("more than the file holds")
        });
        assert!(told, "cut at {end}");
    }
}

#[test]
fn absurd_sizes_are_errors_without_allocation() {
    let mut version = small();
    version[0] = 9;
    let mut count = small();
    count[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("version", version, "version is 9"),
        ("count", count, "number of tensors"),
        (
            "negative",
            marian(&[("w", FLOAT32, &[-1, 2], &[0; 8])]),
            "negative",
        ),
        (
            "overflow",
            marian(&[("w", FLOAT32, &[i32::MAX, i32::MAX, i32::MAX], &[0; 8])]),
            "larger than the file",
        ),
        (
            "huge",
            marian(&[("w", FLOAT32, &[1 << 20, 1 << 10], &[0; 8])]),
            "larger than the file",
        ),
        (
            "dimensions",
            marian(&[("w", FLOAT32, &[1; 9], &[0; 8])]),
            "9 dimensions",
        ),
    ];
    for (name, bytes, reason) in cases {
        let scratch = Scratch::new(name, bytes);
        let error = MarianFile::open(&scratch.0)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(error.contains(reason), "{name}: {error}");
    }
}

#[test]
fn a_tensor_that_is_not_as_asked_for_is_named() {
    let short = marian(&[
        ("w", INTGEMM8, &[2, 2], &[1; 6]),
        ("b", FLOAT32, &[1, 4], &[0; 8]),
    ]);
    let scratch = Scratch::new("tensors", &short);
    let file = MarianFile::open(&scratch.0).unwrap();
    for (problem, expected) in [
        (
            file.matrix("w", 2, 2).err(),
            "tensor w has no usable quantisation multiplier",
        ),
        (
            file.matrix("w", 4, 2).err(),
            "tensor w is [2, 2], not of 8 elements",
        ),
        (file.matrix("b", 2, 2).err(), "tensor b is of type 0x404"),
        (file.vector("b", 4).err(), "tensor b is cut short"),
        (file.vector("c", 4).err(), "tensor c is missing"),
    ] {
        assert!(
            problem
                .as_deref()
                .is_some_and(|problem| problem.starts_with(expected)),
            "{problem:?} is not {expected}"
        );
    }
}
