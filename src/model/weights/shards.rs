//! Tensors in several safetensors files, with an index that says which lies where.

use super::{Matrix, SafetensorsFile, Tensors, WeightsError};
use serde::Deserialize;
use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
};

pub struct Shards {
    files: Vec<SafetensorsFile>,
    /// Of each tensor the file.
    places: HashMap<String, usize>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

impl Shards {
    /// `index`: `model.safetensors.index.json`; the files lie beside it.
    pub fn open(index: &Path) -> Result<Self, WeightsError> {
        let read: Index = serde_json::from_slice(&std::fs::read(index)?)
            .map_err(|error| WeightsError::Index(error.to_string()))?;
        let names: BTreeSet<&String> = read.weight_map.values().collect();
        let folder = index.parent().unwrap_or(Path::new("."));
        let mut files = Vec::with_capacity(names.len());
        for name in &names {
            // A name, not a path that leads elsewhere.
            if Path::new(name).components().count() != 1 || name.contains("..") {
                return Err(WeightsError::Index(format!(
                    "{name:?} is no file beside it"
                )));
            }
            let file = SafetensorsFile::open(&folder.join(name));
            files.push(file.map_err(|error| WeightsError::Index(format!("{name}: {error}")))?);
        }
        let order: HashMap<&String, usize> = names.iter().copied().zip(0..).collect();
        let places = read
            .weight_map
            .iter()
            .map(|(tensor, file)| (tensor.clone(), order[file]));
        Ok(Shards {
            places: places.collect(),
            files,
        })
    }

    fn file(&self, name: &str) -> Result<&SafetensorsFile, String> {
        let place = self.places.get(name);
        let file = place.ok_or_else(|| format!("tensor {name} is missing"))?;
        Ok(&self.files[*file])
    }
}

impl Tensors for Shards {
    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, String> {
        self.file(name)?.matrix(name, rows, columns)
    }

    fn vector(&self, name: &str, size: usize) -> Result<Vec<f32>, String> {
        self.file(name)?.vector(name, size)
    }

    fn holds(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    fn parameters(&self) -> usize {
        self.files.iter().map(Tensors::parameters).sum()
    }

    fn release(&self) {
        self.files.iter().for_each(Tensors::release);
    }
}
