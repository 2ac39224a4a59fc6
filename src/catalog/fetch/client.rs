//! One request, its redirects, and which answers are worth another attempt.

use super::{FetchError, Patience};
use std::{
    fmt,
    sync::OnceLock,
    time::{Duration, SystemTime},
};
use ureq::{
    Agent, Body,
    http::{HeaderMap, Response, StatusCode, header},
    tls::{Certificate, RootCerts, TlsConfig},
};
use url::{Host, Origin, Url};

/// The hub answers with one or two, its mirrors with a few more.
const MOST_REDIRECTS: usize = 8;

/// A key, which no log and no error shows.
#[derive(Clone, PartialEq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    pub url: Url,
    /// Sent as `Authorization: Bearer`, to the origin of `url` and no other.
    pub token: Option<Token>,
}

impl Address {
    pub fn open(url: Url) -> Self {
        Address { url, token: None }
    }
}

/// What a source says, other than that it cannot.
pub enum Answer {
    /// Status 200.
    Whole(Response<Body>),
    /// Status 206.
    Part(Response<Body>),
    /// Status 304.
    Unchanged,
    /// Status 416: there is nothing behind the range's start.
    OutOfRange(HeaderMap),
}

/// Why a request brought nothing.
#[derive(Debug)]
pub enum Attempt {
    /// Another attempt may fare better.
    Again {
        why: String,
        after: Option<Duration>,
    },
    Final(FetchError),
}

/// Asks over HTTP. Blocks.
pub struct Client {
    agent: OnceLock<Agent>,
    pub patience: Patience,
    /// Origins that may be asked without TLS because someone set them so.
    plain: Vec<Origin>,
}

impl Client {
    /// `endpoints`: addresses that were set by hand.
    pub fn new(endpoints: &[Url], patience: Patience) -> Self {
        Client {
            agent: OnceLock::new(),
            patience,
            plain: endpoints.iter().map(Url::origin).collect(),
        }
    }

    /// Asks once, following redirects.
    pub fn get(
        &self,
        address: &Address,
        headers: &[(header::HeaderName, String)],
    ) -> Result<Answer, Attempt> {
        let (named, home) = (address.url.to_string(), address.url.origin());
        let mut url = address.url.clone();
        for _ in 0..=MOST_REDIRECTS {
            if !self.may_be_asked(&url) {
                let url = url.to_string();
                return Err(Attempt::Final(FetchError::Plain { url }));
            }
            let mut request = self.agent().get(url.as_str());
            for (name, value) in headers {
                request = request.header(name, value);
            }
            if let Some(Token(token)) = address.token.as_ref().filter(|_| url.origin() == home) {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            let response = request.call().map_err(|error| failed(&named, error))?;
            match response.status() {
                StatusCode::OK => return Ok(Answer::Whole(response)),
                StatusCode::PARTIAL_CONTENT => return Ok(Answer::Part(response)),
                StatusCode::NOT_MODIFIED => return Ok(Answer::Unchanged),
                StatusCode::RANGE_NOT_SATISFIABLE => {
                    return Ok(Answer::OutOfRange(response.headers().clone()));
                }
                status if status.is_redirection() => url = next(&named, &url, &response)?,
                status => return Err(refused(named, status, response.headers())),
            }
        }
        Err(Attempt::Final(FetchError::Redirect {
            url: named,
            reason: "it is redirected again and again",
        }))
    }

    /// With TLS, or on this machine, or where someone said so.
    fn may_be_asked(&self, url: &Url) -> bool {
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" => true,
            "http" => local || self.plain.contains(&url.origin()),
            _ => false,
        }
    }

    fn agent(&self) -> &Agent {
        self.agent.get_or_init(|| {
            let tls = TlsConfig::builder().root_certs(roots()).build();
            Agent::config_builder()
                .tls_config(tls)
                .user_agent(concat!("depeche/", env!("CARGO_PKG_VERSION")))
                .http_status_as_error(false)
                // Followed here: the token stays at home, and none leads out of TLS but to this machine
                // or an endpoint that was set.
                .max_redirects(0)
                .timeout_resolve(Some(self.patience.connect))
                .timeout_connect(Some(self.patience.connect))
                .timeout_recv_response(Some(self.patience.idle))
                .timeout_per_read(Some(self.patience.idle))
                .build()
                .new_agent()
        })
    }
}

/// The system's certificates, for a mirror may have one of its own; without any, Mozilla's.
fn roots() -> RootCerts {
    let system: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    match system.is_empty() {
        true => RootCerts::WebPki,
        false => RootCerts::new_with_certs(&system),
    }
}

fn next(named: &str, url: &Url, response: &Response<Body>) -> Result<Url, Attempt> {
    let target = response
        .headers()
        .get(header::LOCATION)
        .and_then(|location| location.to_str().ok())
        .and_then(|location| url.join(location).ok());
    target.ok_or_else(|| {
        Attempt::Final(FetchError::Redirect {
            url: named.to_owned(),
            reason: "it is redirected to no address",
        })
    })
}

fn refused(url: String, status: StatusCode, headers: &HeaderMap) -> Attempt {
    let code = status.as_u16();
    match code {
        408 | 429 | 500..=599 => Attempt::Again {
            why: format!("status {status}"),
            after: headers
                .get(header::RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| retry_after(value, SystemTime::now())),
        },
        401 | 403 => Attempt::Final(FetchError::Denied { url, status: code }),
        404 | 410 => Attempt::Final(FetchError::NotFound { url, status: code }),
        _ => Attempt::Final(FetchError::Status { url, status: code }),
    }
}

/// Seconds, or a date.
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    match value.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = httpdate::parse_http_date(value.trim()).ok()?;
            Some(date.duration_since(now).unwrap_or_default())
        }
    }
}

fn failed(url: &str, error: ureq::Error) -> Attempt {
    let why = error.to_string();
    let secure = match &error {
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => true,
        // How rustls tells of a certificate that it does not trust.
        ureq::Error::Io(source) => source.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    };
    match secure {
        true => Attempt::Final(FetchError::Secure {
            url: url.to_owned(),
            reason: why,
        }),
        false => Attempt::Again { why, after: None },
    }
}
