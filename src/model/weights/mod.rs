//! Weights on disk, mapped into memory: one file a format, one trait over them.

mod blocks;
mod encoding;
mod gguf;
mod marian;
mod matrix;
mod safetensors;
mod shards;
mod shortlist;
#[cfg(test)]
mod test;

pub use self::safetensors::SafetensorsFile;
pub use blocks::{Block, Blocks, Format, dequantize};
pub use encoding::Encoding;
pub use gguf::GgufFile;
pub use marian::MarianFile;
pub use matrix::{Calibration, Matrix};
pub use shards::Shards;
pub use shortlist::Shortlist;

use memmap2::Mmap;
use std::{fs::File, path::Path, sync::Arc};

#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error("it cannot be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("it is not a safetensors file: {0}")]
    Safetensors(#[from] ::safetensors::SafeTensorError),
    #[error("it is not a Marian model: {0}")]
    Marian(String),
    #[error("it is not a GGUF file: {0}")]
    Gguf(String),
    #[error("it does not lead to the weights: {0}")]
    Index(String),
    #[error("it is not a lexical shortlist: {0}")]
    Shortlist(String),
    #[error(
        "it is a pickle, which is never opened here: convert it where you trust it, with \
         `AutoModelForSeq2SeqLM.from_pretrained(folder).save_pretrained(folder)` of transformers 4.35 or later"
    )]
    Pickle,
    #[error("{}", .0.join("; "))]
    Tensors(Vec<String>),
}

/// Named tensors. Errors name the tensor and say what is wrong with it.
pub trait Tensors {
    /// `[rows][columns]`, a row an output's weights.
    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, String>;
    fn vector(&self, name: &str, size: usize) -> Result<Vec<f32>, String>;
    /// Whether there is a tensor of that name.
    fn holds(&self, name: &str) -> bool;
    /// Numbers in all tensors, scales not counted.
    fn parameters(&self) -> usize;
    /// Lets go of the file's pages in memory: what is read again is mapped again.
    fn release(&self);
}

#[allow(unsafe_code)]
fn map(path: &Path) -> std::io::Result<Arc<Mmap>> {
    let file = File::open(path)?;
    // SAFETY: the map is read only. A model folder is replaced as a whole, never written in place,
    // so that the mapped file does not change under the map.
    Ok(Arc::new(unsafe { Mmap::map(&file)? }))
}

/// Takes the pages out of this process's memory. Where the system does not do so, they stay.
#[allow(unsafe_code)]
fn release(map: &Mmap) {
    #[cfg(unix)]
    {
        // SAFETY: the map is of a file and read only, so that a page read again is the file's.
        let _ = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
    }
    #[cfg(not(unix))]
    let _ = map;
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect()
}

fn finite(name: &str, values: Vec<f32>) -> Result<Vec<f32>, String> {
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(format!("tensor {name} holds {value}")),
        None => Ok(values),
    }
}

fn finite_rows(name: &str, matrix: Matrix) -> Result<Matrix, String> {
    let mut values = vec![0.0; matrix.columns()];
    for row in 0..matrix.rows() {
        matrix.read_row(row, &mut values);
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(format!("tensor {name} holds {value}"));
        }
    }
    Ok(matrix)
}
