//! The real binary, started and asked from outside.
#![allow(dead_code, reason = "each test file uses a part")]

pub mod tls;
pub mod wire;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use depeche::rpc::proto::v1::{
    TranslateRequest, article_service_client::ArticleServiceClient,
    catalog_service_client::CatalogServiceClient,
    summarization_service_client::SummarizationServiceClient,
    translation_service_client::TranslationServiceClient,
};
use tonic::transport::{Channel, Endpoint};

/// The folder of this package.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A path below the package.
pub fn path(relative: &str) -> PathBuf {
    Path::new(ROOT).join(relative)
}

/// The article that the service was first asked to translate.
pub fn article() -> String {
    fs::read_to_string(path("tests/articles/poutine-pezeshkian.fr.txt")).unwrap()
}

/// French sentences on many subjects, a line each.
pub fn phrases() -> Vec<String> {
    let text = fs::read_to_string(path("tests/data/phrases.fr.txt")).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A fresh empty folder below `target/`.
pub fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A request for English, of a text whose language is to be detected.
pub fn to_english(text: impl Into<String>) -> TranslateRequest {
    TranslateRequest {
        text: text.into(),
        target_languages: vec!["en".to_owned()],
        ..TranslateRequest::default()
    }
}

/// The binary, untouched by settings of whoever runs the tests.
pub fn depeche() -> Command {
    by_itself(Command::new(env!("CARGO_BIN_EXE_depeche")))
}

/// The same by a shell that sets limits first, such as `ulimit -Sn 1024`.
pub fn limited_depeche(limits: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("{limits} && exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_depeche")]);
    by_itself(command)
}

fn by_itself(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DEPECHE_") {
            command.env_remove(name);
        }
    }
    // Where the store is by default: one of the tests' own, which stays empty.
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-data");
    command.env("XDG_DATA_HOME", data);
    // The same phrases are sent again and again so that models have to work.
    command.env("DEPECHE_CACHE_BYTES", "0");
    // Standard error is a pipe here, which would have JSON.
    command.env("DEPECHE_LOG_FORMAT", "text");
    command.current_dir(ROOT);
    command
}

/// Runs a command to its end with something on its standard input.
pub fn run(args: &[&str], stdin: &[u8]) -> Output {
    let mut child = depeche()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = stdin.to_vec();
    // A command may end without reading all of it.
    let writer = thread::spawn(move || {
        let _ = input.write_all(&bytes);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// Starts a server that should not get ready: its exit code and all that it said.
pub fn start_and_fail(args: &[&str]) -> (Option<i32>, String) {
    let mut child = depeche()
        .args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        told.push(line.unwrap());
        if told.last().is_some_and(|line| line.contains(" ready ")) {
            child.kill().unwrap();
            panic!("it started:\n{}", told.join("\n"));
        }
    }
    (child.wait().unwrap().code(), told.join("\n"))
}

/// A running server on ports of its own; killed when dropped.
pub struct Server {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    lines: Mutex<mpsc::Receiver<String>>,
    pub grpc: String,
    pub admin: String,
}

impl Server {
    /// Starts with the default models and waits until it is ready.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(args: &[&str]) -> Self {
        Self::start_by(depeche(), args)
    }

    /// By a command that runs the binary, such as a shell with limits.
    pub fn start_by(mut command: Command, args: &[&str]) -> Self {
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(match args.contains(&"--admin") {
                true => &[][..],
                false => &["--admin", "127.0.0.1:0"],
            })
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let (send, lines) = mpsc::channel();
        let kept = log.clone();
        // Reads to the end, so that the server never blocks on a full pipe.
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                kept.lock().unwrap().push(line.clone());
                let _ = send.send(line);
            }
        });
        let mut server = Server {
            child,
            log,
            lines: Mutex::new(lines),
            grpc: String::new(),
            admin: String::new(),
        };
        let bound = server.wait_for("bound");
        server.grpc = value(&bound, "grpc=");
        server.admin = value(&bound, "admin=");
        server.wait_for("ready");
        server
    }

    /// The next log line that says so; panics with the log when the server ends before.
    pub fn wait_for(&mut self, word: &str) -> String {
        loop {
            match self.lines.lock().unwrap().recv() {
                Ok(line) if line.split_whitespace().any(|part| part == word) => return line,
                Ok(_) => {}
                Err(_) => panic!("the server ended before {word:?}:\n{}", self.log()),
            }
        }
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// Status line and body of a page of the admin port.
    pub fn page(&self, path: &str) -> String {
        let mut connection = TcpStream::connect(&self.admin).unwrap();
        write!(connection, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut page = String::new();
        connection.read_to_string(&mut page).unwrap();
        page
    }

    /// The sum of a metric's series.
    pub fn metric(&self, name: &str) -> f64 {
        let page = self.page("/metrics");
        let series = page.lines().filter(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        series
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {pid}")])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// A connection of its own.
    pub async fn channel(&self) -> Channel {
        Endpoint::from_shared(self.url())
            .unwrap()
            .connect()
            .await
            .unwrap()
    }

    pub async fn translation(&self) -> TranslationServiceClient<Channel> {
        TranslationServiceClient::new(self.channel().await).max_decoding_message_size(usize::MAX)
    }

    pub async fn summarization(&self) -> SummarizationServiceClient<Channel> {
        SummarizationServiceClient::new(self.channel().await)
    }

    pub async fn articles(&self) -> ArticleServiceClient<Channel> {
        ArticleServiceClient::new(self.channel().await)
    }

    pub async fn catalog(&self) -> CatalogServiceClient<Channel> {
        CatalogServiceClient::new(self.channel().await)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn value(line: &str, key: &str) -> String {
    let found = line
        .split_whitespace()
        .find_map(|part| part.strip_prefix(key));
    found
        .unwrap_or_else(|| panic!("no {key} in {line}"))
        .to_owned()
}
