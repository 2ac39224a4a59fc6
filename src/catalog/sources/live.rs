//! Mozilla's live index: which students it trains, and the best released one of each pair.
//!
//! Its form is not documented. What is known is read, what is not is left out.

use super::{Endpoints, SourceError};
use crate::catalog::{
    Catalog,
    entry::{Checked, Download, Engine, Entry, FileEntry, Quality, Source, Task},
    fetch::{Address, Answer, Attempt, Client, FetchError, Progress, insist},
    validate,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{cmp::Ordering, fs, io::Read, path::Path};
use ureq::http::header;

/// What an id from the index ends with, after its pair.
pub const ID_ENDING: &str = "-live";

/// It has a few megabytes.
const MOST_BYTES: u64 = 64 << 20;
/// Statuses of models that are given to people, those for all first.
const RELEASED: [&str; 3] = ["Release", "Release Desktop", "Release Android"];
/// The better networks first.
const ARCHITECTURES: [&str; 3] = ["base", "base-memory", "tiny"];
const METRICS: [&str; 3] = ["comet", "bleu", "chrf"];
const KINDS: [&str; 5] = ["model", "lexicalShortlist", "vocab", "srcVocab", "trgVocab"];

/// Reads the index, as it is now or, where it has not changed or cannot be reached, as it was kept
/// in `cache`.
pub fn read(
    client: &Client,
    endpoints: &Endpoints,
    cache: &Path,
    progress: &dyn Progress,
) -> Result<Catalog, SourceError> {
    let address = Address::open(endpoints.mozilla_index.clone());
    let kept = Kept::read(cache, &address);
    let asked = insist(&client.patience, &address, progress, |_| {
        ask(client, &address, kept.as_ref())
    });
    let document = match (asked, kept) {
        (Ok(Some(new)), _) => {
            // Only one that can be read takes the place of another.
            let catalog = entries(&new.document, address.url.as_str())?;
            if let Err(error) = new.write(cache) {
                progress.note(&format!("the index is not kept: {error}"));
            }
            return Ok(catalog);
        }
        (Ok(None), Some(kept)) => kept.document,
        (Err(error), Some(kept)) => {
            progress.note(&format!("{error}; using the index as it was read before"));
            kept.document
        }
        (Err(error), None) => return Err(error.into()),
        (Ok(None), None) => {
            return Err(FetchError::Status {
                url: address.url.to_string(),
                status: 304,
            }
            .into());
        }
    };
    entries(&document, address.url.as_str())
}

/// The index as it was kept, if it was.
pub fn kept(endpoints: &Endpoints, cache: &Path) -> Option<Catalog> {
    let address = Address::open(endpoints.mozilla_index.clone());
    entries(&Kept::read(cache, &address)?.document, address.url.as_str()).ok()
}

/// The index, with what tells whether it has changed since.
#[derive(Serialize, Deserialize)]
struct Kept {
    url: String,
    etag: Option<String>,
    document: Value,
}

impl Kept {
    fn read(cache: &Path, address: &Address) -> Option<Self> {
        let kept: Kept = serde_json::from_slice(&fs::read(cache).ok()?).ok()?;
        (kept.url == address.url.as_str()).then_some(kept)
    }

    /// Appears at once, so that a reader never meets half of it.
    fn write(&self, cache: &Path) -> Result<(), FetchError> {
        let folder = cache.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(FetchError::at(folder))?;
        let new = cache.with_extension(format!("{}.new", std::process::id()));
        let json = serde_json::to_vec(self).map_err(|error| FetchError::at(&new)(error.into()))?;
        let written = fs::write(&new, json).and_then(|()| fs::rename(&new, cache));
        written.map_err(|error| {
            // What is left of it is of no use.
            let _ = fs::remove_file(&new);
            FetchError::at(cache)(error)
        })
    }
}

/// The index, or nothing if it is as it was.
fn ask(client: &Client, address: &Address, kept: Option<&Kept>) -> Result<Option<Kept>, Attempt> {
    let mut headers = vec![(header::ACCEPT_ENCODING, "identity".to_owned())];
    if let Some(etag) = kept.and_then(|kept| kept.etag.as_ref()) {
        headers.push((header::IF_NONE_MATCH, etag.clone()));
    }
    let again = |why: String| Attempt::Again { why, after: None };
    let mut response = match client.get(address, &headers)? {
        Answer::Whole(response) => response,
        Answer::Unchanged => return Ok(None),
        Answer::Part(_) | Answer::OutOfRange(_) => {
            return Err(again("it answered with a part".into()));
        }
    };
    let tag = response.headers().get(header::ETAG);
    let etag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let mut bytes = Vec::new();
    let body = response.body_mut().as_reader();
    body.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| again(error.to_string()))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Attempt::Final(FetchError::Size {
            name: address.url.to_string(),
            actual: bytes.len() as u64,
            expected: MOST_BYTES,
        }));
    }
    let document =
        serde_json::from_slice(&bytes).map_err(|error| again(format!("it is no JSON: {error}")))?;
    Ok(Some(Kept {
        url: address.url.to_string(),
        etag,
        document,
    }))
}

/// The best released model of each pair, as entries of a catalogue.
fn entries(document: &Value, url: &str) -> Result<Catalog, SourceError> {
    let lacks = |reason: &str| SourceError::Index {
        url: url.to_owned(),
        reason: reason.to_owned(),
    };
    let base_url = document["baseUrl"]
        .as_str()
        .ok_or_else(|| lacks("it lacks `baseUrl`"))?;
    let models = document["models"]
        .as_object()
        .ok_or_else(|| lacks("it lacks `models`"))?;
    let mut best = Vec::new();
    for (pair, records) in models {
        let released = records
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|record| Record::read(record, pair, base_url, url))
            .filter(|record| validate::problems(&record.entry).is_empty());
        best.extend(released.min_by(Record::better));
    }
    Ok(Catalog::of_valid(
        best.into_iter().map(|record| record.entry),
    ))
}

/// A released model.
struct Record {
    entry: Entry,
    /// Place in [`RELEASED`].
    status: usize,
    /// Of its unpacked model, where it is told.
    bytes: u64,
}

impl Record {
    fn read(record: &Value, pair: &str, base_url: &str, url: &str) -> Option<Self> {
        let status = record["releaseStatus"].as_str()?;
        let status = RELEASED.iter().position(|known| *known == status)?;
        let (from, to) = match (
            record["sourceLanguage"].as_str(),
            record["targetLanguage"].as_str(),
        ) {
            (Some(from), Some(to)) => (from, to),
            _ => pair.split_once('-')?,
        };
        let files: Vec<FileEntry> = KINDS
            .iter()
            .filter_map(|kind| file(&record["files"][kind], record, kind))
            .collect();
        let bytes = files
            .iter()
            .find(|file| file.path.starts_with("model."))
            .and_then(|file| file.bytes)
            .or_else(|| record["byteSize"].as_u64())
            .unwrap_or(0);
        let entry = Entry {
            id: format!("{}{ID_ENDING}", pair.to_ascii_lowercase()),
            task: Task::Translation,
            engine: Engine::Student,
            architecture: record["architecture"].as_str().map(str::to_owned),
            source_languages: vec![from.to_owned()],
            target_languages: vec![to.to_owned()],
            licence: "MPL-2.0".to_owned(),
            prefix: None,
            licence_url: Some("https://www.mozilla.org/MPL/2.0/".to_owned()),
            checked: Checked::Form,
            source: Source::MozillaLive {
                base_url: base_url.to_owned(),
            },
            quality: METRICS
                .iter()
                .filter_map(|metric| figure(record, metric, url))
                .collect(),
            files,
        };
        Some(Record {
            entry,
            status,
            bytes,
        })
    }

    /// By the first metric, those without a figure last, then by the next; of those alike by the
    /// network, its size, and for whom it is released.
    fn better(&self, other: &Self) -> Ordering {
        let figure = |record: &Self, metric: &str| {
            let mut figures = record.entry.quality.iter();
            figures
                .find(|figure| figure.metric == metric)
                .map(|figure| figure.value)
        };
        let measured = METRICS.iter().find_map(|metric| {
            let order = match (figure(self, metric), figure(other, metric)) {
                (Some(own), Some(others)) => others.total_cmp(&own),
                (own, others) => others.is_some().cmp(&own.is_some()),
            };
            order.is_ne().then_some(order)
        });
        let network = |record: &Self| {
            let name = record.entry.architecture.as_deref();
            ARCHITECTURES
                .iter()
                .position(|known| Some(*known) == name)
                .unwrap_or(usize::MAX)
        };
        measured.unwrap_or_else(|| {
            network(self)
                .cmp(&network(other))
                .then(other.bytes.cmp(&self.bytes))
                .then(self.status.cmp(&other.status))
        })
    }
}

fn file(file: &Value, record: &Value, kind: &str) -> Option<FileEntry> {
    let path = file["path"].as_str()?;
    let name = path.rsplit('/').next()?;
    let hash = match (file["uncompressedHash"].as_str(), kind) {
        (None, "model") => record["hash"].as_str(),
        (hash, _) => hash,
    };
    Some(FileEntry {
        path: name.strip_suffix(".gz").unwrap_or(name).to_owned(),
        bytes: file["uncompressedSize"].as_u64(),
        sha256: hash.map(str::to_ascii_lowercase),
        download: vec![Download {
            path: path.trim_start_matches('/').to_owned(),
            bytes: None,
            sha256: None,
        }],
    })
}

/// A figure, wherever in the record it stands; below a name like `flores200-plus` it is of that set.
fn figure(record: &Value, metric: &str, url: &str) -> Option<Quality> {
    let (value, set) = search(record, metric, "unnamed")?;
    Some(Quality {
        metric: metric.to_owned(),
        // COMET is given in hundredths by some.
        value: if metric == "comet" && value > 1.0 {
            value / 100.0
        } else {
            value
        },
        set: set.to_owned(),
        reference: url.to_owned(),
    })
}

fn search<'a>(value: &'a Value, metric: &str, set: &'a str) -> Option<(f64, &'a str)> {
    let fields = value.as_object()?;
    let here = fields
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(metric))
        .and_then(|(_, value)| Some((value.as_f64()?, set)));
    here.or_else(|| {
        fields.iter().find_map(|(name, value)| {
            let set = if name.starts_with("flores") {
                name
            } else {
                set
            };
            search(value, metric, set)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(architecture: &str, status: &str, more: Value) -> Value {
        let mut record = json!({
            "architecture": architecture, "releaseStatus": status,
            "sourceLanguage": "de", "targetLanguage": "en",
            "files": {
                "model": {"path": format!("m/{architecture}/model.deen.intgemm.alphas.bin.gz"),
                          "uncompressedSize": 9, "uncompressedHash": "A".repeat(64)},
                "vocab": {"path": "m/vocab.deen.spm.gz", "surprise": [1]},
                "novelty": {"path": "m/new"},
            },
        });
        record
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        record
    }

    fn best(records: Value) -> Option<Entry> {
        let document = json!({"baseUrl": "https://x.example", "models": {"de-en": records}});
        entries(&document, "index")
            .unwrap()
            .get("de-en-live")
            .cloned()
    }

    #[test]
    fn the_best_measured_released_model_of_a_pair_is_picked() {
        let measured =
            |comet: f64| json!({"modelStatistics": {"flores-devtest": {"comet": comet}}});
        for (records, expected) in [
            (
                json!([
                    record("tiny", "Release", json!({})),
                    record("base", "Release", json!({}))
                ]),
                "base",
            ),
            (
                json!([
                    record("tiny", "Release", measured(0.9)),
                    record("base", "Release", measured(88.0))
                ]),
                "tiny",
            ),
            (
                json!([
                    record("tiny", "Release Android", json!({})),
                    record("base", "Nightly", measured(0.99))
                ]),
                "tiny",
            ),
        ] {
            let entry = best(records).unwrap();
            assert_eq!(entry.architecture.as_deref(), Some(expected));
            assert_eq!(entry.files.len(), 2);
            assert_eq!(entry.files[0].sha256, Some("a".repeat(64)));
        }
    }

    #[test]
    fn what_is_not_known_is_left_out_and_no_error() {
        assert_eq!(
            best(json!([record("tiny", "Retired", json!({})), 7, {}])),
            None
        );
        assert_eq!(best(json!({"not": "a list"})), None);
        // Without a vocabulary no engine loads it.
        assert_eq!(
            best(json!([{"releaseStatus": "Release", "files": {}}])),
            None
        );
        assert!(entries(&json!({"models": {}}), "index").is_err());
    }
}
