//! `depeche models`: what lies in the store is whole and verified, whatever happens on the way.

#[path = "../common/mod.rs"]
mod common;

mod bench;
mod faults;
mod interrupted;
mod server;
mod sources;
mod store;
