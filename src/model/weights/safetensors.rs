//! Safetensors: matrices are int8 with a companion `<name>.scale`, one f32 a row, or f32, f16 or bf16.

use super::{Encoding, Matrix, Tensors, WeightsError, map};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::{collections::HashMap, ops::Range, path::Path, sync::Arc};

/// A mapped file, shared by the matrices that are read out of it, and what is where in it.
pub struct SafetensorsFile {
    map: Arc<Mmap>,
    tensors: HashMap<String, Entry>,
}

struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Range<usize>,
}

impl SafetensorsFile {
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let map = map(path)?;
        let read = SafeTensors::deserialize(&map)?;
        let start = map.as_ptr().addr();
        let entry = |(name, tensor): (&str, TensorView<'_>)| {
            let first = tensor.data().as_ptr().addr() - start;
            let entry = Entry {
                dtype: tensor.dtype(),
                shape: tensor.shape().to_vec(),
                data: first..first + tensor.data().len(),
            };
            (name.to_owned(), entry)
        };
        let tensors = read.iter().map(entry).collect();
        Ok(SafetensorsFile { map, tensors })
    }

    /// A tensor of that shape.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<&Entry, String> {
        let tensor = self
            .tensors
            .get(name)
            .ok_or_else(|| format!("tensor {name} is missing"))?;
        if tensor.shape != shape {
            return Err(format!(
                "tensor {name} is {:?} where config.json says {shape:?}",
                tensor.shape
            ));
        }
        Ok(tensor)
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let tensor = self.tensor(name, shape)?;
        let bytes = &self.map[tensor.data.clone()];
        let mut values = vec![0.0; shape.iter().product()];
        encoding(name, tensor.dtype)?.read(bytes, &mut values);
        super::finite(name, values)
    }
}

fn encoding(name: &str, dtype: Dtype) -> Result<Encoding, String> {
    match dtype {
        Dtype::F32 => Ok(Encoding::F32),
        Dtype::F16 => Ok(Encoding::F16),
        Dtype::BF16 => Ok(Encoding::Bf16),
        other => Err(format!(
            "tensor {name} is of type {other:?}, not F32, F16, BF16 or a scaled I8"
        )),
    }
}

impl Tensors for SafetensorsFile {
    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, String> {
        let tensor = self.tensor(name, &[rows, columns])?;
        match tensor.dtype {
            Dtype::I8 => {
                let scale = self.floats(&format!("{name}.scale"), &[rows])?;
                let data = tensor.data.clone();
                Ok(Matrix::int8(self.map.clone(), data, scale, columns))
            }
            dtype => {
                let (map, data) = (self.map.clone(), tensor.data.clone());
                let matrix = Matrix::stored(map, data, encoding(name, dtype)?, columns);
                super::finite_rows(name, matrix)
            }
        }
    }

    fn vector(&self, name: &str, size: usize) -> Result<Vec<f32>, String> {
        self.floats(name, &[size])
    }

    fn holds(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn release(&self) {
        super::release(&self.map);
    }

    fn parameters(&self) -> usize {
        self.tensors
            .iter()
            .filter(|(name, _)| !name.ends_with(".scale"))
            .map(|(_, tensor)| tensor.shape.iter().product::<usize>())
            .sum()
    }
}
