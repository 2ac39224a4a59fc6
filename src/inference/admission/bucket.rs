//! Tokens a second for one account: a bucket that fills steadily. A request is let in while the account
//! owes nothing and may take more than there is, so that a long document is slowed and not shut out.

use std::{
    num::NonZeroU64,
    time::{Duration, Instant},
};

/// What an account that was idle may take at once, in seconds of its rate.
const BURST: f64 = 2.0;

#[derive(Debug)]
pub struct Bucket {
    /// Tokens a second.
    rate: f64,
    level: f64,
    filled: Instant,
}

impl Bucket {
    pub fn full(rate: NonZeroU64, now: Instant) -> Self {
        let rate = rate.get() as f64;
        Bucket {
            rate,
            level: rate * BURST,
            filled: now,
        }
    }

    /// How long until the next request may come, by the rate that the account has now; nothing if it
    /// may.
    pub fn wait(&mut self, rate: NonZeroU64, now: Instant) -> Option<Duration> {
        self.fill(now);
        self.rate = rate.get() as f64;
        // Debts of centuries are none that a client should be told.
        let wait = (self.level < 0.0).then(|| Duration::try_from_secs_f64(-self.level / self.rate));
        wait.map(|wait| wait.unwrap_or(Duration::MAX))
    }

    pub fn take(&mut self, tokens: usize) {
        self.level -= tokens as f64;
    }

    /// What was taken and not used.
    pub fn give_back(&mut self, tokens: usize) {
        self.level += tokens as f64;
    }

    /// Whether it says no more than a new one would.
    pub fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.level >= self.rate * BURST
    }

    fn fill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.filled).as_secs_f64();
        self.level = (self.level + since * self.rate).min(self.rate * BURST);
        self.filled = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(tokens: u64) -> NonZeroU64 {
        NonZeroU64::new(tokens).unwrap()
    }

    #[test]
    fn an_account_gets_its_rate_and_a_large_request_is_paid_for_afterwards() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let wait = |bucket: &mut Bucket, at| bucket.wait(rate(100), at);
        let mut bucket = Bucket::full(rate(100), start);
        assert_eq!(wait(&mut bucket, start), None);
        bucket.take(700);
        assert_eq!(wait(&mut bucket, start), Some(Duration::from_secs(5)));
        assert_eq!(wait(&mut bucket, after(4)), Some(Duration::from_secs(1)));
        assert_eq!(wait(&mut bucket, after(6)), None);
        assert!(!bucket.is_full(after(6)));
        assert!(bucket.is_full(after(60)));
    }

    #[test]
    fn a_changed_rate_holds_from_the_next_request_on() {
        let start = Instant::now();
        let mut bucket = Bucket::full(rate(100), start);
        bucket.take(1200);
        let second = start + Duration::from_secs(1);
        // 900 are owed after a second at the old rate.
        assert_eq!(bucket.wait(rate(900), second), Some(Duration::from_secs(1)));
        assert_eq!(bucket.wait(rate(900), start + Duration::from_secs(2)), None);
    }

    #[test]
    fn what_is_given_back_was_never_taken() {
        let start = Instant::now();
        let mut bucket = Bucket::full(rate(100), start);
        bucket.take(700);
        bucket.give_back(700);
        assert_eq!(bucket.wait(rate(100), start), None);
    }
}
