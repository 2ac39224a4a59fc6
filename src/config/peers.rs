//! Peers that may say for whom they ask.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

/// `none`, `all`, or accounts with commas between them: names in certificates, `token/NAME`,
/// `address/IP` and `address/NETWORK`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TrustedPeers {
    #[default]
    None,
    All,
    These(Vec<Peer>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// By its certificate or token.
    Named(String),
    Network(Network),
}

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    /// How many bits are the same.
    bits: u8,
}

/// What is no list of peers.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is no peer: none, all, or with commas between them a name in a certificate such as \
     spiffe://mesh/gateway, token/NAME, address/IP or address/NETWORK such as address/10.0.0.0/8"
)]
pub struct PeersError(String);

const NONE: &str = "none";
const ALL: &str = "all";
const ADDRESS: &str = "address/";

impl TrustedPeers {
    /// Whether a peer with these names, at this address, is one of them.
    pub fn include<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
        address: Option<IpAddr>,
    ) -> bool {
        match self {
            TrustedPeers::None => false,
            TrustedPeers::All => true,
            TrustedPeers::These(peers) => {
                let named = |name: &str| {
                    let mut peers = peers.iter();
                    peers.any(|peer| matches!(peer, Peer::Named(peer) if peer == name))
                };
                let within = |address: IpAddr| {
                    let mut peers = peers.iter();
                    peers.any(|peer| matches!(peer, Peer::Network(net) if net.contains(address)))
                };
                names.into_iter().any(named) || address.is_some_and(within)
            }
        }
    }
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        let (first, address) = (self.first.to_canonical(), address.to_canonical());
        if first.is_ipv4() != address.is_ipv4() {
            return false;
        }
        let differing = (wide(first) ^ wide(address)).leading_zeros();
        // An IPv4 address is the end of an IPv6 one: what comes before is always the same.
        let before = if first.is_ipv4() { 96 } else { 0 };
        differing >= before + u32::from(self.bits)
    }
}

/// An address as a number.
fn wide(address: IpAddr) -> u128 {
    u128::from(match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    })
}

impl FromStr for TrustedPeers {
    type Err = PeersError;

    fn from_str(text: &str) -> Result<Self, PeersError> {
        match text.trim() {
            NONE => Ok(TrustedPeers::None),
            ALL => Ok(TrustedPeers::All),
            peers => {
                let peers = peers.split(',').map(|peer| peer.trim().parse());
                Ok(TrustedPeers::These(peers.collect::<Result<_, _>>()?))
            }
        }
    }
}

impl FromStr for Peer {
    type Err = PeersError;

    fn from_str(text: &str) -> Result<Self, PeersError> {
        let wrong = || PeersError(text.to_owned());
        match text.strip_prefix(ADDRESS) {
            Some(network) => network.parse().map(Peer::Network).map_err(|()| wrong()),
            // Words that stand alone only, or for something that was to stand there.
            None if ["", NONE, ALL].contains(&text) => Err(wrong()),
            None => Ok(Peer::Named(text.to_owned())),
        }
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (first, bits) = match text.split_once('/') {
            Some((first, bits)) => (first, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = first.parse().map_err(|_| ())?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| ())?,
            None => most,
        };
        match bits <= most {
            true => Ok(Network { first, bits }),
            false => Err(()),
        }
    }
}

impl fmt::Display for TrustedPeers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrustedPeers::None => f.write_str(NONE),
            TrustedPeers::All => f.write_str(ALL),
            TrustedPeers::These(peers) => {
                for (position, peer) in peers.iter().enumerate() {
                    let comma = if position == 0 { "" } else { "," };
                    match peer {
                        Peer::Named(name) => write!(f, "{comma}{name}")?,
                        Peer::Network(Network { first, bits }) => {
                            write!(f, "{comma}{ADDRESS}{first}/{bits}")?;
                        }
                    }
                }
                Ok(())
            }
        }
    }
}

impl TryFrom<String> for TrustedPeers {
    type Error = PeersError;

    fn try_from(text: String) -> Result<Self, PeersError> {
        text.parse()
    }
}

impl From<TrustedPeers> for String {
    fn from(peers: TrustedPeers) -> Self {
        peers.to_string()
    }
}

#[cfg(test)]
mod test;
