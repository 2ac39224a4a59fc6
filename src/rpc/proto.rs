//! The contract: what `build.rs` makes of `proto/depeche/v1/`, and its descriptors.

use std::sync::OnceLock;

use prost_reflect::{DescriptorError, DescriptorPool};

pub mod v1 {
    //! Package `depeche.v1`.
    #![allow(clippy::doc_markdown, clippy::large_enum_variant)]
    tonic::include_proto!("depeche.v1");
}

/// The encoded `FileDescriptorSet` of the contract and of what it imports.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/depeche.v1.bin"));

/// The contract's descriptors: for messages as JSON, and for the names of methods.
pub fn descriptors() -> Result<&'static DescriptorPool, DescriptorError> {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    if let Some(pool) = POOL.get() {
        return Ok(pool);
    }
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET)?;
    Ok(POOL.get_or_init(|| pool))
}
