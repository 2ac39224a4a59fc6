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

use super::{Blocks, Format, WeightsError, finite, map, release};
use memmap2::Mmap;
use std::{collections::HashMap, ops::Range, path::Path, sync::Arc};

/// A GGUF file, mapped into memory.
pub struct GgufFile {
    map: Arc<Mmap>,
    settings: HashMap<String, Value>,
    tensors: HashMap<String, Entry>,
}

enum Value {
    Integer(i64),
    Float(f64),
    Flag(bool),
    Text(Range<usize>),
    List {
        of: u32,
        count: u64,
        bytes: Range<usize>,
    },
}

struct Entry {
    /// As the file has them: the columns first.
    dimensions: Vec<u64>,
    format: u32,
    /// From the start of the file.
    offset: u64,
}

/// What a value's type is called in the file.
mod kind {
    pub const BOOL: u32 = 7;
    pub const STRING: u32 = 8;
    pub const LIST: u32 = 9;
    pub const F32: u32 = 6;
    pub const F64: u32 = 12;
}

impl GgufFile {
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let map = map(path)?;
        let (settings, tensors) = parse(&map).map_err(WeightsError::Gguf)?;
        Ok(GgufFile {
            map,
            settings,
            tensors,
        })
    }

    /// Numbers in all tensors.
    pub fn parameters(&self) -> usize {
        let numbers = |entry: &Entry| entry.dimensions.iter().product::<u64>() as usize;
        self.tensors.values().map(numbers).sum()
    }

    pub fn has_tensor(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// `[rows][columns]`, a row an output's weights, still in the file's blocks.
    pub fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Blocks, String> {
        let blocks = self.blocks(name)?;
        if (blocks.rows(), blocks.columns()) != (rows, columns) {
            return Err(format!(
                "tensor {name} has {} rows of {} where {rows} of {columns} are needed",
                blocks.rows(),
                blocks.columns()
            ));
        }
        Ok(blocks)
    }

    pub fn vector(&self, name: &str, size: usize) -> Result<Vec<f32>, String> {
        let blocks = self.matrix(name, 1, size)?;
        let mut values = vec![0f32; size];
        blocks.read_row(0, &mut values);
        finite(name, values)
    }

    /// Of a tensor with at most two dimensions.
    fn blocks(&self, name: &str) -> Result<Blocks, String> {
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

    /// Lets go of the file's pages in memory: what is read again is mapped again.
    pub fn release(&self) {
        release(&self.map);
    }
}

type Parsed = (HashMap<String, Value>, HashMap<String, Entry>);

fn parse(bytes: &[u8]) -> Result<Parsed, String> {
    let mut reader = Reader { bytes, at: 0 };
    if reader.array()? != *b"GGUF" {
        return Err("it does not begin with the letters GGUF".into());
    }
    match u32::from_le_bytes(reader.array()?) {
        2 | 3 => {}
        other => {
            return Err(format!(
                "its version is {other}; versions 2 and 3, little-endian, are read here"
            ));
        }
    }
    let (tensor_count, setting_count) = (reader.u64()?, reader.u64()?);
    let mut settings = HashMap::new();
    for _ in 0..setting_count {
        let name = reader.name()?;
        let kind = reader.u32()?;
        let value = reader.value(kind)?;
        if settings.insert(name.clone(), value).is_some() {
            return Err(format!("its setting {name} stands twice"));
        }
    }
    let mut tensors = HashMap::new();
    for _ in 0..tensor_count {
        let name = reader.name()?;
        let rank = reader.u32()?;
        if rank > 4 {
            return Err(format!("tensor {name} has {rank} dimensions"));
        }
        let dimensions = (0..rank).map(|_| reader.u64()).collect::<Result<_, _>>()?;
        let entry = Entry {
            dimensions,
            format: reader.u32()?,
            offset: reader.u64()?,
        };
        if tensors.insert(name.clone(), entry).is_some() {
            return Err(format!("tensor {name} stands twice"));
        }
    }
    let alignment = match settings.get("general.alignment") {
        Some(Value::Integer(alignment)) if (1..=1 << 20).contains(alignment) => *alignment as u64,
        Some(_) => return Err("its alignment is not a number of bytes".into()),
        None => 32,
    };
    let data = (reader.at as u64).next_multiple_of(alignment);
    for (name, entry) in &mut tensors {
        entry.offset = entry
            .offset
            .checked_add(data)
            .filter(|offset| *offset <= bytes.len() as u64)
            .ok_or_else(|| {
                format!("tensor {name} begins behind the end of the file: fetch it again")
            })?;
    }
    Ok((settings, tensors))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, count: u64) -> Result<Range<usize>, String> {
        let end = usize::try_from(count)
            .ok()
            .and_then(|count| self.at.checked_add(count))
            .filter(|end| *end <= self.bytes.len())
            .ok_or("it ends in the middle of its head: fetch it again")?;
        let range = self.at..end;
        self.at = end;
        Ok(range)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let range = self.take(N as u64)?;
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes[range]);
        Ok(array)
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Result<Range<usize>, String> {
        let length = self.u64()?;
        self.take(length)
    }

    fn name(&mut self) -> Result<String, String> {
        let bytes = self.text()?;
        std::str::from_utf8(&self.bytes[bytes])
            .map(str::to_owned)
            .map_err(|_| "a name in it is not UTF-8".into())
    }

    fn value(&mut self, kind: u32) -> Result<Value, String> {
        Ok(match kind {
            0 => Value::Integer(self.array().map(u8::from_le_bytes)?.into()),
            1 => Value::Integer(self.array().map(i8::from_le_bytes)?.into()),
            2 => Value::Integer(self.array().map(u16::from_le_bytes)?.into()),
            3 => Value::Integer(self.array().map(i16::from_le_bytes)?.into()),
            4 => Value::Integer(self.u32()?.into()),
            5 => Value::Integer(self.array().map(i32::from_le_bytes)?.into()),
            kind::F32 => Value::Float(self.array().map(f32::from_le_bytes)?.into()),
            kind::BOOL => Value::Flag(self.array::<1>()? != [0]),
            kind::STRING => Value::Text(self.text()?),
            kind::LIST => self.walk_list()?,
            10 => Value::Integer(self.u64()?.min(i64::MAX as u64) as i64),
            11 => Value::Integer(self.array().map(i64::from_le_bytes)?),
            kind::F64 => Value::Float(self.array().map(f64::from_le_bytes)?),
            other => return Err(format!("it holds a value of the unknown type {other}")),
        })
    }

    /// Finds where a list ends.
    fn walk_list(&mut self) -> Result<Value, String> {
        let (of, count) = (self.u32()?, self.u64()?);
        let start = self.at;
        let size = match of {
            0 | 1 | kind::BOOL => Some(1),
            2 | 3 => Some(2),
            4 | 5 | kind::F32 => Some(4),
            10 | 11 | kind::F64 => Some(8),
            kind::STRING => None,
            other => return Err(format!("it holds a list of the unknown type {other}")),
        };
        match size {
            Some(size) => {
                self.take(count.saturating_mul(size))?;
            }
            None => {
                for _ in 0..count {
                    self.text()?;
                }
            }
        }
        Ok(Value::List {
            of,
            count,
            bytes: start..self.at,
        })
    }
}
