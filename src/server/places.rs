//! How many connections there may be, and how many there are: each takes a file of the process, which
//! must not lack files for anything else.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Files for everything but gRPC connections: the admin port, models, certificates, logs.
const OTHER_FILES: u64 = 256;

/// Places for connections. Cheap to clone.
#[derive(Clone)]
pub struct Places {
    free: Arc<Semaphore>,
    all: usize,
}

/// A connection's place; free again when dropped.
pub struct Place(#[allow(dead_code, reason = "held")] OwnedSemaphorePermit);

impl Places {
    /// So many, or as many as the process may have files for, which is told.
    pub fn new(wanted: usize) -> Self {
        let all = match may_open(wanted as u64 + OTHER_FILES) {
            Files::Enough => wanted,
            Files::Only(files) => {
                let all = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(wanted);
                let all = all.clamp(1, wanted);
                tracing::warn!(
                    max_connections = wanted,
                    "this process may open {files} files: it serves {all} connections. Raise its hard \
                     limit of open files (ulimit -Hn, LimitNOFILE) to {}, or lower max_connections",
                    wanted as u64 + OTHER_FILES
                );
                all
            }
        };
        Self::of(all)
    }

    fn of(all: usize) -> Self {
        Places {
            free: Arc::new(Semaphore::new(all)),
            all,
        }
    }

    /// None where all are taken.
    pub fn take(&self) -> Option<Place> {
        self.free.clone().try_acquire_owned().ok().map(Place)
    }

    pub fn all(&self) -> usize {
        self.all
    }

    pub fn taken(&self) -> usize {
        self.all - self.free.available_permits()
    }
}

enum Files {
    Enough,
    /// The process may not have more.
    Only(u64),
}

/// Raises the soft limit of open files where it is lower than needed and may be raised.
fn may_open(needed: u64) -> Files {
    let limits = getrlimit(Resource::Nofile);
    let within = |limit: Option<u64>| limit.is_none_or(|limit| needed <= limit);
    if within(limits.current) {
        return Files::Enough;
    }
    let raised = match limits.maximum {
        Some(most) => needed.min(most),
        None => needed,
    };
    let asked = Rlimit {
        current: Some(raised),
        maximum: limits.maximum,
    };
    let allowed = match setrlimit(Resource::Nofile, asked) {
        Ok(()) => raised,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be raised");
            limits.current.unwrap_or(raised)
        }
    };
    match within(Some(allowed)) {
        true => Files::Enough,
        false => Files::Only(allowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_connection_is_gone() {
        let places = Places::of(2);
        let first = places.take().unwrap();
        let _second = places.take().unwrap();
        assert!(places.take().is_none());
        assert_eq!(places.taken(), 2);
        drop(first);
        assert_eq!(places.taken(), 1);
        assert!(places.take().is_some());
    }
}
