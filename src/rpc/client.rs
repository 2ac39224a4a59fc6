//! Who sends a request, as the server's middleware found out.

use tonic::Extensions;

pub use crate::inference::{Asker, Quota};

/// The client of a call. The middleware puts it into the request; a call without one (from the command
/// line) is nobody's in particular.
#[derive(Clone, Debug)]
pub struct Client {
    pub asker: Asker,
}

impl Client {
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get::<Client>().cloned().unwrap_or(Client {
            asker: Asker::anonymous(),
        })
    }
}
