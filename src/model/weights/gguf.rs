//! GGUF, the format of llama.cpp: settings and vocabulary in one file with the weights
//! (<https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>).
//!
//! ```text
//! "GGUF" version tensors settings        4 bytes, u32, u64, u64
//! settings × (name type value)           lists are walked here and read when they are asked for
//! tensors × (name dimensions format offset)
//! padding to the alignment, then the tensors' data
//! ```
//! Nothing is allocated by what a count in the file says: each item takes bytes that must be there.

mod head;

use super::{Blocks, Format, Matrix, Tensors, WeightsError, finite, finite_rows, map, release};
use head::{Entry, Reader, Value, kind};
use memmap2::Mmap;
use std::{collections::HashMap, path::Path, sync::Arc};

/// A GGUF file, mapped into memory.
pub struct GgufFile {
    map: Arc<Mmap>,
    settings: HashMap<String, Value>,
    tensors: HashMap<String, Entry>,
}

impl GgufFile {
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let map = map(path)?;
        let (settings, tensors) = head::parse(&map).map_err(WeightsError::Gguf)?;
        Ok(GgufFile {
            map,
            settings,
            tensors,
        })
    }

    /// `[rows][columns]`, a row an output's weights, still in the file's blocks.
    pub fn blocks(&self, name: &str, rows: usize, columns: usize) -> Result<Blocks, String> {
        let blocks = self.all_blocks(name)?;
        if (blocks.rows(), blocks.columns()) != (rows, columns) {
            return Err(format!(
                "tensor {name} has {} rows of {} where {rows} of {columns} are needed",
                blocks.rows(),
                blocks.columns()
            ));
        }
        Ok(blocks)
    }

    /// Of a tensor with at most two dimensions.
    fn all_blocks(&self, name: &str) -> Result<Blocks, String> {
        let entry = self
            .tensors
            .get(name)
            .ok_or_else(|| format!("tensor {name} is missing"))?;
        let format = Format::of(entry.format).ok_or_else(|| {
            format!(
                "tensor {name} is in format {}, which is not read here: take a file with {}",
                entry.format,
                Format::names()
            )
        })?;
        let &[columns, ref rest @ ..] = &entry.dimensions[..] else {
            return Err(format!("tensor {name} has no dimensions"));
        };
        let rows = match rest {
            [] => 1,
            [rows] => *rows,
            _ => return Err(format!("tensor {name} has more than two dimensions")),
        };
        let whole_blocks = columns > 0 && columns.is_multiple_of(format.block_size() as u64);
        if !whole_blocks || rows == 0 {
            return Err(format!(
                "tensor {name} has {rows} rows of {columns}, not whole blocks of {}",
                format.block_size()
            ));
        }
        let end = (columns / format.block_size() as u64)
            .checked_mul(format.block_bytes() as u64)
            .and_then(|row| row.checked_mul(rows))
            .and_then(|size| size.checked_add(entry.offset))
            .filter(|end| *end <= self.map.len() as u64)
            .ok_or_else(|| {
                format!("tensor {name} ends behind the end of the file: fetch it again")
            })?;
        let bytes = entry.offset as usize..end as usize;
        Ok(Blocks::new(
            Arc::clone(&self.map),
            bytes,
            format,
            rows as usize,
            columns as usize,
        ))
    }

    pub fn integer(&self, name: &str) -> Option<u64> {
        match self.settings.get(name)? {
            Value::Integer(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    pub fn float(&self, name: &str) -> Option<f64> {
        match self.settings.get(name)? {
            Value::Float(value) => Some(*value),
            Value::Integer(value) => Some(*value as f64),
            _ => None,
        }
    }

    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.settings.get(name)? {
            Value::Flag(value) => Some(*value),
            _ => None,
        }
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        match self.settings.get(name)? {
            Value::Text(bytes) => std::str::from_utf8(&self.map[bytes.clone()]).ok(),
            _ => None,
        }
    }

    /// A list of texts; none where it is not one or a text of it is not UTF-8.
    pub fn texts(&self, name: &str) -> Option<Vec<&str>> {
        let (reader, count) = self.list(name, |of| of == kind::STRING)?;
        let mut reader = reader;
        (0..count)
            .map(|_| {
                let bytes = reader.text().ok()?;
                std::str::from_utf8(&self.map[bytes]).ok()
            })
            .collect()
    }

    pub fn floats(&self, name: &str) -> Option<Vec<f32>> {
        let (mut reader, count) = self.list(name, |of| of == kind::F32)?;
        (0..count)
            .map(|_| reader.array().ok().map(f32::from_le_bytes))
            .collect()
    }

    pub fn integers(&self, name: &str) -> Option<Vec<i64>> {
        let of = match self.settings.get(name)? {
            Value::List { of, .. } => *of,
            _ => return None,
        };
        let (mut reader, count) = self.list(name, |_| true)?;
        (0..count)
            .map(|_| match reader.value(of).ok()? {
                Value::Integer(value) => Some(value),
                Value::Flag(value) => Some(i64::from(value)),
                _ => None,
            })
            .collect()
    }

    fn list(&self, name: &str, wanted: impl Fn(u32) -> bool) -> Option<(Reader<'_>, u64)> {
        match self.settings.get(name)? {
            Value::List { of, count, bytes } if wanted(*of) => Some((
                Reader {
                    bytes: &self.map[..bytes.end],
                    at: bytes.start,
                },
                *count,
            )),
            _ => None,
        }
    }
}

impl Tensors for GgufFile {
    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, String> {
        finite_rows(name, Matrix::blocks(self.blocks(name, rows, columns)?))
    }

    fn vector(&self, name: &str, size: usize) -> Result<Vec<f32>, String> {
        let blocks = self.blocks(name, 1, size)?;
        let mut values = vec![0f32; size];
        blocks.read_row(0, &mut values);
        finite(name, values)
    }

    fn holds(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn parameters(&self) -> usize {
        let numbers = self.tensors.values().map(|entry| entry.numbers as usize);
        numbers.fold(0, usize::saturating_add)
    }

    fn release(&self) {
        release(&self.map);
    }
}
