//! Marian's container, taken apart and put together.

use crate::models::{Files, MODEL, marian};

#[derive(Clone)]
pub struct Tensor {
    pub name: String,
    pub kind: u64,
    pub shape: Vec<i32>,
    pub data: Vec<u8>,
}

pub struct Container {
    pub tensors: Vec<Tensor>,
    /// Where each part of each section ends.
    pub ends: Vec<usize>,
}

pub fn take_apart(file: &[u8]) -> Container {
    let u64_at = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
    let count = u64_at(8) as usize;
    let mut ends = vec![8, 16];
    let mut at = 16;
    let mut next = |length: usize| {
        at += length;
        ends.push(at);
        at - length
    };
    let headers: Vec<[u64; 4]> = (0..count)
        .map(|_| {
            let at = next(32);
            [0, 8, 16, 24].map(|offset| u64_at(at + offset))
        })
        .collect();
    let names: Vec<String> = headers
        .iter()
        .map(|[name, ..]| {
            let at = next(*name as usize);
            let bytes = &file[at..at + *name as usize - 1];
            String::from_utf8(bytes.to_vec()).unwrap()
        })
        .collect();
    let shapes: Vec<Vec<i32>> = headers
        .iter()
        .map(|[_, _, dimensions, _]| {
            let at = next(4 * *dimensions as usize);
            let shape = &file[at..at + 4 * *dimensions as usize];
            let sizes = shape.chunks_exact(4);
            sizes
                .map(|size| i32::from_le_bytes(size.try_into().unwrap()))
                .collect()
        })
        .collect();
    let gap = next(8);
    next(u64_at(gap) as usize);
    let tensors = headers
        .iter()
        .zip(names)
        .zip(shapes)
        .map(|(([_, kind, _, length], name), shape)| {
            let at = next(*length as usize);
            Tensor {
                name,
                kind: *kind,
                shape,
                data: file[at..at + *length as usize].to_vec(),
            }
        })
        .collect();
    assert_eq!(ends.last(), Some(&file.len()));
    Container { tensors, ends }
}

pub fn put_together(tensors: &[Tensor]) -> Vec<u8> {
    let mut file = Vec::new();
    let number = |file: &mut Vec<u8>, value: usize| file.extend((value as u64).to_le_bytes());
    number(&mut file, 1);
    number(&mut file, tensors.len());
    for tensor in tensors {
        for size in [
            tensor.name.len() + 1,
            tensor.kind as usize,
            tensor.shape.len(),
            tensor.data.len(),
        ] {
            number(&mut file, size);
        }
    }
    for tensor in tensors {
        file.extend(tensor.name.as_bytes());
        file.push(0);
    }
    for tensor in tensors {
        let sizes = tensor.shape.iter();
        sizes.for_each(|size| file.extend(size.to_le_bytes()));
    }
    number(&mut file, 0);
    tensors.iter().for_each(|tensor| file.extend(&tensor.data));
    file
}

/// The small student with its container changed.
pub fn changed(change: impl FnOnce(&mut Vec<Tensor>)) -> Files {
    let mut files = marian();
    let mut tensors = take_apart(&files[MODEL]).tensors;
    change(&mut tensors);
    files.insert(MODEL.into(), put_together(&tensors));
    files
}

pub fn find<'a>(tensors: &'a mut [Tensor], name: &str) -> &'a mut Tensor {
    tensors
        .iter_mut()
        .find(|tensor| tensor.name == name)
        .unwrap()
}

/// The small student with a setting of its configuration changed.
pub fn set(key: &str, value: &str) -> Files {
    changed(|tensors| {
        let config = find(tensors, "special:model.yml");
        let text = String::from_utf8(config.data.clone()).unwrap();
        let lines: Vec<String> = text
            .lines()
            .map(|line| match line.strip_prefix(key) {
                Some(rest) if rest.starts_with(':') => format!("{key}: {value}"),
                _ => line.to_owned(),
            })
            .collect();
        config.data = lines.join("\n").into_bytes();
        config.shape = vec![config.data.len() as i32];
    })
}

/// The small student with the bytes at a place of its container replaced.
pub fn patched(at: usize, bytes: &[u8]) -> Files {
    let mut files = marian();
    let file = files.get_mut(MODEL).unwrap();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    files
}
