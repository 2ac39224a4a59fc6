//! Marian's binary container, as Mozilla ships its students: little endian,
//! `version, n | n × (name length, type, dimensions, data length) | names | shapes | gap | data`.

use super::{Calibration, Matrix, Tensors, WeightsError, map};
use memmap2::Mmap;
use std::{
    collections::{HashMap, hash_map},
    ops::Range,
    path::Path,
    sync::Arc,
};

/// A mapped file and what is where in it.
pub struct MarianFile {
    map: Arc<Mmap>,
    tensors: HashMap<String, Entry>,
}

struct Entry {
    kind: u64,
    shape: Vec<usize>,
    data: Range<usize>,
}

const VERSION: u64 = 1;
const FLOAT32: u64 = 0x0404;
/// Int8 and then one f32, the multiplier: a value is `q / multiplier`.
const INTGEMM8: u64 = 0x4101;
/// Name of the tensor that holds the training configuration, YAML.
const CONFIG: &str = "special:model.yml";
/// The table of embeddings that source and target share.
const SHARED_TABLE: &str = "Wemb";
/// What stands for the output layer in the name of its `_QuantMultA`.
const OUTPUT: &str = "none";
/// More dimensions than any of Marian's tensors.
const MOST_DIMENSIONS: u64 = 8;

impl MarianFile {
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let map = map(path)?;
        let tensors = read_index(&map).map_err(WeightsError::Marian)?;
        Ok(MarianFile { map, tensors })
    }

    /// The file's own configuration, YAML; empty if it has none.
    pub fn config(&self) -> String {
        let bytes = self
            .tensors
            .get(CONFIG)
            .map_or(&[][..], |entry| &self.map[entry.data.clone()]);
        let end = bytes
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    }

    /// Shape of a tensor, as the file declares it.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|entry| &entry.shape[..])
    }

    /// The multiplier of the inputs of weights, if the file has one: `round(x * multiplier)` is what
    /// they were calibrated with.
    fn input_multiplier(&self, weights: &str) -> Option<f32> {
        // The table of embeddings is the output layer's weights, too, which has no name; where it is
        // the target's alone its own entry holds the multiplier, as if it were a weight.
        let multiplier = if weights.ends_with("Wemb") {
            // That of a shared table is of no use: embeddings are not computed with.
            let int8 = || {
                if weights == SHARED_TABLE {
                    return None;
                }
                let matrix = self.int8(&format!("{weights}_QuantMultA"), 1, 1).ok()?;
                let mut multiplier = [0.0];
                matrix.0.read_row(0, &mut multiplier);
                Some(multiplier[0])
            };
            self.number(&format!("{OUTPUT}_QuantMultA")).or_else(int8)
        } else {
            self.number(&format!("{weights}_QuantMultA"))
        };
        multiplier.filter(|multiplier| *multiplier > 0.0 && multiplier.recip().is_normal())
    }

    fn number(&self, name: &str) -> Option<f32> {
        self.vector(name, 1).ok()?.first().copied()
    }

    /// An int8 tensor as it lies there, and its multiplier.
    fn int8(&self, name: &str, rows: usize, columns: usize) -> Result<(Matrix, f32), String> {
        let entry = self.entry(name, INTGEMM8, rows * columns)?;
        let end = entry.data.start + rows * columns;
        let multiplier = self
            .map
            .get(end..end + 4)
            .filter(|_| end + 4 <= entry.data.end)
            .map(super::floats);
        match multiplier.as_deref() {
            Some([m]) if *m > 0.0 && m.recip().is_normal() => {
                let (map, bytes) = (self.map.clone(), entry.data.start..end);
                Ok((Matrix::int8(map, bytes, vec![1.0 / m; rows], columns), *m))
            }
            _ => Err(format!(
                "tensor {name} has no usable quantisation multiplier"
            )),
        }
    }

    fn entry(&self, name: &str, kind: u64, elements: usize) -> Result<&Entry, String> {
        let entry = self
            .tensors
            .get(name)
            .ok_or_else(|| format!("tensor {name} is missing"))?;
        let found: usize = entry.shape.iter().product();
        if entry.kind != kind {
            return Err(format!(
                "tensor {name} is of type {:#x} where {kind:#x} is read",
                entry.kind
            ));
        }
        if found != elements {
            return Err(format!(
                "tensor {name} is {:?}, not of {elements} elements",
                entry.shape
            ));
        }
        Ok(entry)
    }
}

impl Tensors for MarianFile {
    /// Weights lie transposed, so that a row is an output's, whatever shape is declared.
    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, String> {
        let entry = self.entry(name, INTGEMM8, rows * columns)?;
        let expected = if name.ends_with("Wemb") {
            [rows, columns]
        } else {
            [columns, rows]
        };
        if entry.shape != expected {
            return Err(format!(
                "tensor {name} is {:?} where {expected:?} is expected",
                entry.shape
            ));
        }
        let (matrix, multiplier) = self.int8(name, rows, columns)?;
        let calibration = self
            .input_multiplier(name)
            .map(|input_multiplier| Calibration {
                input_multiplier,
                output_scale: 1.0 / (input_multiplier * multiplier),
            });
        if calibration.is_some_and(|calibration| !calibration.output_scale.is_normal()) {
            return Err(format!(
                "tensor {name} has multipliers whose product is of no use"
            ));
        }
        Ok(matrix.calibrated(calibration))
    }

    fn vector(&self, name: &str, size: usize) -> Result<Vec<f32>, String> {
        let entry = self.entry(name, FLOAT32, size)?;
        let bytes = self
            .map
            .get(entry.data.start..entry.data.start + 4 * size)
            .filter(|_| 4 * size <= entry.data.len());
        super::finite(
            name,
            super::floats(bytes.ok_or_else(|| format!("tensor {name} is cut short"))?),
        )
    }

    fn holds(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn release(&self) {
        super::release(&self.map);
    }

    fn parameters(&self) -> usize {
        let counted = |name: &&String| !name.ends_with("_QuantMultA") && *name != CONFIG;
        self.tensors
            .iter()
            .filter(|(name, _)| counted(name))
            .map(|(_, entry)| entry.shape.iter().product::<usize>())
            .sum()
    }
}

fn read_index(file: &[u8]) -> Result<HashMap<String, Entry>, String> {
    let mut reader = Reader { file, at: 0 };
    let version = reader.u64("version")?;
    if version != VERSION {
        return Err(format!("version is {version}, not {VERSION}"));
    }
    let count = reader.length("number of tensors", 32)?;
    let mut headers = Vec::with_capacity(count);
    for _ in 0..count {
        headers.push([
            reader.u64("name length")?,
            reader.u64("type")?,
            reader.u64("dimensions")?,
            reader.u64("data length")?,
        ]);
    }
    let mut names = Vec::with_capacity(count);
    for [name, ..] in &headers {
        let bytes = reader.bytes("name", *name)?;
        names.push(
            String::from_utf8_lossy(bytes)
                .trim_end_matches('\0')
                .to_owned(),
        );
    }
    let mut shapes = Vec::with_capacity(count);
    for ([_, _, dimensions, _], name) in headers.iter().zip(&names) {
        if *dimensions > MOST_DIMENSIONS {
            return Err(format!("tensor {name} has {dimensions} dimensions"));
        }
        let mut shape = Vec::new();
        for bytes in reader.bytes("shape", 4 * dimensions)?.as_chunks::<4>().0 {
            let size = usize::try_from(i32::from_le_bytes(*bytes));
            shape.push(size.map_err(|_| format!("tensor {name} has a negative size"))?);
        }
        let elements = shape
            .iter()
            .try_fold(1usize, |product, size| product.checked_mul(*size));
        if elements.is_none_or(|elements| elements > file.len()) {
            return Err(format!(
                "tensor {name} of {shape:?} is larger than the file"
            ));
        }
        shapes.push(shape);
    }
    let gap = reader.u64("gap")?;
    reader.bytes("gap", gap)?;
    let mut tensors = HashMap::with_capacity(count);
    for (([_, kind, _, length], name), shape) in headers.into_iter().zip(names).zip(shapes) {
        let start = reader.at;
        reader.bytes(&format!("data of {name}"), length)?;
        let data = start..reader.at;
        match tensors.entry(name) {
            hash_map::Entry::Vacant(place) => place.insert(Entry { kind, shape, data }),
            hash_map::Entry::Occupied(twice) => {
                return Err(format!("tensor {} stands twice", twice.key()));
            }
        };
    }
    Ok(tensors)
}

struct Reader<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn u64(&mut self, field: &str) -> Result<u64, String> {
        let bytes = self.bytes(field, 8)?;
        Ok(bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|bytes| u64::from_le_bytes(*bytes))
            .sum())
    }

    /// A number of things of at least `size` bytes each, which the file must have room for.
    fn length(&mut self, field: &str, size: usize) -> Result<usize, String> {
        let length = self.u64(field)?;
        let room = (self.file.len() - self.at) / size;
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= room)
            .ok_or_else(|| format!("{field} is {length}, more than the file holds"))
    }

    fn bytes(&mut self, field: &str, length: u64) -> Result<&'a [u8], String> {
        let end = usize::try_from(length)
            .ok()
            .and_then(|length| self.at.checked_add(length));
        let bytes = end.and_then(|end| self.file.get(self.at..end));
        let bytes = bytes.ok_or_else(|| format!("it ends within {field}, at byte {}", self.at))?;
        self.at += bytes.len();
        Ok(bytes)
    }
}
