//! Who is told how far a pull is.

/// Listens to a pull.
pub trait Progress {
    /// A model's files begin; `total` is what there is to fetch in all, where it is known.
    fn begin(&self, id: &str, total: Option<u64>);
    /// The next file begins.
    fn file(&self, name: &str);
    /// So many bytes of it are there; `total` where it is known. May fall when a file begins anew.
    fn position(&self, bytes: u64, total: Option<u64>);
    /// Something that a person may want to know while waiting.
    fn note(&self, text: &str);
    /// The model is there.
    fn end(&self);
}
