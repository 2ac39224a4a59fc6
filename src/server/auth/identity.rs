//! The one name that turns and quotas go by: of the client's certificate, else of its token, else what it
//! calls itself, else its address. What a client calls itself gets it turns, but quotas only where a
//! gateway is trusted to have set it.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use http::{Extensions, HeaderMap, HeaderName, header};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};

use super::{
    certificate,
    permission::{Needs, Permission},
    tokens::{Token, TokenStore},
};
use crate::rpc::{
    client::{Asker, Client, Quota},
    status::RpcError,
};

/// Longest name that a client may call itself: names are kept while its requests are under way.
const LONGEST_NAME: usize = 128;
/// The key of `quotas` for all that have none of their own.
pub const DEFAULT_QUOTA: &str = "default";

/// What the metadata key with the client's name counts for.
#[derive(Clone, Debug)]
pub enum Naming {
    /// Turns only.
    Claimed(HeaderName),
    /// Turns and quotas.
    Trusted(HeaderName),
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
        let (key, trusted) = match &self.naming {
            Naming::Claimed(key) => (key, None),
            Naming::Trusted(key) => (key, Some(key)),
        };
        let claimed = |key: &HeaderName| {
            let name = headers.get(key)?.to_str().ok()?;
            (1..=LONGEST_NAME)
                .contains(&name.len())
                .then(|| format!("id/{name}"))
        };
        let address = || match address(extensions) {
            Some(address) => format!("address/{}", address.ip()),
            None => "anonymous".to_owned(),
        };
        let proven = certificate.or_else(|| token.map(|token| format!("token/{}", token.name)));
        let account = proven
            .clone()
            .or_else(|| trusted.and_then(claimed))
            .unwrap_or_else(address);
        let client = proven
            .or_else(|| claimed(key))
            .unwrap_or_else(|| account.clone());
        let quota = self.quota(&account, token);
        Ok(Client {
            asker: Asker {
                client: client.into(),
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

fn address(extensions: &Extensions) -> Option<SocketAddr> {
    let tls = extensions.get::<TlsConnectInfo<TcpConnectInfo>>();
    let plain = extensions.get::<TcpConnectInfo>();
    tls.map(TlsConnectInfo::get_ref).or(plain)?.remote_addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/depeche.v1.TranslationService/Translate";

    fn names(naming: Naming, headers: &[(&'static str, &str)]) -> (String, String) {
        let identities = Identities {
            tokens: None,
            naming,
            quotas: Arc::default(),
        };
        let mut map = HeaderMap::new();
        for (key, value) in headers {
            map.insert(*key, value.parse().unwrap());
        }
        let client = identities.of(PATH, &map, &Extensions::new()).unwrap();
        let Asker {
            client, account, ..
        } = client.asker;
        (client.to_string(), account.to_string())
    }

    #[test]
    fn what_a_client_calls_itself_is_its_turn_and_its_account_only_where_that_is_trusted() {
        let key = HeaderName::from_static("x-client-id");
        let pair = |client: &str, account: &str| (client.to_owned(), account.to_owned());
        let claimed = Naming::Claimed(key.clone());
        let headers = [("x-client-id", "desk")];
        assert_eq!(
            names(claimed.clone(), &headers),
            pair("id/desk", "anonymous")
        );
        assert_eq!(
            names(Naming::Trusted(key), &headers),
            pair("id/desk", "id/desk")
        );
        assert_eq!(names(claimed.clone(), &[]), pair("anonymous", "anonymous"));
        let long = "x".repeat(LONGEST_NAME + 1);
        assert_eq!(
            names(claimed, &[("x-client-id", &long)]),
            pair("anonymous", "anonymous")
        );
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
            naming: Naming::Claimed(HeaderName::from_static("x-client-id")),
            quotas: Arc::new(quotas.into()),
        };
        assert_eq!(identities.quota("address/10.0.0.1", None), quota(20));
        assert_eq!(identities.quota("address/10.0.0.2", None), quota(10));
    }
}
