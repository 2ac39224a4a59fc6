//! Compiles the contract in `proto/` without a system `protoc`, and keeps its descriptor set for
//! reflection and for the JSON form of messages.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const CONTRACT: [&str; 4] = [
    "depeche/v1/translation.proto",
    "depeche/v1/summarization.proto",
    "depeche/v1/article.proto",
    "depeche/v1/catalog.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(CONTRACT, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("depeche.v1.bin");
    fs::write(out, descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
