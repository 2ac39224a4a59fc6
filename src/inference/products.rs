//! The threads that share the products of large models.

use std::num::NonZeroUsize;

/// Has products that are split use so many threads. They are the process's, so that the first call
/// decides for all engines.
pub fn split_products(threads: NonZeroUsize) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.get())
        .thread_name(|i| format!("products-{i}"));
    if let Err(error) = pool.build_global() {
        tracing::debug!(%error, "products are split as they were");
    }
}
