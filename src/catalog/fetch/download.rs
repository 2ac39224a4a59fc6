//! One file, going on where an earlier attempt stopped, be it another process's.

use super::{
    Address, Answer, Attempt, Client, Digest, FetchError, Progress, patience::insist,
    unpack::most_bytes,
};
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    path::{Path, PathBuf},
};
use ureq::{
    Body,
    http::{HeaderMap, Response, header},
};

/// What is published of a file.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// For errors.
    pub name: &'a str,
    pub bytes: Option<u64>,
    pub sha256: Option<&'a str>,
}

/// Fetches a file to `part`, and verifies it.
///
/// `part` may hold the beginning of it, with what it is the beginning of beside it. After an error
/// it holds a beginning that is worth keeping, or nothing.
///
/// # Errors
/// If the source will not give it, not even after some attempts; if it is not what is published; if
/// it cannot be written.
pub fn download(
    client: &Client,
    address: &Address,
    part: &Path,
    facts: Facts<'_>,
    progress: &dyn Progress,
) -> Result<(), FetchError> {
    let mut part = Part::open(part, address, facts)?;
    let mut anew = !part.resumed();
    loop {
        fetch(client, address, &mut part, facts, progress)?;
        let checked = Digest::of(&part.path)?.check(facts.name, facts.bytes, facts.sha256);
        match checked {
            Ok(()) => return Ok(()),
            // Perhaps the beginning was of another file.
            Err(_) if !anew => {
                anew = true;
                progress.note("what was there before does not fit: fetching anew");
                part.discard()?;
            }
            Err(error) => {
                part.discard()?;
                return Err(error);
            }
        }
    }
}

/// Removes what `download` left at `part`, and what it is the beginning of.
pub fn discard(part: &Path) {
    for path in [part, &beside(part)] {
        // If it cannot be removed, the next attempt finds that it does not fit.
        let _ = fs::remove_file(path);
    }
}

/// Attempts until the file is whole.
fn fetch(
    client: &Client,
    address: &Address,
    part: &mut Part,
    facts: Facts<'_>,
    progress: &dyn Progress,
) -> Result<(), FetchError> {
    let mut furthest = part.have;
    insist(&client.patience, address, progress, |failures| {
        progress.position(part.have, facts.bytes);
        if facts.bytes == Some(part.have) {
            return Ok(());
        }
        let result = attempt(client, address, part, facts, progress);
        if part.have > furthest {
            furthest = part.have;
            failures.forget();
        }
        result
    })
}

fn attempt(
    client: &Client,
    address: &Address,
    part: &mut Part,
    facts: Facts<'_>,
    progress: &dyn Progress,
) -> Result<(), Attempt> {
    let mut headers = vec![(header::ACCEPT_ENCODING, "identity".to_owned())];
    if part.resumed() {
        headers.push((header::RANGE, format!("bytes={}-", part.have)));
        if let Some(validator) = &part.origin.validator {
            headers.push((header::IF_RANGE, validator.clone()));
        }
    }
    let (response, total) = match client.get(address, &headers)? {
        Answer::Whole(response) => {
            let total = response.body().content_length();
            let chunked = response.headers().contains_key(header::TRANSFER_ENCODING);
            // A body that ends with its connection may end early.
            if total.is_none() && !chunked && facts.bytes.is_none() && facts.sha256.is_none() {
                return Err(Attempt::Final(FetchError::Endless {
                    name: facts.name.to_owned(),
                }));
            }
            part.begin(validator(response.headers()))
                .map_err(Attempt::Final)?;
            (response, total)
        }
        Answer::Part(response) => match content_range(response.headers()) {
            Some((start, total)) if start == part.have => (response, total),
            _ => return Err(start_over(part, "it answered with another part")),
        },
        Answer::OutOfRange(headers) => {
            // All of it was there already.
            return match content_range_total(&headers) {
                Some(total) if total == part.have => Ok(()),
                _ => Err(start_over(part, "the file has changed")),
            };
        }
        Answer::Unchanged => {
            return Err(Attempt::Final(FetchError::Status {
                url: address.url.to_string(),
                status: 304,
            }));
        }
    };
    if let (Some(expected), Some(actual)) = (facts.bytes, total)
        && expected != actual
    {
        part.discard().map_err(Attempt::Final)?;
        return Err(Attempt::Final(FetchError::Size {
            name: facts.name.to_owned(),
            actual,
            expected,
        }));
    }
    receive(response, part, facts, facts.bytes.or(total), progress)
}

/// Appends the body. At most `total` bytes, or what no such file has, so that a source cannot fill the disk.
fn receive(
    mut response: Response<Body>,
    part: &mut Part,
    facts: Facts<'_>,
    total: Option<u64>,
    progress: &dyn Progress,
) -> Result<(), Attempt> {
    let mut file = part.append().map_err(Attempt::Final)?;
    let mut body = response.body_mut().as_reader();
    let mut buffer = vec![0; 256 << 10];
    let cut = loop {
        let read = match body.read(&mut buffer) {
            Ok(0) => break None,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => break Some(error.to_string()),
        };
        let most = total.unwrap_or_else(|| most_bytes(facts.name));
        if let Some(expected) = Some(most).filter(|most| part.have + read as u64 > *most) {
            let actual = part.have + read as u64;
            part.discard().map_err(Attempt::Final)?;
            return Err(Attempt::Final(FetchError::Size {
                name: facts.name.to_owned(),
                actual,
                expected,
            }));
        }
        let written = file.write_all(&buffer[..read]);
        written.map_err(|error| Attempt::Final(FetchError::at(&part.path)(error)))?;
        part.have += read as u64;
        progress.position(part.have, total);
    };
    let synced = file.sync_data();
    synced.map_err(|error| Attempt::Final(FetchError::at(&part.path)(error)))?;
    match (cut, total) {
        (Some(why), _) => Err(Attempt::Again { why, after: None }),
        (None, Some(total)) if part.have < total => Err(Attempt::Again {
            why: format!("the connection ended at {} of {total} bytes", part.have),
            after: None,
        }),
        (None, _) => Ok(()),
    }
}

fn start_over(part: &mut Part, why: &str) -> Attempt {
    match part.discard() {
        Ok(()) => Attempt::Again {
            why: why.to_owned(),
            after: None,
        },
        Err(error) => Attempt::Final(error),
    }
}

/// By which a later answer can be told to be of the same file. A weak tag cannot tell.
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    text(header::ETAG)
        .filter(|tag| tag.starts_with('"'))
        .or_else(|| text(header::LAST_MODIFIED))
        .map(str::to_owned)
}

/// Start and total of `bytes 5-9/10`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let value = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, total.parse().ok()))
}

/// Total of `bytes */10`.
fn content_range_total(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    value.strip_prefix("bytes */")?.parse().ok()
}

/// The beginning of a file.
struct Part {
    path: PathBuf,
    have: u64,
    origin: Origin,
    /// Whether something can tell that a later answer goes with this beginning.
    verifiable: bool,
}

/// What it is the beginning of; kept beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Origin {
    url: String,
    validator: Option<String>,
}

impl Part {
    fn open(path: &Path, address: &Address, facts: Facts<'_>) -> Result<Self, FetchError> {
        let url = address.url.to_string();
        let origin: Option<Origin> = fs::read(beside(path))
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok());
        let mut part = Part {
            path: path.to_owned(),
            have: fs::metadata(path).map_or(0, |metadata| metadata.len()),
            verifiable: facts.sha256.is_some(),
            origin: origin.unwrap_or(Origin {
                url: String::new(),
                validator: None,
            }),
        };
        let worthless = part.origin.url != url
            || !part.resumed()
            || facts.bytes.is_some_and(|bytes| part.have > bytes);
        if worthless {
            part.discard()?;
        }
        part.origin.url = url;
        Ok(part)
    }

    fn resumed(&self) -> bool {
        self.have > 0 && (self.verifiable || self.origin.validator.is_some())
    }

    /// A new file begins.
    fn begin(&mut self, validator: Option<String>) -> Result<(), FetchError> {
        self.discard()?;
        self.origin.validator = validator;
        let beside = beside(&self.path);
        let json = serde_json::to_vec(&self.origin)
            .map_err(|error| FetchError::at(&beside)(error.into()))?;
        fs::write(&beside, json).map_err(FetchError::at(&beside))
    }

    fn append(&self) -> Result<File, FetchError> {
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).open(&self.path);
        file.map_err(FetchError::at(&self.path))
    }

    fn discard(&mut self) -> Result<(), FetchError> {
        self.have = 0;
        self.origin.validator = None;
        for path in [&self.path, &beside(&self.path)] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(FetchError::at(path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".origin");
    name.into()
}
