//! Bearer tokens: a TOML file with the names, hashes, permissions and quotas, read again when it
//! changes. The file has no token itself. One SHA-256 without salt or rounds is enough, because tokens
//! are 256 random bits (`depeche token new`), which nobody guesses from a hash: do not choose them by hand.

use std::{
    fs, io,
    num::{NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use super::Permission;
use crate::{
    rpc::client::Quota,
    server::reload::{LOOK_AGAIN, Stamps},
};

/// One entry of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub name: String,
    /// Of the token, 64 hexadecimal digits.
    pub sha256: String,
    pub allow: Vec<Permission>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_in_flight: Option<NonZeroUsize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_second: Option<NonZeroU64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    tokens: Vec<Token>,
}

/// Why there are no tokens: the file, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    #[error("tokens_file {path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("tokens_file {path}: {reason}")]
    Malformed { path: PathBuf, reason: String },
}

/// The tokens as they are in the file now. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TokenStore(watch::Receiver<Arc<Vec<Entry>>>);

#[derive(Debug)]
struct Entry {
    hash: [u8; 32],
    token: Arc<Token>,
}

/// A token's hash as the file has it.
pub fn hash(token: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(token).into();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl TokenStore {
    /// Reads the file now, and again when it changes, as long as somebody asks. A changed file that is not
    /// as it should be leaves the tokens before it.
    pub fn open(path: PathBuf) -> Result<Self, TokensError> {
        let before = Stamps::of([&path]);
        let (renew, entries) = watch::channel(read(&path)?);
        tokio::spawn(renewal(path, before, renew));
        Ok(TokenStore(entries))
    }

    /// The entry of a token. All are compared, each in the same time, so that how long it takes tells
    /// nothing of them.
    pub fn find(&self, token: &str) -> Option<Arc<Token>> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        let mut found = None;
        for entry in self.0.borrow().iter() {
            if bool::from(entry.hash.ct_eq(&hash)) {
                found = Some(entry.token.clone());
            }
        }
        found
    }
}

async fn renewal(path: PathBuf, mut before: Stamps, renew: watch::Sender<Arc<Vec<Entry>>>) {
    loop {
        tokio::select! {
            () = renew.closed() => return,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        let now = Stamps::of([&path]);
        if now == before {
            continue;
        }
        before = now;
        let result = match read(&path) {
            Ok(entries) => {
                tracing::info!(tokens = entries.len(), "tokens renewed");
                renew.send_replace(entries);
                "ok"
            }
            Err(error) => {
                tracing::error!(%error, "tokens not renewed");
                "error"
            }
        };
        metrics::counter!("depeche_tokens_reloads_total", "result" => result).increment(1);
    }
}

fn read(path: &Path) -> Result<Arc<Vec<Entry>>, TokensError> {
    let text = fs::read_to_string(path).map_err(|source| TokensError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let entries = parse(&text).map_err(|reason| TokensError::Malformed {
        path: path.to_owned(),
        reason,
    })?;
    Ok(Arc::new(entries))
}

fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let mut entries: Vec<Entry> = Vec::with_capacity(file.tokens.len());
    for token in file.tokens {
        if token.name.is_empty() {
            return Err("a token has no name: give each one".to_owned());
        }
        let hash = bytes(&token.sha256).ok_or_else(|| {
            format!(
                "token {}: sha256 must be 64 hexadecimal digits, as `depeche token new` prints them",
                token.name
            )
        })?;
        if let Some(other) = entries
            .iter()
            .find(|other| other.hash == hash || other.token.name == token.name)
        {
            return Err(format!(
                "tokens {} and {} have the same name or hash: leave one out",
                other.token.name, token.name
            ));
        }
        entries.push(Entry {
            hash,
            token: Arc::new(token),
        });
    }
    Ok(entries)
}

fn bytes(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

impl Token {
    pub fn quota(&self) -> Quota {
        Quota {
            tokens_in_flight: self.tokens_in_flight,
            tokens_per_second: self.tokens_per_second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, token: &str) -> String {
        format!(
            "[[tokens]]\nname = {name:?}\nsha256 = {:?}\nallow = [\"translate\"]\n",
            hash(token)
        )
    }

    #[test]
    fn a_file_that_is_not_as_it_should_be_is_refused_with_the_reason() {
        for (text, reason) in [
            ("[[tokens]]\nname = \"a\"\n", "sha256"),
            (&entry("a", "x").replace("translate", "fly"), "fly"),
            (&entry("", "x"), "no name"),
            (&(entry("a", "x") + &entry("b", "x")), "a and b"),
            (&(entry("a", "x") + &entry("a", "y")), "a and a"),
            (
                "[[tokens]]\nname = \"a\"\nsha256 = \"é\"\nallow = []",
                "64 hexadecimal",
            ),
            (&(entry("a", "x") + "alow = 1\n"), "alow"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_token_is_found_by_its_hash_alone() {
        let entries = parse(&(entry("a", "x") + &entry("b", "y"))).unwrap();
        let (_keep, entries) = watch::channel(Arc::new(entries));
        let store = TokenStore(entries);
        assert_eq!(store.find("y").unwrap().name, "b");
        assert_eq!(store.find("z"), None);
        assert_eq!(store.find(&hash("y")), None);
    }
}
