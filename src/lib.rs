//! Dépêche translates French news articles and summarises them, over gRPC, with its models inside
//! the process.
//!
//! The modules, in the order in which a request goes down:
//!
//! - [`cli`]: the commands; [`config`]: their settings; [`telemetry`]: logs, metrics,
//!   traces
//! - [`server`]: sockets, middleware, health, draining
//! - [`rpc`]: the contract of `proto/`, one file a service: request → domain call → response
//! - [`translate`], [`summarize`]: what the service does for people
//! - [`article`]: text without any model
//! - [`inference`]: the queue, the batches, the threads
//! - [`model`]: the networks
//! - [`catalog`]: which models there are
#![deny(unsafe_code)]

pub mod article;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod inference;
pub mod model;
pub mod rpc;
pub mod server;
pub mod summarize;
pub mod telemetry;
pub mod translate;
