//! The head of a GGUF file: names, settings, and where the tensors lie.

use std::{collections::HashMap, ops::Range};

pub enum Value {
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

pub struct Entry {
    /// As the file has them: the columns first.
    pub dimensions: Vec<u64>,
    /// Their product.
    pub numbers: u64,
    pub format: u32,
    /// From the start of the file.
    pub offset: u64,
}

/// What a value's type is called in the file.
pub mod kind {
    pub const BOOL: u32 = 7;
    pub const STRING: u32 = 8;
    pub const LIST: u32 = 9;
    pub const F32: u32 = 6;
    pub const F64: u32 = 12;
}

pub type Parsed = (HashMap<String, Value>, HashMap<String, Entry>);

pub fn parse(bytes: &[u8]) -> Result<Parsed, String> {
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
        let dimensions = (0..rank).map(|_| reader.u64());
        let dimensions = dimensions.collect::<Result<Vec<_>, _>>()?;
        let mut sizes = dimensions.iter();
        let numbers = sizes.try_fold(1u64, |numbers, size| numbers.checked_mul(*size));
        let entry = Entry {
            numbers: numbers.ok_or_else(|| format!("tensor {name} is too large to be one"))?,
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

/// What is left to read of a file.
pub struct Reader<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
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

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
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

    pub fn text(&mut self) -> Result<Range<usize>, String> {
        let length = self.u64()?;
        self.take(length)
    }

    fn name(&mut self) -> Result<String, String> {
        let bytes = self.text()?;
        std::str::from_utf8(&self.bytes[bytes])
            .map(str::to_owned)
            .map_err(|_| "a name in it is not UTF-8".into())
    }

    pub fn value(&mut self, kind: u32) -> Result<Value, String> {
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
