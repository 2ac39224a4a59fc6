//! Settings: defaults, overridden by a TOML file, by the environment (`DEPECHE_…`), by flags.

mod connections;
mod peers;
mod serve;

pub use connections::{OptionalAddress, QuotaSettings};
pub use peers::TrustedPeers;
pub use serve::ServeFlags;

use std::{
    collections::BTreeMap,
    env,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use directories::ProjectDirs;
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use humantime_serde::re::humantime;
use serde::{Deserialize, Serialize};

/// Everything that can be set, with the names that the file and, in capitals after `DEPECHE_`, the
/// environment use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where gRPC is served.
    pub listen: SocketAddr,
    /// Where liveness, readiness and metrics are served over HTTP, or `none`.
    pub admin: OptionalAddress,
    /// The store of models; [`Settings::store`] has the default.
    pub models: Option<PathBuf>,
    /// Threads that run the models.
    pub inference_threads: NonZeroUsize,
    /// Arithmetic of the linear layers.
    pub compute_type: Compute,
    /// Whether models that have a lexical shortlist choose from it alone.
    pub shortlist: bool,
    /// Whether each of the threads that translate keeps to one core.
    pub pin_threads: bool,
    /// Tokens of all requests under way, for each engine; more is refused as overload.
    pub queue_tokens: usize,
    /// How long a request may wait for others where more keep coming than can be answered; those that
    /// would wait longer are refused.
    #[serde(with = "humantime_serde")]
    pub queue_wait: Duration,
    /// How long a request may take whose client sets no earlier deadline.
    #[serde(with = "humantime_serde")]
    pub max_request_duration: Duration,
    /// Memory of all loaded models, in bytes: those that nobody uses leave for others.
    pub memory_budget_bytes: u64,
    /// Memory of the keys and values of all texts that instruction models write at a time, in bytes;
    /// others wait, and a text that may need more by itself is refused.
    pub text_memory_bytes: u64,
    /// Memory of translated sentences that are kept for those who ask again, in bytes; 0 keeps none.
    pub cache_bytes: u64,
    /// Models that `serve` loads before it is ready: `all` that there is memory for, `none`, or ids
    /// with commas between them. The others are loaded when they are first needed.
    pub preload: String,
    /// Whether instruction models translate where no installed model of another kind does.
    pub translate_by_instruction: bool,
    /// Longest text of a request, in bytes of UTF-8.
    pub max_text_bytes: usize,
    /// TLS on the gRPC port: PEM files of the server's certificate and key; both or neither.
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// PEM file of the authorities that clients' certificates must come from.
    pub tls_client_ca: Option<PathBuf>,
    /// TOML file with the bearer tokens that clients need; without, they need none.
    pub tokens_file: Option<PathBuf>,
    /// Metadata key by which a trusted peer names the client that it asks for.
    pub client_id_key: String,
    /// Peers that may name clients, such as a gateway; of all others that key is not read.
    pub trusted_peers: TrustedPeers,
    /// By account, see the log and the errors for their names; `default` for all others. File only.
    pub quotas: BTreeMap<String, QuotaSettings>,
    /// Whether clients may ask for the contract (gRPC reflection).
    pub reflection: bool,
    /// Connections to the gRPC port; more are closed at once.
    pub max_connections: usize,
    /// How long a connection may take for its TLS handshake, and then for the preface of HTTP/2.
    #[serde(with = "humantime_serde")]
    pub handshake_timeout: Duration,
    /// How long a connection may be silent before its client is asked whether it is there.
    #[serde(with = "humantime_serde")]
    pub keepalive_interval: Duration,
    /// How long a client may take to say that it is.
    #[serde(with = "humantime_serde")]
    pub keepalive_timeout: Duration,
    /// How old a connection grows, give or take a tenth, before its client is told to make another.
    #[serde(with = "humantime_serde")]
    pub max_connection_age: Duration,
    /// How long requests of such a connection may go on.
    #[serde(with = "humantime_serde")]
    pub max_connection_grace: Duration,
    /// Requests of one connection under way; more wait in the client.
    pub max_concurrent_streams: u32,
    /// Metadata of a request, in bytes.
    pub max_header_bytes: u32,
    /// How long a message may take to arrive: a request, or a document of a batch.
    #[serde(with = "humantime_serde")]
    pub receive_timeout: Duration,
    /// Bytes of all messages that are arriving; more is refused as overload.
    pub receive_bytes: usize,
    /// How long a client may leave an answer unread before what is left of it is dropped.
    #[serde(with = "humantime_serde")]
    pub send_timeout: Duration,
    /// Whether answers are compressed for clients that accept gzip or zstd.
    pub compress_answers: bool,
    /// How long requests under way may take after the signal to end.
    #[serde(with = "humantime_serde")]
    pub drain_timeout: Duration,
    /// What `serve` logs: a level or a `tracing` filter.
    pub log: String,
    /// How it is written.
    pub log_format: LogFormat,
    /// Whether texts of requests and answers are logged.
    pub log_content: bool,
    /// Where traces go; `OTEL_EXPORTER_OTLP_ENDPOINT` counts, too.
    pub otlp_endpoint: Option<String>,
}

/// About a hundred long articles: a few seconds' work, so that who waits is answered soon.
const DEFAULT_QUEUE_TOKENS: usize = 200_000;
const DEFAULT_MAX_TEXT_BYTES: usize = 1 << 20;
/// Of documents of usual size many more than may be under way.
const DEFAULT_RECEIVE_BYTES: usize = 64 << 20;
/// Twice ten thousand clients that keep a connection open and ask little.
const DEFAULT_MAX_CONNECTIONS: usize = 20_000;
/// A hundred or two of the small students.
const DEFAULT_MEMORY_BUDGET_BYTES: u64 = 4 << 30;
/// Some twenty summaries of long articles by a model of 135 million weights, or five by one of 1.7
/// billion.
const DEFAULT_TEXT_MEMORY_BYTES: u64 = 1 << 30;
/// Some six thousand sentences.
const DEFAULT_CACHE_BYTES: u64 = 4 << 20;
/// Values of `preload` that are no ids.
pub const PRELOAD_ALL: &str = "all";
pub const PRELOAD_NONE: &str = "none";
/// Spans are 32 bits wide, and a translation may be longer than its source.
const MOST_TEXT_BYTES: usize = 256 << 20;
/// Name of the folder of the models that come along.
const EMBEDDED_MODELS: &str = "models";

impl Default for Settings {
    fn default() -> Self {
        Settings {
            listen: (Ipv4Addr::LOCALHOST, 50051).into(),
            admin: OptionalAddress(Some((Ipv4Addr::LOCALHOST, 9464).into())),
            models: None,
            inference_threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            compute_type: Compute::default(),
            shortlist: true,
            pin_threads: false,
            queue_tokens: DEFAULT_QUEUE_TOKENS,
            queue_wait: Duration::from_millis(500),
            max_request_duration: Duration::from_secs(600),
            memory_budget_bytes: DEFAULT_MEMORY_BUDGET_BYTES,
            text_memory_bytes: DEFAULT_TEXT_MEMORY_BYTES,
            cache_bytes: DEFAULT_CACHE_BYTES,
            preload: PRELOAD_ALL.to_owned(),
            translate_by_instruction: false,
            max_text_bytes: DEFAULT_MAX_TEXT_BYTES,
            tls_cert: None,
            tls_key: None,
            tls_client_ca: None,
            tokens_file: None,
            client_id_key: "x-client-id".to_owned(),
            trusted_peers: TrustedPeers::default(),
            quotas: BTreeMap::new(),
            reflection: true,
            max_connections: DEFAULT_MAX_CONNECTIONS,
            handshake_timeout: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(20),
            max_connection_age: Duration::from_secs(30 * 60),
            max_connection_grace: Duration::from_secs(10 * 60),
            max_concurrent_streams: 1024,
            max_header_bytes: 16 << 10,
            receive_timeout: Duration::from_secs(30),
            receive_bytes: DEFAULT_RECEIVE_BYTES,
            send_timeout: Duration::from_secs(120),
            compress_answers: false,
            drain_timeout: Duration::from_secs(30),
            log: "info".to_owned(),
            log_format: LogFormat::default(),
            log_content: false,
            otlp_endpoint: None,
        }
    }
}

/// The arithmetic of the networks' linear layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Compute {
    /// The fast one
    #[default]
    Int8,
    /// The reference, on the same weights
    F32,
}

/// How the log's lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, else JSON
    #[default]
    Auto,
    Text,
    /// An object a line
    Json,
}

/// Flags of every command that may load models.
#[derive(Clone, Debug, Default, clap::Args, Serialize)]
pub struct EngineFlags {
    /// TOML file with settings; its keys are these flags' names with `_` for `-`
    #[arg(long, env = "DEPECHE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// The store, a folder with one folder a model [default: depeche/models among the user's data]
    #[arg(long, value_name = "FOLDER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<PathBuf>,
    /// Threads that run the models [default: one a core]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_threads: Option<NonZeroUsize>,
    /// Arithmetic of the linear layers [default: int8]
    #[arg(long, value_enum, value_name = "TYPE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compute_type: Option<Compute>,
    /// Whether models that have a lexical shortlist choose from it alone [default: true]
    #[arg(long, value_name = "true|false")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortlist: Option<bool>,
    /// Whether each of the threads that translate keeps to one core [default: false]
    #[arg(long, value_name = "true|false")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin_threads: Option<bool>,
    /// Source tokens of all requests under way before more are refused [default: 200000]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_tokens: Option<usize>,
    /// How long a request may wait for others under overload [default: 500ms]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub queue_wait: Option<Duration>,
    /// Memory of all loaded models, in bytes [default: 4294967296]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_budget_bytes: Option<u64>,
    /// Memory of all texts that instruction models write at a time, in bytes [default: 1073741824]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_memory_bytes: Option<u64>,
    /// Memory of translated sentences that are kept for those who ask again, in bytes; 0 keeps none [default: 4194304]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_bytes: Option<u64>,
    /// Longest text of a request, in bytes [default: 1048576]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_text_bytes: Option<usize>,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("settings: {0}")]
    Invalid(Box<figment::Error>),
    #[error("settings: {key} is {value}, but must be from 1 to {most}")]
    Range {
        key: &'static str,
        value: usize,
        most: usize,
    },
    #[error(
        "no folder {tried}: fetch a model with `depeche models pull`, or name the folder with the models (--models, DEPECHE_MODELS)"
    )]
    NoModels { tried: String },
    #[error("settings: {0} must be longer than 0")]
    NoTime(&'static str),
    #[error("settings: TLS needs both tls_cert and tls_key")]
    HalfTls,
    #[error("this user has no home for models: name a folder (--models, DEPECHE_MODELS)")]
    NoHome,
}

impl Settings {
    /// The keys, as the file and the environment have them.
    const KEYS: &[&str] = &[
        "listen",
        "admin",
        "models",
        "inference_threads",
        "compute_type",
        "shortlist",
        "pin_threads",
        "queue_tokens",
        "queue_wait",
        "max_request_duration",
        "memory_budget_bytes",
        "text_memory_bytes",
        "cache_bytes",
        "preload",
        "translate_by_instruction",
        "max_text_bytes",
        "tls_cert",
        "tls_key",
        "tls_client_ca",
        "tokens_file",
        "client_id_key",
        "trusted_peers",
        "reflection",
        "max_connections",
        "handshake_timeout",
        "keepalive_interval",
        "keepalive_timeout",
        "max_connection_age",
        "max_connection_grace",
        "max_concurrent_streams",
        "max_header_bytes",
        "receive_timeout",
        "receive_bytes",
        "send_timeout",
        "compress_answers",
        "drain_timeout",
        "log",
        "log_format",
        "log_content",
        "otlp_endpoint",
    ];

    /// Reads the settings of a command.
    pub fn load(engine: &EngineFlags, serve: &ServeFlags) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Settings::default()));
        if let Some(path) = &engine.config {
            figment = figment.merge(Toml::file_exact(path));
        }
        // Only the known keys: other tools may keep variables with the same prefix.
        let settings: Settings = figment
            .merge(Env::prefixed("DEPECHE_").only(Self::KEYS))
            .merge(Serialized::defaults(engine))
            .merge(Serialized::defaults(serve))
            .extract()
            .map_err(|error| ConfigError::Invalid(Box::new(error)))?;
        for (key, bytes) in [
            ("memory_budget_bytes", settings.memory_budget_bytes),
            ("text_memory_bytes", settings.text_memory_bytes),
        ] {
            if bytes == 0 {
                return Err(ConfigError::Range {
                    key,
                    value: 0,
                    most: usize::MAX,
                });
            }
        }
        for (key, value, most) in [
            ("inference_threads", settings.inference_threads.get(), 1024),
            ("queue_tokens", settings.queue_tokens, usize::MAX),
            ("max_connections", settings.max_connections, 1 << 20),
            (
                "max_concurrent_streams",
                settings.max_concurrent_streams as usize,
                u32::MAX as usize,
            ),
            (
                "max_header_bytes",
                settings.max_header_bytes as usize,
                16 << 20,
            ),
            ("receive_bytes", settings.receive_bytes, usize::MAX),
            ("max_text_bytes", settings.max_text_bytes, MOST_TEXT_BYTES),
        ] {
            if !(1..=most).contains(&value) {
                return Err(ConfigError::Range { key, value, most });
            }
        }
        for (key, time) in [
            ("handshake_timeout", settings.handshake_timeout),
            ("keepalive_interval", settings.keepalive_interval),
            ("keepalive_timeout", settings.keepalive_timeout),
            ("send_timeout", settings.send_timeout),
            ("max_request_duration", settings.max_request_duration),
        ] {
            if time.is_zero() {
                return Err(ConfigError::NoTime(key));
            }
        }
        let (cert, key) = (settings.tls_cert.is_some(), settings.tls_key.is_some());
        if cert != key || (settings.tls_client_ca.is_some() && !cert) {
            return Err(ConfigError::HalfTls);
        }
        Ok(settings)
    }

    /// The store of models, which need not be there yet: the setting, else `depeche/models` in the
    /// platform's folder for a user's data.
    pub fn store(&self) -> Result<PathBuf, ConfigError> {
        let default = || {
            Some(
                ProjectDirs::from("", "", "depeche")?
                    .data_dir()
                    .join("models"),
            )
        };
        self.models
            .clone()
            .or_else(default)
            .ok_or(ConfigError::NoHome)
    }

    /// The models that come along: `models` beside the executable, else in the current folder.
    pub fn embedded(&self) -> Option<PathBuf> {
        embedded_candidates()
            .into_iter()
            .find(|folder| folder.is_dir())
    }

    /// Where models are looked for, the first first: the store, if it is there, and the models that
    /// come along. A store that was named must be there.
    pub fn models_folders(&self) -> Result<Vec<PathBuf>, ConfigError> {
        let store = self.store();
        let named = self.models.is_some();
        let mut folders: Vec<PathBuf> = store
            .iter()
            .filter(|store| store.is_dir())
            .cloned()
            .collect();
        if folders.is_empty() && named {
            let tried = list(&[store?]);
            return Err(ConfigError::NoModels { tried });
        }
        folders.extend(self.embedded());
        if folders.is_empty() {
            let mut candidates = embedded_candidates();
            candidates.splice(0..0, store);
            let tried = list(&candidates);
            return Err(ConfigError::NoModels { tried });
        }
        Ok(folders)
    }
}

fn embedded_candidates() -> Vec<PathBuf> {
    let beside = env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.join(EMBEDDED_MODELS)));
    let here = PathBuf::from(EMBEDDED_MODELS);
    beside.into_iter().chain([here]).collect()
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths
        .iter()
        .map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
        .map(|path: PathBuf| Path::display(&path).to_string())
        .collect();
    shown.join(" nor ")
}

#[cfg(test)]
mod test;
