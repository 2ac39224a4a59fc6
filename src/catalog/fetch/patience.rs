//! Timeouts, and how long to wait between attempts.

use super::{Address, Attempt, FetchError, Progress};
use std::{thread, time::Duration};

/// How much trouble a source may make.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection, names and TLS included.
    pub connect: Duration,
    /// Without a byte, once connected. Object stores may need half a minute for the first.
    pub idle: Duration,
    /// Attempts in a row that got no further.
    pub attempts: u32,
    /// The wait after the first of them; it doubles with each.
    pub first_wait: Duration,
    pub longest_wait: Duration,
    /// A `Retry-After` up to this is waited for; a longer one ends the pull.
    pub longest_asked: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            connect: Duration::from_secs(20),
            idle: Duration::from_secs(60),
            attempts: 5,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            longest_asked: Duration::from_secs(120),
        }
    }
}

/// Failed attempts in a row.
#[derive(Debug, Default)]
pub struct Failures(u32);

impl Failures {
    /// An attempt got further than any before.
    pub fn forget(&mut self) {
        self.0 = 0;
    }

    /// Counts a failure: the wait before the next attempt, or how many there were if they are
    /// enough.
    fn count(&mut self, patience: &Patience) -> Result<Duration, u32> {
        self.0 += 1;
        if self.0 >= patience.attempts {
            return Err(self.0);
        }
        let doubled = patience
            .first_wait
            .saturating_mul(1 << (self.0 - 1).min(16));
        // Between half and the whole, so that those who failed together do not come back together.
        let share = 0.5 + fastrand::f64() / 2.0;
        Ok(doubled.min(patience.longest_wait).mul_f64(share))
    }
}

/// Attempts until one succeeds, fails for good, or too many in a row got no further.
pub fn insist<T>(
    patience: &Patience,
    address: &Address,
    progress: &dyn Progress,
    mut attempt: impl FnMut(&mut Failures) -> Result<T, Attempt>,
) -> Result<T, FetchError> {
    let mut failures = Failures::default();
    loop {
        let (why, asked) = match attempt(&mut failures) {
            Ok(done) => return Ok(done),
            Err(Attempt::Final(error)) => return Err(error),
            Err(Attempt::Again { why, after }) => (why, after.unwrap_or_default()),
        };
        let url = || address.url.to_string();
        if asked > patience.longest_asked {
            return Err(FetchError::Busy {
                url: url(),
                seconds: asked.as_secs(),
            });
        }
        let wait = failures.count(patience);
        let wait = wait.map_err(|attempts| FetchError::GaveUp {
            url: url(),
            attempts,
            last: why.clone(),
        })?;
        progress.note(&format!("{}: {why}; trying again", address.url));
        thread::sleep(wait.max(asked));
    }
}
