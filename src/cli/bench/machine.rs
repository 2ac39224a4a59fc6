//! What it is measured on, as Linux tells it.

use std::fs;

use crate::{
    config::{Compute, Settings},
    model::{Model, layers::int8},
};

pub fn processor() -> String {
    field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// What multiplies.
pub fn kernel(model: &Model, settings: &Settings) -> &'static str {
    match (model, settings.compute_type) {
        (Model::Translator(_), Compute::F32) => "f32",
        _ => int8::kernel().name(),
    }
}

/// Resident memory of this process; the greatest that there was.
pub fn resident_bytes() -> Option<u64> {
    kilobytes("VmRSS")
}

pub fn peak_resident_bytes() -> Option<u64> {
    kilobytes("VmHWM")
}

fn kilobytes(name: &str) -> Option<u64> {
    let value = field("/proc/self/status", name)?;
    Some(value.strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// The value of the first line `name: value`.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}
