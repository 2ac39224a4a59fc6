//! Layers out of a file's tensors, packed for the kernels. What is missing or misshapen is collected, so
//! that one error names all of it.

use super::{
    ComputeType,
    layers::{Activation, LayerNorm, Linear, RmsNorm},
    weights::{Matrix, Tensors, WeightsError},
};
use candle_core::Result;
use std::cell::RefCell;

pub struct Parts<'a> {
    tensors: &'a dyn Tensors,
    compute: ComputeType,
    /// Every tensor that was not there as asked for; nothing stands in its place until all are told.
    problems: RefCell<Vec<String>>,
}

impl<'a> Parts<'a> {
    pub fn new(tensors: &'a dyn Tensors, compute: ComputeType) -> Self {
        Parts {
            tensors,
            compute,
            problems: RefCell::default(),
        }
    }

    /// Something else that keeps the network from being built.
    pub fn complain(&self, problem: String) {
        self.problems.borrow_mut().push(problem);
    }

    /// # Errors
    /// All that was wrong.
    pub fn finish(self) -> std::result::Result<(), WeightsError> {
        let problems = self.problems.into_inner();
        if problems.is_empty() {
            return Ok(());
        }
        Err(WeightsError::Tensors(problems))
    }

    /// `[rows][columns]`.
    pub fn matrix(&self, name: &str, rows: usize, columns: usize) -> Matrix {
        self.tensors
            .matrix(name, rows, columns)
            .unwrap_or_else(|problem| {
                self.complain(problem);
                Matrix::f32(Vec::new(), columns)
            })
    }

    /// Of several names of the same matrix the first that the file has.
    pub fn any_matrix(&self, names: &[&str], rows: usize, columns: usize) -> Matrix {
        match names.iter().find(|name| self.tensors.holds(name)) {
            Some(name) => self.matrix(name, rows, columns),
            None => {
                self.complain(match names {
                    [name] => format!("tensor {name} is missing"),
                    _ => format!("a tensor of {} is missing", names.join(", ")),
                });
                Matrix::f32(Vec::new(), columns)
            }
        }
    }

    pub fn vector(&self, name: &str, size: usize) -> Vec<f32> {
        self.tensors.vector(name, size).unwrap_or_else(|problem| {
            self.complain(problem);
            Vec::new()
        })
    }

    /// One layer over several, `<name>.weight` and `<name>.bias`, that read the same input.
    pub fn linear(
        &self,
        names: &[String],
        outputs: usize,
        inputs: usize,
        activation: Activation,
    ) -> Result<Linear> {
        let matrices: Vec<_> = names
            .iter()
            .map(|name| self.matrix(&format!("{name}.weight"), outputs, inputs))
            .collect();
        let bias = names
            .iter()
            .flat_map(|name| self.vector(&format!("{name}.bias"), outputs))
            .collect();
        self.pack(&matrices.iter().collect::<Vec<_>>(), bias, activation)
    }

    /// The same over matrices side by side.
    pub fn pack(
        &self,
        matrices: &[&Matrix],
        bias: Vec<f32>,
        activation: Activation,
    ) -> Result<Linear> {
        if !self.problems.borrow().is_empty() {
            // What has been read will be thrown away, and its shape may be anything.
            let nothing = Matrix::f32(Vec::new(), 1);
            return Ok(Linear::int8(&[&nothing], Vec::new(), activation));
        }
        match self.compute {
            ComputeType::Int8 => Ok(Linear::int8(matrices, bias, activation)),
            ComputeType::F32 => Linear::f32(matrices, bias, activation),
        }
    }

    /// `<name>.weight` and `<name>.bias`.
    pub fn layer_norm(&self, name: &str, size: usize, eps: f32) -> LayerNorm {
        LayerNorm {
            scale: self.vector(&format!("{name}.weight"), size),
            bias: self.vector(&format!("{name}.bias"), size),
            eps,
        }
    }

    /// `<name>.weight`.
    pub fn rms_norm(&self, name: &str, size: usize, eps: f32) -> RmsNorm {
        RmsNorm {
            scale: self.vector(&format!("{name}.weight"), size),
            eps,
        }
    }
}
