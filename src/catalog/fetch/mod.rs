//! Files from elsewhere: fetched with patience, verified, unpacked.
//!
//! - `client`: one request, its redirects, and which answers are worth another attempt
//! - `patience`: timeouts, and how long to wait between attempts
//! - `download`: one file, going on where an earlier attempt stopped
//! - `digest`: size and SHA-256
//! - `unpack`: parts into a file, gzip undone
//! - `content`: names and first bytes of files that are refused
//! - `progress`: who is told how far it is

mod client;
pub mod content;
pub mod digest;
mod download;
mod error;
mod patience;
pub mod progress;
#[cfg(test)]
mod test;
pub mod unpack;

pub use client::{Address, Answer, Attempt, Client, Token};
pub use digest::Digest;
pub use download::{Facts, discard, download};
pub use error::FetchError;
pub use patience::{Patience, insist};
pub use progress::Progress;
