//! The parts that networks are made of. Activations are candle tensors of f32, `[rows, columns]`:
//! the rows of all sentences of a batch stand one after the other, without padding, so that no
//! sentence ever computes with another's.

mod activation;
mod aligned;
mod attention;
mod blockwise;
mod cache;
mod cached_attention;
mod embedding;
mod gated;
pub mod int8;
mod linear;
mod math;
mod norm;
mod ranking;
mod relative;
mod rms_norm;
mod rope;
mod simd;
mod ssru;

pub use activation::Activation;
pub use attention::{Columns, Memory, cross_attention, self_attention};
pub use blockwise::BlockLinear;
pub use cache::{CacheShape, Caches};
pub use cached_attention::{Attention, Cache, Reading};
pub use embedding::{Embedding, Positions, Steps};
pub use gated::{Gate, gated};
pub use linear::{Linear, Selection};
pub use norm::LayerNorm;
pub use ranking::Ranking;
pub use relative::{Buckets, Direction, RelativeBias};
pub use rms_norm::RmsNorm;
pub use rope::{Pairs, Rope, Rotation};
pub use ssru::ssru_cell;

use candle_core::{Result, Storage, Tensor, bail};

/// Calls `read` with the values of a contiguous f32 tensor on the CPU, row by row.
pub(crate) fn with_values<T>(tensor: &Tensor, read: impl FnOnce(&[f32]) -> T) -> Result<T> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        bail!("the layers run on the CPU only");
    };
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("the layers read contiguous tensors only, this one is {layout:?}");
    };
    Ok(read(&storage.as_slice::<f32>()?[start..end]))
}
