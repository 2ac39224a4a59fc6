//! The one name that turns and quotas go by: of the client's certificate, else of its token, else its
//! address. Where the peer is one that may speak for others, such as a gateway, it is the name that this
//! peer gives the client; of all others such names count for nothing, or many names would be many turns.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use http::{Extensions, HeaderMap, HeaderName, header};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

use super::{
    certificate, forwarded,
    permission::{Needs, Permission},
    tokens::{Token, TokenStore},
};
use crate::{
    config::TrustedPeers,
    rpc::{
        client::{Asker, Client, Quota},
        status::RpcError,
    },
};

/// Longest name that a client may be given: names are kept while its requests are under way.
const LONGEST_NAME: usize = 256;
/// The key of `quotas` for all that have none of their own.
pub const DEFAULT_QUOTA: &str = "default";

/// Who may name clients, and how.
#[derive(Clone, Debug)]
pub struct Naming {
    /// Metadata with the client's name.
    pub key: HeaderName,
    pub peers: TrustedPeers,
}

/// Tells clients apart.
#[derive(Clone, Debug)]
pub struct Identities {
    /// Without it nobody needs a token.
    pub tokens: Option<TokenStore>,
    pub naming: Naming,
    /// By account.
    pub quotas: Arc<BTreeMap<String, Quota>>,
}

impl Identities {
    /// The client of a request, if it may call the method.
    pub fn of(
        &self,
        path: &str,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Client, RpcError> {
        let token = self.token(path, headers)?;
        let token = token.as_deref();
        let certificate = certificate_name(extensions);
        let token_name = token.map(|token| format!("token/{}", token.name));
        let address = address(extensions);
        let names = [&certificate, &token_name];
        let names = names.into_iter().flatten().map(String::as_str);
        let given = match self.naming.peers.include(names, address) {
            true => given_name(&self.naming.key, headers),
            false => None,
        };
        let account = given.or(certificate).or(token_name);
        let account = account.unwrap_or_else(|| match address {
            Some(address) => format!("address/{address}"),
            None => "anonymous".to_owned(),
        });
        let quota = self.quota(&account, token);
        Ok(Client {
            asker: Asker {
                account: account.into(),
                quota,
            },
        })
    }

    /// The request's token, if it needs one.
    fn token(&self, path: &str, headers: &HeaderMap) -> Result<Option<Arc<Token>>, RpcError> {
        let (Some(tokens), Needs::Token(needed)) = (&self.tokens, Needs::of(path)) else {
            return Ok(None);
        };
        let Some(sent) = headers.get(header::AUTHORIZATION) else {
            return Err(RpcError::Unauthenticated(
                "no token: send the metadata `authorization: Bearer` with yours",
            ));
        };
        let bearer = sent.to_str().ok().and_then(|sent| {
            let (scheme, token) = sent.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let Some(bearer) = bearer else {
            return Err(RpcError::Unauthenticated(
                "the metadata `authorization` must be `Bearer`, a space and a token",
            ));
        };
        let Some(token) = tokens.find(bearer) else {
            return Err(RpcError::Unauthenticated(
                "the token is not known, or not any more: ask the server's operator for one",
            ));
        };
        let lacking: Vec<&str> = needed
            .iter()
            .filter(|permission| !token.allow.contains(permission))
            .map(|permission| Permission::as_str(*permission))
            .collect();
        match lacking.is_empty() {
            true => Ok(Some(token)),
            false => Err(RpcError::Forbidden {
                token: token.name.clone(),
                lacking: lacking.join(", "),
            }),
        }
    }

    /// What the token says, and where it says nothing, what the settings say.
    fn quota(&self, account: &str, token: Option<&Token>) -> Quota {
        let set = self.quotas.get(account);
        let set = set.or_else(|| self.quotas.get(DEFAULT_QUOTA));
        let set = set.copied().unwrap_or_default();
        let own = token.map(Token::quota).unwrap_or_default();
        Quota {
            tokens_in_flight: own.tokens_in_flight.or(set.tokens_in_flight),
            tokens_per_second: own.tokens_per_second.or(set.tokens_per_second),
        }
    }
}

fn certificate_name(extensions: &Extensions) -> Option<String> {
    let info = extensions.get::<TlsConnectInfo<TcpConnectInfo>>()?;
    let certificates = info.peer_certs()?;
    certificates
        .first()
        .map(CertificateDer::as_ref)
        .and_then(certificate::name)
}

/// An IPv4 client of a socket for both is one of IPv4.
fn address(extensions: &Extensions) -> Option<IpAddr> {
    let tls = extensions.get::<TlsConnectInfo<TcpConnectInfo>>();
    let plain = extensions.get::<TcpConnectInfo>();
    let address = tls.map(TlsConnectInfo::get_ref).or(plain)?.remote_addr();
    address
        .as_ref()
        .map(SocketAddr::ip)
        .map(|ip| ip.to_canonical())
}

/// The client that the peer asks for.
fn given_name(key: &HeaderName, headers: &HeaderMap) -> Option<String> {
    let value = headers.get_all(key).iter().next_back()?.to_str().ok()?;
    let (name, account) = match key == forwarded::HEADER {
        true => forwarded::spiffe(value).map(|name| (name, name.to_owned()))?,
        false => (value, format!("id/{value}")),
    };
    (1..=LONGEST_NAME).contains(&name.len()).then_some(account)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/depeche.v1.TranslationService/Translate";

    fn account(key: &'static str, peers: TrustedPeers, value: &str) -> String {
        let key = HeaderName::from_static(key);
        let mut headers = HeaderMap::new();
        headers.insert(&key, value.parse().unwrap());
        let identities = Identities {
            tokens: None,
            naming: Naming { key, peers },
            quotas: Arc::default(),
        };
        let client = identities.of(PATH, &headers, &Extensions::new()).unwrap();
        client.asker.account.to_string()
    }

    #[test]
    fn a_client_has_the_name_that_a_trusted_peer_gives_it_and_no_other() {
        use TrustedPeers::{All, None};
        assert_eq!(account("x-client-id", None, "desk"), "anonymous");
        assert_eq!(account("x-client-id", All, "desk"), "id/desk");
        let long = "x".repeat(LONGEST_NAME + 1);
        assert_eq!(account("x-client-id", All, &long), "anonymous");
        assert_eq!(account("x-client-id", All, ""), "anonymous");
        let forwarded = "By=spiffe://mesh/us;Hash=1;URI=spiffe://mesh/desk";
        let key = "x-forwarded-client-cert";
        assert_eq!(account(key, All, forwarded), "spiffe://mesh/desk");
        assert_eq!(account(key, None, forwarded), "anonymous");
    }

    #[test]
    fn an_accounts_own_quota_comes_before_that_for_all() {
        let quota = |tokens| Quota {
            tokens_in_flight: std::num::NonZeroUsize::new(tokens),
            tokens_per_second: None,
        };
        let quotas = [
            ("default".to_owned(), quota(10)),
            ("address/10.0.0.1".to_owned(), quota(20)),
        ];
        let identities = Identities {
            tokens: None,
            naming: Naming {
                key: HeaderName::from_static("x-client-id"),
                peers: TrustedPeers::None,
            },
            quotas: Arc::new(quotas.into()),
        };
        assert_eq!(identities.quota("address/10.0.0.1", None), quota(20));
        assert_eq!(identities.quota("address/10.0.0.2", None), quota(10));
    }
}
