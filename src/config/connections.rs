//! Settings of who may connect, and how: names, quotas, reflection's and the admin port's absence.

use std::{
    fmt,
    net::{AddrParseError, SocketAddr},
    num::{NonZeroU64, NonZeroUsize},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// What one client may have; a table of the file's `quotas`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaSettings {
    /// Source tokens of its requests under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_in_flight: Option<NonZeroUsize>,
    /// Source tokens a second, on the average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_second: Option<NonZeroU64>,
}

/// An address to listen on, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OptionalAddress(pub Option<SocketAddr>);

const NONE: &str = "none";

impl FromStr for OptionalAddress {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        match text {
            NONE => Ok(OptionalAddress(None)),
            address => Ok(OptionalAddress(Some(address.parse()?))),
        }
    }
}

impl TryFrom<String> for OptionalAddress {
    type Error = AddrParseError;

    fn try_from(text: String) -> Result<Self, AddrParseError> {
        text.parse()
    }
}

impl fmt::Display for OptionalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str(NONE),
        }
    }
}

impl From<OptionalAddress> for String {
    fn from(address: OptionalAddress) -> Self {
        address.to_string()
    }
}
