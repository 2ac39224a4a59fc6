//! What the request log tells of a call beside its code: how much was done, never what was said.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tonic::Extensions;

/// Counts the sentences of one call. The middleware puts it into the request; a call without one
/// (from the command line) counts for nobody.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<AtomicUsize>);

impl Tally {
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get::<Tally>().cloned().unwrap_or_default()
    }

    pub fn add_sentence(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn sentences(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
