//! A store of a test's own, filled from servers of a test's own.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

use super::common::{depeche, scratch};
use super::server::Server;

pub const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

pub struct Bench {
    pub store: PathBuf,
    /// The hub, and Mozilla's archive and index.
    pub server: Server,
}

impl Bench {
    pub fn new(name: &str) -> Self {
        Bench {
            store: scratch(&format!("store-{name}")),
            server: Server::start(),
        }
    }

    /// `depeche` with this store and these sources, and nothing of the user's.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = depeche();
        for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(proxy).env_remove(proxy.to_uppercase());
        }
        command
            .args(args)
            .env("DEPECHE_MODELS", &self.store)
            .env("HF_ENDPOINT", self.server.url(""))
            .env("HF_HOME", self.store.join(".no-home"))
            .env("HF_TOKEN", "secret")
            .env("DEPECHE_MOZILLA_ARCHIVE", self.server.url("/archive"))
            .env("DEPECHE_MOZILLA_INDEX", self.server.url("/models.json"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs `depeche models …`, which must succeed: what it printed.
    pub fn models(&self, args: &[&str]) -> String {
        let output = self.run(&[&["models"], args].concat());
        assert!(output.status.success(), "{args:?}: {}", told(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs `depeche models …`, which must end with `code`: what it said on standard error.
    pub fn refused(&self, args: &[&str], code: i32) -> String {
        let output = self.run(&[&["models"], args].concat());
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?}: {}",
            told(&output)
        );
        told(&output)
    }

    pub fn write_catalog(&self, entries: &[String]) {
        fs::write(self.store.join("catalog.toml"), entries.join("\n")).unwrap();
    }

    pub fn folder(&self, id: &str) -> PathBuf {
        self.store.join(id)
    }

    /// What must hold after every fault: nothing is there.
    pub fn assert_nothing(&self, id: &str) {
        assert!(!self.folder(id).exists(), "{id} is there");
        assert!(!self.models(&["list", "--installed"]).contains(id));
    }

    /// The other: all of it is there and verified, by us and by coreutils, and nothing is left over.
    pub fn assert_whole(&self, id: &str) {
        self.models(&["verify", id]);
        let sums = Command::new("sha256sum")
            .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
            .current_dir(self.folder(id))
            .output()
            .unwrap();
        assert!(sums.status.success(), "{}", told(&sums));
        assert!(!self.store.join(".partial").join(id).exists());
    }
}

pub fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file that begins as GGUF does, and cannot be packed.
pub fn gguf(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let mut file = b"GGUF".to_vec();
    file.resize_with(bytes, || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    file
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An entry of a catalogue.
pub fn entry(id: &str, engine: &str, source: &str, files: &[String]) -> String {
    let task = if engine == "student" {
        "translation"
    } else {
        "instruction"
    };
    format!(
        "[[model]]\nid = \"{id}\"\ntask = \"{task}\"\nengine = \"{engine}\"\n\
         source_languages = [\"fr\"]\ntarget_languages = [\"en\"]\nlicence = \"MPL-2.0\"\n\
         licence_url = \"https://licence.example/mpl\"\nchecked = \"form\"\nsource = {source}\n\
         files = [{}]\n",
        files.join(", ")
    )
}

pub fn hub(repository: &str) -> String {
    format!("{{ kind = \"hub\", repository = \"{repository}\", revision = \"{REVISION}\" }}")
}

pub fn file(name: &str, bytes: &[u8]) -> String {
    let (size, sum) = (bytes.len(), sha256(bytes));
    format!("{{ path = \"{name}\", bytes = {size}, sha256 = \"{sum}\" }}")
}

/// The path of a hub's file.
pub fn hub_path(repository: &str, name: &str) -> String {
    format!("/{repository}/resolve/{REVISION}/{name}")
}

/// A bench with one model, `tiny`, of one file of the hub: its path there and its content.
pub fn with_tiny(name: &str) -> (Bench, String, Vec<u8>) {
    let bench = Bench::new(name);
    let weights = gguf(7, 300_000);
    let path = hub_path("owner/tiny", "model.gguf");
    bench.server.put(&path, &weights);
    let files = [file("model.gguf", &weights)];
    bench.write_catalog(&[entry("tiny", "causal", &hub("owner/tiny"), &files)]);
    (bench, path, weights)
}

pub fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}
