use super::*;
use crate::model::TokenId;
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

/// A lexical shortlist file: `first` tokens always, and for each source token its translations.
fn shortlist(first: u64, lists: &[&[u32]]) -> Vec<u8> {
    let ids: Vec<u32> = lists.concat();
    let mut file = Vec::new();
    let header = [0xF11A_48D5_0134_17F5, 0, first, 50, lists.len() as u64 + 1];
    for number in header.into_iter().chain([ids.len() as u64]) {
        file.extend(number.to_le_bytes());
    }
    let mut offset = 0u64;
    for list in [&[][..]].iter().chain(lists) {
        offset += list.len() as u64;
        file.extend(offset.to_le_bytes());
    }
    ids.iter().for_each(|id| file.extend(id.to_le_bytes()));
    file
}

#[test]
fn a_shortlist_leaves_the_frequent_tokens_the_source_and_its_translations() {
    let file = Scratch::new("lex.bin", &shortlist(3, &[&[], &[40], &[41, 2], &[42]]));
    let candidates = |shared, source: &[u32]| -> Vec<u32> {
        let source: Vec<TokenId> = source.iter().map(|id| TokenId(*id)).collect();
        let list = Shortlist::open(&file.0, 4, 50, shared).unwrap();
        list.candidates(&source).iter().map(|id| id.0).collect()
    };
    // Made up to eight with the tokens that come next.
    assert_eq!(candidates(false, &[2, 0]), [0, 1, 2, 3, 4, 5, 6, 41]);
    assert_eq!(candidates(false, &[1, 3]), [0, 1, 2, 3, 4, 5, 40, 42]);
    assert_eq!(candidates(true, &[3, 3]), [0, 1, 2, 3, 4, 5, 6, 42]);
    // A token that the file does not have is no error.
    assert_eq!(candidates(true, &[30]), [0, 1, 2, 3, 4, 5, 6, 30]);
}

#[test]
fn a_shortlist_is_not_made_up_with_tokens_that_there_are_not() {
    let all: Vec<u32> = (0..10).collect();
    let file = Scratch::new("lex-all.bin", &shortlist(1, &[&all, &[]]));
    let list = Shortlist::open(&file.0, 2, 10, false).unwrap();
    let ids: Vec<u32> = list
        .candidates(&[TokenId(0)])
        .iter()
        .map(|id| id.0)
        .collect();
    assert_eq!(ids, all);
}

#[test]
fn a_damaged_shortlist_says_which_field_is_wrong() {
    let whole = shortlist(3, &[&[], &[40], &[41, 2], &[42]]);
    let with = |at: usize, number: u64| {
        let mut file = whole.clone();
        file[at..at + 8].copy_from_slice(&number.to_le_bytes());
        file
    };
    let cases = [
        (with(0, 1), "magic"),
        (with(16, u64::MAX - 4), "first tokens"),
        (with(16, 0), "first tokens"),
        (with(32, 4), "4 offsets"),
        (with(40, u64::MAX), "ids"),
        (with(40, 5), "5 ids"),
        (with(48, 9), "offset 0"),
        (with(56, 4), "offset 2"),
        (whole[..whole.len() - 1].to_vec(), "bytes long"),
        (whole[..50].to_vec(), "bytes long"),
        (whole[..20].to_vec(), "header"),
        (shortlist(3, &[&[], &[40], &[60, 2], &[42]]), "token 60"),
    ];
    for (at, (bytes, said)) in cases.into_iter().enumerate() {
        let file = Scratch::new(&format!("lex-{at}.bin"), &bytes);
        match Shortlist::open(&file.0, 4, 50, true) {
            Ok(_) => panic!("case {at} was read"),
            Err(error) => assert!(error.to_string().contains(said), "case {at}: {error}"),
        }
    }
}

#[test]
fn a_tensor_of_absurd_dimensions_is_refused_whether_or_not_it_is_used() {
    let gguf = |sizes: [u64; 2]| {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        for number in [1, 0, 1] {
            bytes.extend(u64::to_le_bytes(number)); // tensors, settings, length of the name
        }
        bytes.push(b'x');
        bytes.extend(2u32.to_le_bytes());
        sizes
            .iter()
            .for_each(|size| bytes.extend(size.to_le_bytes()));
        bytes.extend(0u32.to_le_bytes());
        bytes.extend(0u64.to_le_bytes());
        bytes.resize(128, 0);
        let file = Scratch::new("absurd.gguf", &bytes);
        GgufFile::open(&file.0).map(|file| file.parameters())
    };
    assert_eq!(gguf([4, 8]).unwrap(), 32);
    let error = gguf([1 << 40, 1 << 40]).unwrap_err().to_string();
    assert!(error.contains("tensor x is too large"), "{error}");
}
