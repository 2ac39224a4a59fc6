//! The flags of `serve`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use humantime_serde::re::humantime;
use serde::Serialize;

use super::{LogFormat, OptionalAddress, TrustedPeers};

/// Flags of `serve` alone.
#[derive(Clone, Debug, Default, clap::Args, Serialize)]
pub struct ServeFlags {
    /// Where to serve gRPC; port 0 takes a free one and logs it [default: 127.0.0.1:50051]
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// Where to serve /livez, /readyz and /metrics over HTTP; none for nowhere [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<OptionalAddress>,
    /// Models to load before the server is ready: all that there is memory for, none, or ids such as
    /// fr-en,en-pt [default: all]
    #[arg(long, value_name = "IDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preload: Option<String>,
    /// Let instruction models translate where no other installed model does; small ones translate badly
    /// [default: false]
    #[arg(long, value_name = "true|false")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translate_by_instruction: Option<bool>,
    /// Serve gRPC over TLS with this certificate, a PEM file; read again when it changes
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, a PEM file
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// Ask clients for a certificate of one of these authorities, a PEM file
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_ca: Option<PathBuf>,
    /// How long a request may take whose client sets no earlier deadline [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub max_request_duration: Option<Duration>,
    /// Ask clients for a bearer token of this TOML file; read again when it changes
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_file: Option<PathBuf>,
    /// Metadata key by which trusted peers name the client that they ask for [default: x-client-id]
    #[arg(long, value_name = "KEY")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id_key: Option<String>,
    /// Peers that may name clients: all, none, or accounts with commas between them, such as
    /// spiffe://mesh/gateway,token/gateway,address/10.0.0.0/8 [default: none]
    #[arg(long, value_name = "PEERS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_peers: Option<TrustedPeers>,
    /// Whether clients may ask for the contract by gRPC reflection [default: true]
    #[arg(long, value_name = "true|false")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reflection: Option<bool>,
    /// Connections to the gRPC port; more are closed at once [default: 20000]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<usize>,
    /// How long a connection may take for TLS, and then for the preface of HTTP/2 [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub handshake_timeout: Option<Duration>,
    /// Silence of a connection after which its client is asked whether it is there [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub keepalive_interval: Option<Duration>,
    /// How long it may take to say so [default: 20s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub keepalive_timeout: Option<Duration>,
    /// Age at which connections are ended gracefully, give or take a tenth [default: 30m]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub max_connection_age: Option<Duration>,
    /// How long requests of such a connection may go on [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub max_connection_grace: Option<Duration>,
    /// Requests of one connection under way [default: 1024]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent_streams: Option<u32>,
    /// Metadata of a request, in bytes [default: 16384]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_header_bytes: Option<u32>,
    /// How long a message may take to arrive, a request or a document of a batch [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub receive_timeout: Option<Duration>,
    /// Bytes of all messages that are arriving before more are refused [default: 67108864]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive_bytes: Option<usize>,
    /// How long a client may leave an answer unread before the rest of it is dropped [default: 2m]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub send_timeout: Option<Duration>,
    /// Compress answers for clients that accept gzip or zstd [default: false]
    #[arg(long, value_name = "true|false")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compress_answers: Option<bool>,
    /// How long requests under way may take after SIGTERM [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub drain_timeout: Option<Duration>,
    /// Log level or filter, such as warn or depeche=debug [default: info]
    #[arg(long, value_name = "FILTER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// How log lines are written [default: auto]
    #[arg(long, value_enum, value_name = "FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormat>,
    /// Log the texts of requests and answers, which are left out otherwise [default: false]
    #[arg(long, value_name = "BOOL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_content: Option<bool>,
    /// Send traces to this OTLP collector over gRPC, such as http://127.0.0.1:4317
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
}
