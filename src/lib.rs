#![deny(unsafe_code)]
pub mod inference;
pub mod model;
