//! Weights in the order in which the kernels read them.

use super::{GROUP, PANEL};

/// An int8 matrix `[out][in]` with a scale a row, packed into panels of `PANEL` outputs.
///
/// Both sizes are padded with zeros: outputs to whole panels, inputs to whole groups of four.
pub struct PackedWeights {
    outputs: usize,
    depth: usize,
    /// `[panel][depth / GROUP][PANEL][GROUP]`.
    bytes: Vec<i8>,
    /// `[panel]`: −128 Σ_k w, see the module's formula.
    start: Vec<[i32; PANEL]>,
    /// `[panel]`: real value of one step of the weights.
    scale: Vec<[f32; PANEL]>,
}

/// `PANEL` outputs of a matrix.
pub struct Panel<'a> {
    pub first_column: usize,
    pub columns: usize,
    pub bytes: &'a [i8],
    pub start: &'a [i32; PANEL],
    pub scale: &'a [f32; PANEL],
}

impl PackedWeights {
    /// `rows`: each output's weights and their scale, all of `inputs` weights.
    pub fn new<'a>(inputs: usize, rows: impl ExactSizeIterator<Item = (&'a [i8], f32)>) -> Self {
        let outputs = rows.len();
        let depth = inputs.next_multiple_of(GROUP);
        let panels = outputs.div_ceil(PANEL);
        let mut packed = PackedWeights {
            outputs,
            depth,
            bytes: vec![0; panels * depth * PANEL],
            start: vec![[0; PANEL]; panels],
            scale: vec![[0.0; PANEL]; panels],
        };
        for (n, (row, scale)) in rows.enumerate() {
            let (panel, column) = (n / PANEL, n % PANEL);
            let bytes = &mut packed.bytes[panel * depth * PANEL..][..depth * PANEL];
            for (group, weights) in row.chunks(GROUP).enumerate() {
                bytes[(group * PANEL + column) * GROUP..][..weights.len()].copy_from_slice(weights);
            }
            packed.start[panel][column] = -128 * row.iter().map(|&w| i32::from(w)).sum::<i32>();
            packed.scale[panel][column] = scale;
        }
        packed
    }

    /// Outputs, without padding.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Inputs, padded to whole groups.
    pub fn depth(&self) -> usize {
        self.depth
    }

    pub fn resident_bytes(&self) -> usize {
        self.bytes.len() + size_of_val(&self.start[..]) + size_of_val(&self.scale[..])
    }

    pub fn panels(&self) -> impl Iterator<Item = Panel<'_>> {
        let bytes = self.bytes.chunks_exact(self.depth * PANEL);
        bytes
            .zip(&self.start)
            .zip(&self.scale)
            .enumerate()
            .map(|(i, ((bytes, start), scale))| Panel {
                first_column: i * PANEL,
                columns: PANEL.min(self.outputs - i * PANEL),
                bytes,
                start,
                scale,
            })
    }
}
