//! What was fetched into the file that it is to be.

use super::FetchError;
use flate2::read::MultiGzDecoder;
use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// A fetched file.
pub struct Part {
    pub path: PathBuf,
    pub packing: Packing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    None,
    /// A server may have undone it on the way, as object stores do for `Content-Encoding: gzip`.
    Gzip,
}

/// Most bytes of a file whose size nobody publishes, so that a source cannot fill the disk: of weights
/// more than any model's, of anything else more than any vocabulary.
pub fn most_bytes(name: &str) -> u64 {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let weights = [".safetensors", ".gguf", ".bin"];
    match weights.iter().any(|ending| name.ends_with(ending)) {
        true => 64 << 30,
        false => 256 << 20,
    }
}

/// Joins parts into a file, unpacking those that are packed; at most `limit` bytes.
pub fn join(parts: &[Part], name: &str, to: &Path, limit: Option<u64>) -> Result<(), FetchError> {
    if let [
        Part {
            path,
            packing: Packing::None,
        },
    ] = parts
    {
        return fs::rename(path, to).map_err(FetchError::at(to));
    }
    let mut out = File::create(to).map_err(FetchError::at(to))?;
    let mut left = limit.unwrap_or_else(|| most_bytes(name));
    for part in parts {
        let mut file = File::open(&part.path).map_err(FetchError::at(&part.path))?;
        let packed = part.packing == Packing::Gzip && is_gzip(&mut file, &part.path)?;
        let file = BufReader::with_capacity(256 << 10, file);
        let reader: Box<dyn Read> = match packed {
            true => Box::new(MultiGzDecoder::new(file)),
            false => Box::new(file),
        };
        // One byte more than there may be shows that there is too much.
        left -= copy(reader.take(left + 1), &mut out, name, to)?.min(left);
    }
    out.sync_all().map_err(FetchError::at(to))
}

fn is_gzip(file: &mut File, path: &Path) -> Result<bool, FetchError> {
    let mut start = Vec::new();
    Read::by_ref(file)
        .take(2)
        .read_to_end(&mut start)
        .and_then(|_| file.seek(SeekFrom::Start(0)))
        .map_err(FetchError::at(path))?;
    Ok(start == [0x1f, 0x8b])
}

/// Tells apart what was wrong with the reading and with the writing.
fn copy(mut from: impl Read, to: &mut File, name: &str, path: &Path) -> Result<u64, FetchError> {
    let mut buffer = vec![0; 256 << 10];
    let mut copied = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(read) => {
                to.write_all(&buffer[..read])
                    .map_err(FetchError::at(path))?;
                copied += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => {
                return Err(FetchError::Gzip {
                    name: name.to_owned(),
                    source,
                });
            }
        }
    }
}
