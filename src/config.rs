//! Settings: defaults, overridden by a TOML file, by the environment (`DEPECHE_…`), by flags.

mod connections;

pub use connections::{OptionalAddress, QuotaSettings};

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
    /// Source tokens of all requests under way; more is refused as overload.
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
    /// Models that `serve` loads before it is ready: `all` that there is memory for, `none`, or ids
    /// with commas between them. The others are loaded when they are first needed.
    pub preload: String,
    /// Longest text of a request, in bytes of UTF-8.
    pub max_text_bytes: usize,
    /// TLS on the gRPC port: PEM files of the server's certificate and key; both or neither.
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// PEM file of the authorities that clients' certificates must come from.
    pub tls_client_ca: Option<PathBuf>,
    /// TOML file with the bearer tokens that clients need; without, they need none.
    pub tokens_file: Option<PathBuf>,
    /// Metadata key that clients name themselves by, to take turns.
    pub client_id_key: String,
    /// Whether quotas go by that name, too, because a gateway sets it.
    pub client_id_trusted: bool,
    /// By account, see the log and the errors for their names; `default` for all others. File only.
    pub quotas: BTreeMap<String, QuotaSettings>,
    /// Whether clients may ask for the contract (gRPC reflection).
    pub reflection: bool,
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
    /// How long a request that is one message may take to arrive.
    #[serde(with = "humantime_serde")]
    pub receive_timeout: Duration,
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
/// A hundred or two of the small students.
const DEFAULT_MEMORY_BUDGET_BYTES: u64 = 4 << 30;
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
            queue_tokens: DEFAULT_QUEUE_TOKENS,
            queue_wait: Duration::from_millis(500),
            max_request_duration: Duration::from_secs(600),
            memory_budget_bytes: DEFAULT_MEMORY_BUDGET_BYTES,
            preload: PRELOAD_ALL.to_owned(),
            max_text_bytes: DEFAULT_MAX_TEXT_BYTES,
            tls_cert: None,
            tls_key: None,
            tls_client_ca: None,
            tokens_file: None,
            client_id_key: "x-client-id".to_owned(),
            client_id_trusted: false,
            quotas: BTreeMap::new(),
            reflection: true,
            max_connection_age: Duration::from_secs(30 * 60),
            max_connection_grace: Duration::from_secs(10 * 60),
            max_concurrent_streams: 1024,
            max_header_bytes: 16 << 10,
            receive_timeout: Duration::from_secs(30),
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
    /// Longest text of a request, in bytes [default: 1048576]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_text_bytes: Option<usize>,
}

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
    /// Metadata key that clients name themselves by, to take turns [default: x-client-id]
    #[arg(long, value_name = "KEY")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id_key: Option<String>,
    /// Whether quotas go by that name, too: only behind a gateway that sets it [default: false]
    #[arg(long, value_name = "true|false")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id_trusted: Option<bool>,
    /// Whether clients may ask for the contract by gRPC reflection [default: true]
    #[arg(long, value_name = "true|false")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reflection: Option<bool>,
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
    /// How long a request that is one message may take to arrive [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[serde(with = "humantime_serde", skip_serializing_if = "Option::is_none")]
    pub receive_timeout: Option<Duration>,
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
        "queue_tokens",
        "queue_wait",
        "max_request_duration",
        "memory_budget_bytes",
        "preload",
        "max_text_bytes",
        "tls_cert",
        "tls_key",
        "tls_client_ca",
        "tokens_file",
        "client_id_key",
        "client_id_trusted",
        "reflection",
        "max_connection_age",
        "max_connection_grace",
        "max_concurrent_streams",
        "max_header_bytes",
        "receive_timeout",
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
        if settings.memory_budget_bytes == 0 {
            return Err(ConfigError::Range {
                key: "memory_budget_bytes",
                value: 0,
                most: usize::MAX,
            });
        }
        for (key, value, most) in [
            ("inference_threads", settings.inference_threads.get(), 1024),
            ("queue_tokens", settings.queue_tokens, usize::MAX),
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
            ("max_text_bytes", settings.max_text_bytes, MOST_TEXT_BYTES),
        ] {
            if !(1..=most).contains(&value) {
                return Err(ConfigError::Range { key, value, most });
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

    /// The models that come along: `models` in the current folder, else beside the executable.
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
    [Some(here), beside].into_iter().flatten().collect()
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
mod tests {
    use super::*;

    fn flags(config: &Path) -> EngineFlags {
        EngineFlags {
            config: Some(config.to_owned()),
            ..EngineFlags::default()
        }
    }

    fn file(name: &str, text: &str) -> PathBuf {
        let path =
            env::temp_dir().join(format!("depeche-config-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn an_unknown_key_in_the_file_is_an_error_that_names_the_key() {
        let path = file("unknown", "lisen = \"127.0.0.1:1\"\n");
        let error = Settings::load(&flags(&path), &ServeFlags::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains("lisen"), "{error}");
        // The path may be told relative to the current folder.
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(error.contains(name), "{error}");
    }

    #[test]
    fn a_config_file_that_is_not_there_is_an_error() {
        let error = Settings::load(&flags(Path::new("/nowhere.toml")), &ServeFlags::default());
        assert!(error.unwrap_err().to_string().contains("/nowhere.toml"));
    }

    #[test]
    fn a_flag_beats_the_file_and_the_file_beats_the_default() {
        let path = file(
            "order",
            "drain_timeout = \"5s\"\nqueue_tokens = 7\ninference_threads = 3\n",
        );
        let serve = ServeFlags {
            drain_timeout: Some(Duration::from_secs(9)),
            ..Default::default()
        };
        let settings = Settings::load(&flags(&path), &serve).unwrap();
        assert_eq!(settings.drain_timeout, Duration::from_secs(9));
        assert_eq!(
            (settings.queue_tokens, settings.inference_threads.get()),
            (7, 3)
        );
        assert_eq!(settings.listen, Settings::default().listen);
    }

    #[test]
    fn a_setting_of_zero_is_refused_by_name() {
        let path = file("zero", "max_text_bytes = 0\n");
        let error = Settings::load(&flags(&path), &ServeFlags::default()).unwrap_err();
        assert!(error.to_string().contains("max_text_bytes"), "{error}");
    }

    #[test]
    fn the_help_tells_the_defaults_that_hold() {
        use clap::Args;
        let command =
            ServeFlags::augment_args(EngineFlags::augment_args(clap::Command::new("serve")));
        let help = command.clone().render_help().to_string();
        let default = Settings::default();
        for value in [
            default.listen.to_string(),
            default.admin.to_string(),
            default.queue_tokens.to_string(),
            humantime::format_duration(default.queue_wait).to_string(),
            humantime::format_duration(default.max_request_duration).to_string(),
            default.memory_budget_bytes.to_string(),
            default.preload,
            default.max_text_bytes.to_string(),
            humantime::format_duration(default.drain_timeout).to_string(),
            default.client_id_key,
            default.client_id_trusted.to_string(),
            default.reflection.to_string(),
            humantime::format_duration(default.max_connection_age).to_string(),
            humantime::format_duration(default.max_connection_grace).to_string(),
            default.max_concurrent_streams.to_string(),
            default.max_header_bytes.to_string(),
            humantime::format_duration(default.receive_timeout).to_string(),
            default.log,
        ] {
            assert!(
                help.contains(&format!("[default: {value}]")),
                "{value} in {help}"
            );
        }
    }
}
