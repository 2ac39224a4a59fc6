//! Weights in the order in which the kernels read them.

use super::{super::aligned::Aligned, DEPTH, GROUP, PANEL};

/// An int8 matrix `[out][in]` with a scale a row, packed into panels of `PANEL` outputs.
///
/// Both sizes are padded with zeros: outputs to whole panels, inputs to whole times `DEPTH`.
pub struct PackedWeights {
    outputs: usize,
    depth: usize,
    /// `[panel][depth / GROUP][PANEL][GROUP]`.
    bytes: Aligned<i8>,
    /// `[panel]`: where the sums start, see the module's formula.
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
    /// `rows`: the weights of each of the `outputs` and their scale, all of `inputs` weights;
    /// `offset`: what is taken off every input byte.
    pub fn new(
        inputs: usize,
        outputs: usize,
        rows: impl Iterator<Item = (impl AsRef<[i8]>, f32)>,
        offset: i32,
    ) -> Self {
        let depth = inputs.next_multiple_of(DEPTH);
        let panels = outputs.div_ceil(PANEL);
        let mut packed = PackedWeights {
            outputs,
            depth,
            bytes: Aligned::zeros(panels * depth * PANEL),
            start: vec![[0; PANEL]; panels],
            scale: vec![[0.0; PANEL]; panels],
        };
        for (n, (row, scale)) in rows.take(outputs).enumerate() {
            let row = row.as_ref();
            let (panel, column) = (n / PANEL, n % PANEL);
            let bytes = &mut packed.bytes[panel * depth * PANEL..][..depth * PANEL];
            for (group, weights) in row.chunks(GROUP).enumerate() {
                bytes[(group * PANEL + column) * GROUP..][..weights.len()].copy_from_slice(weights);
            }
            packed.start[panel][column] = -offset * row.iter().map(|&w| i32::from(w)).sum::<i32>();
            packed.scale[panel][column] = scale;
        }
        packed
    }

    /// Where the sum of an output starts, and the real value of one step of its weights.
    pub fn start_and_scale(&self, output: usize) -> (i32, f32) {
        let (panel, column) = (output / PANEL, output % PANEL);
        (self.start[panel][column], self.scale[panel][column])
    }

    /// Outputs, without padding.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Inputs, padded to whole times `DEPTH`.
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
