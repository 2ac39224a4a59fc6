//! Safetensors: matrices are int8 with a companion `<name>.scale`, one f32 a row, or f32 or f16.

use super::{Matrix, Tensors, WeightsError, map};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use std::{ops::Range, path::Path, sync::Arc};

/// A mapped file, shared by the matrices that are read out of it.
pub struct SafetensorsFile(Arc<Mmap>);

impl SafetensorsFile {
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let map = map(path)?;
        SafeTensors::deserialize(&map)?;
        Ok(SafetensorsFile(map))
    }

    /// Type and place in the file of a tensor of that shape.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<(Dtype, Range<usize>), String> {
        let tensors = SafeTensors::deserialize(&self.0).map_err(|error| error.to_string())?;
        let tensor = tensors
            .tensor(name)
            .map_err(|_| format!("tensor {name} is missing"))?;
        if tensor.shape() != shape {
            return Err(format!(
                "tensor {name} is {:?} where config.json says {shape:?}",
                tensor.shape()
            ));
        }
        let start = tensor.data().as_ptr().addr() - self.0.as_ptr().addr();
        Ok((tensor.dtype(), start..start + tensor.data().len()))
    }

    fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let (dtype, range) = self.tensor(name, shape)?;
        let bytes = &self.0[range];
        let values = match dtype {
            Dtype::F32 => super::floats(bytes),
            Dtype::F16 => bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|b| half::f16::from_le_bytes(*b).to_f32())
                .collect(),
            other => {
                return Err(format!(
                    "tensor {name} is of type {other:?}, not F32, F16 or a scaled I8"
                ));
            }
        };
        super::finite(name, values)
    }
}

impl Tensors for SafetensorsFile {
    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, String> {
        let (dtype, bytes) = self.tensor(name, &[rows, columns])?;
        match dtype {
            Dtype::I8 => {
                let scale = self.floats(&format!("{name}.scale"), &[rows])?;
                Ok(Matrix::int8(self.0.clone(), bytes, scale, columns))
            }
            _ => Ok(Matrix::f32(self.floats(name, &[rows, columns])?, columns)),
        }
    }

    fn vector(&self, name: &str, size: usize) -> Result<Vec<f32>, String> {
        self.floats(name, &[size])
    }

    fn parameters(&self) -> usize {
        let Ok(tensors) = SafeTensors::deserialize(&self.0) else {
            return 0;
        };
        tensors
            .iter()
            .filter(|(name, _)| !name.ends_with(".scale"))
            .map(|(_, tensor)| tensor.shape().iter().product::<usize>())
            .sum()
    }
}
