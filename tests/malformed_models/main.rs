//! Model files that are damaged: an error that names the file and what is wrong in it, no panic, and no more memory
//! than the files' size times a small number. Everything goes through the loader that the service uses.

mod container;
mod flips;
mod marian;
mod memory;
mod models;
mod ours;
mod safetensors;
mod vocabulary;

use container::changed;
use depeche::model::ComputeType;
use memory::alone;
use models::{Scratch, run};

#[test]
fn what_is_damaged_in_these_tests_is_whole_before() {
    let _alone = alone();
    for (name, files) in [
        ("marian", models::marian()),
        ("same", changed(|_| ())),
        ("ours", ours::ours()),
    ] {
        for compute in [ComputeType::Int8, ComputeType::F32] {
            run(&Scratch::new(name).load(&files, compute).unwrap());
        }
    }
}
