//! Who a client is, and what it may do.
//!
//! - `certificate`: the name in a client's certificate
//! - `forwarded`: the name in a certificate that a proxy has seen
//! - `tokens`: bearer tokens, out of a file
//! - `permission`: which methods ask for what
//! - `identity`: the one name that turns and quotas go by

mod certificate;
mod forwarded;
mod identity;
mod permission;
mod tokens;

pub use identity::{Identities, Naming};
pub use permission::Permission;
pub use tokens::{Token, TokenStore, TokensError, hash};
