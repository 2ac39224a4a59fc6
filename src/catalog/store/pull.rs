//! A model from its source into the store.
//!
//! Everything happens in `.partial/<id>/` under the model's lock: parts are fetched into `parts/`,
//! joined and verified into `whole/`, and `whole/` becomes `<id>/` by one rename. A process that
//! dies leaves what the next goes on with.

use super::{
    State, Store, StoreError, Verified,
    lock::{Lock, Use},
    record, sync_folder,
};
use crate::catalog::{
    entry::{Download, Entry, FileEntry},
    fetch::{
        Digest, Facts, FetchError, Progress, content, discard, download,
        unpack::{self, Packing, Part},
    },
    sources::{self, Files, Place, SourceError},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// How a pull ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// Fetched and verified.
    New,
    /// It was there.
    Already,
    /// It is in the store's folder, but was not put there by a pull.
    Foreign,
    /// It comes along.
    Embedded,
}

impl Store {
    /// Fetches a model, unless it is here and what it was. Blocks, also while another process uses the same.
    ///
    /// # Errors
    /// If the source will not give it, if it is not what is published or pinned, if it cannot be
    /// written. The store then holds nothing of it but, for the next attempt, what fits so far.
    pub fn pull(&self, entry: &Entry, progress: &dyn Progress) -> Result<Pulled, StoreError> {
        let id = entry.id.as_str();
        let of = StoreError::of(id);
        refuse_pickles(entry).map_err(|error| of(error.into()))?;
        if let Some(pulled) = self.is_here(id)? {
            return Ok(pulled);
        }
        let _lock = Lock::take(&self.locks(), id, Use::Change, || {
            progress.note(&in_use(id));
        })?;
        if let Some(pulled) = self.is_here(id)? {
            return Ok(pulled);
        }
        if self.folder.join(id).exists() {
            progress.note(&format!("{id} is damaged: it is fetched again"));
        }
        // What cannot be deleted is in nobody's way.
        let _ = self.forget_removed(id);
        let work = Work::open(&self.partial().join(id), entry)?;
        progress.begin(id, entry.download_bytes());
        let result = self.fill(&work, entry, progress);
        work.forget_scratch();
        progress.end();
        self.install(&work, &result?)?;
        Ok(Pulled::New)
    }

    /// What a pull has to say of a model that is here; nothing of one that it put there and that is not what
    /// it was, for it repairs that.
    fn is_here(&self, id: &str) -> Result<Option<Pulled>, StoreError> {
        Ok(match self.state(id) {
            Ok(State::Installed(_)) => {
                // Where it cannot be told, for somebody removes it just now, it is not.
                let good = matches!(self.compare(id), Ok(Verified::Good { .. }));
                good.then_some(Pulled::Already)
            }
            Ok(State::Foreign) => Some(Pulled::Foreign),
            Ok(State::Embedded) => Some(Pulled::Embedded),
            // A record that cannot be read is damage, which a pull repairs.
            Ok(State::Available) | Err(StoreError::Record { .. }) => None,
            Err(error) => return Err(error),
        })
    }

    /// All files into `whole/`: the entry with their sizes and sums.
    fn fill(
        &self,
        work: &Work,
        entry: &Entry,
        progress: &dyn Progress,
    ) -> Result<Entry, StoreError> {
        let of = StoreError::of(&entry.id);
        // Opened for the first file that is not there yet: some sources fetch all at once.
        let mut source: Option<Box<dyn Files>> = None;
        let mut installed = entry.clone();
        for file in &mut installed.files {
            let digest = match self.as_left(work, entry, file)? {
                Some(digest) => {
                    progress.file(&file.path);
                    progress.position(digest.bytes, Some(digest.bytes));
                    digest
                }
                None => {
                    let source = match &mut source {
                        Some(source) => source,
                        none => none.insert(
                            sources::open(
                                entry,
                                &self.endpoints,
                                self.embedded.as_deref(),
                                &work.folder,
                                progress,
                            )
                            .map_err(&of)?,
                        ),
                    };
                    self.one(work, entry, file, &**source, progress)?
                }
            };
            file.bytes = Some(digest.bytes);
            file.sha256 = Some(digest.sha256);
        }
        Ok(installed)
    }

    /// A file that an earlier attempt has finished. Only what has a sum can be told to be whole.
    fn as_left(
        &self,
        work: &Work,
        entry: &Entry,
        file: &FileEntry,
    ) -> Result<Option<Digest>, StoreError> {
        let path = work.whole.join(&file.path);
        if !path.is_file() {
            return Ok(None);
        }
        let sum = match &file.sha256 {
            Some(sum) => Some(sum.clone()),
            None => self.pinned(&entry.id, &file.path)?,
        };
        let Some(sum) = sum else {
            return Ok(None);
        };
        let digest = Digest::of(&path)?;
        let fits = digest.check(&file.path, file.bytes, Some(&sum)).is_ok();
        Ok(fits.then_some(digest))
    }

    /// Fetches one file, and verifies it.
    fn one(
        &self,
        work: &Work,
        entry: &Entry,
        file: &FileEntry,
        source: &dyn Files,
        progress: &dyn Progress,
    ) -> Result<Digest, StoreError> {
        let of = StoreError::of(&entry.id);
        let failed = |error: FetchError| of(error.into());
        let mut parts = Vec::new();
        for (number, (wanted, packing)) in pieces(file).iter().enumerate() {
            let path = work.parts.join(format!("{}.{number}", file.path));
            self.part(wanted, &path, source, progress).map_err(&of)?;
            parts.push(Part {
                path,
                packing: *packing,
            });
        }
        let joined = work.parts.join(format!("{}.joined", file.path));
        let verified = unpack::join(&parts, &file.path, &joined, file.bytes)
            .and_then(|()| Digest::of(&joined))
            .and_then(|digest| {
                digest.check(&file.path, file.bytes, file.sha256.as_deref())?;
                content::check_start(&joined, &file.path)?;
                Ok(digest)
            });
        let digest = match verified {
            Ok(digest) => digest,
            Err(error) => {
                // Parts that are not what they should be are of no use to a later attempt; those
                // that there was no room to unpack are.
                if !matches!(error, FetchError::DiskFull { .. }) {
                    parts.iter().for_each(|part| discard(&part.path));
                }
                discard(&joined);
                return Err(failed(error));
            }
        };
        let unpublished = file.sha256.is_none()
            && pieces(file)
                .iter()
                .any(|(wanted, _)| wanted.sha256.is_none());
        if unpublished && let Err(error) = self.pin(&entry.id, &file.path, &digest.sha256) {
            // What is of no use to a later attempt goes; a lock or a disk may be to be had then.
            if matches!(error, StoreError::Pinned { .. }) {
                parts.iter().for_each(|part| discard(&part.path));
            }
            discard(&joined);
            return Err(error);
        }
        let to = work.whole.join(&file.path);
        fs::rename(&joined, &to).map_err(|error| failed(FetchError::at(&to)(error)))?;
        parts.iter().for_each(|part| discard(&part.path));
        Ok(digest)
    }

    /// One file of the source to `path`.
    fn part(
        &self,
        wanted: &Download,
        path: &Path,
        source: &dyn Files,
        progress: &dyn Progress,
    ) -> Result<(), SourceError> {
        let facts = Facts {
            name: &wanted.path,
            bytes: wanted.bytes,
            sha256: wanted.sha256.as_deref(),
        };
        progress.file(wanted.path.rsplit('/').next().unwrap_or(&wanted.path));
        match source.place(wanted)? {
            Place::There(address) => {
                download(&self.client, &address, path, facts, progress)?;
            }
            Place::Here(from) => {
                fs::metadata(&from).map_err(|source| SourceError::Local {
                    path: from.clone(),
                    source,
                })?;
                // What a killed pull left may be as read-only as its original.
                discard(path);
                let copied = fs::copy(&from, path).map_err(|error| {
                    discard(path);
                    FetchError::at(path)(error)
                })?;
                progress.position(copied, Some(copied));
                let checked = Digest::of(path)
                    .and_then(|digest| digest.check(facts.name, facts.bytes, facts.sha256));
                if let Err(error) = checked {
                    discard(path);
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// Makes `whole/` the model's folder, at once.
    fn install(&self, work: &Work, entry: &Entry) -> Result<(), StoreError> {
        record::write(&work.whole, entry)?;
        for file in &entry.files {
            let path = work.whole.join(&file.path);
            fs::File::open(&path)
                .and_then(|file| file.sync_all())
                .map_err(StoreError::at(&path))?;
        }
        sync_folder(&work.whole)?;
        let place = self.folder.join(&entry.id);
        if place.exists() {
            // A damaged one, or else there would have been nothing to fetch.
            let aside = work.folder.join("damaged");
            fs::rename(&place, &aside).map_err(StoreError::at(&place))?;
        }
        fs::rename(&work.whole, &place).map_err(StoreError::at(&place))?;
        sync_folder(&self.folder)?;
        // The model is there; what cannot be removed is in nobody's way.
        let _ = fs::remove_dir_all(&work.folder);
        Ok(())
    }
}

/// The places of a pull under way.
struct Work {
    folder: PathBuf,
    parts: PathBuf,
    whole: PathBuf,
}

impl Work {
    /// Makes them, and removes from `whole/` what the entry does not name, perhaps any more.
    fn open(folder: &Path, entry: &Entry) -> Result<Self, StoreError> {
        let work = Work {
            folder: folder.to_owned(),
            parts: folder.join("parts"),
            whole: folder.join("whole"),
        };
        for path in [&work.parts, &work.whole] {
            fs::create_dir_all(path).map_err(StoreError::at(path))?;
        }
        let found = fs::read_dir(&work.whole).map_err(StoreError::at(&work.whole))?;
        for found in found {
            let found = found.map_err(StoreError::at(&work.whole))?;
            let named = |file: &FileEntry| found.file_name().to_str() == Some(&file.path);
            if !entry.files.iter().any(named) {
                let path = found.path();
                fs::remove_file(&path).map_err(StoreError::at(&path))?;
            }
        }
        work.forget_scratch();
        Ok(work)
    }

    /// What sources keep for themselves, also those of processes that died.
    fn forget_scratch(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path != self.parts && path != self.whole {
                // The next pull tries again.
                let _ = fs::remove_dir_all(path);
            }
        }
    }
}

/// What is told while another process has the lock.
pub fn in_use(id: &str) -> String {
    format!("{id} is in use by another process: waiting for it")
}

/// What is to be fetched for a file.
fn pieces(file: &FileEntry) -> Vec<(Download, Packing)> {
    if file.download.is_empty() {
        let same = Download {
            path: file.path.clone(),
            bytes: file.bytes,
            sha256: file.sha256.clone(),
        };
        return vec![(same, Packing::None)];
    }
    let packing = |download: &Download| match download.path.ends_with(".gz") {
        true => Packing::Gzip,
        false => Packing::None,
    };
    let pieces = file.download.iter();
    pieces
        .map(|piece| (piece.clone(), packing(piece)))
        .collect()
}

fn refuse_pickles(entry: &Entry) -> Result<(), FetchError> {
    for file in &entry.files {
        for (wanted, _) in pieces(file) {
            content::check_name(&wanted.path, entry.engine)?;
        }
        content::check_name(&file.path, entry.engine)?;
    }
    Ok(())
}
