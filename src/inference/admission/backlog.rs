//! Whether requests merely came at once or more come than can be done. As in CoDel (RFC 8289), a queue
//! that drains is a burst and harmless; one that stands adds waiting to all and work to none.

use std::time::{Duration, Instant};

/// How long the wait must be above the target, or well below it, before that is a state and not a
/// moment.
const INTERVAL: Duration = Duration::from_secs(1);

/// Judges the wait that the work under way means for the next request.
#[derive(Debug)]
pub struct Backlog {
    /// The wait that may stand.
    target: Duration,
    standing: bool,
    /// Since when the wait speaks against what `standing` says.
    contrary: Option<Instant>,
}

impl Backlog {
    pub fn new(target: Duration) -> Self {
        Backlog {
            target,
            standing: false,
            contrary: None,
        }
    }

    /// Takes note of the wait, and tells whether it stands.
    pub fn stands(&mut self, wait: Duration, now: Instant) -> bool {
        // Once it stands it is held at the target: only well below is it over.
        let contrary = match self.standing {
            true => wait < self.target / 2,
            false => wait > self.target,
        };
        match (contrary, self.contrary) {
            (false, _) => self.contrary = None,
            (true, None) => self.contrary = Some(now),
            (true, Some(since)) if now - since >= INTERVAL => {
                self.standing = !self.standing;
                self.contrary = None;
            }
            (true, Some(_)) => {}
        }
        self.standing
    }

    pub fn target(&self) -> Duration {
        self.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_millis(500);

    /// What it says at each time, in milliseconds, of the wait then.
    fn told(waits: &[(u64, u64)]) -> Vec<bool> {
        let start = Instant::now();
        let mut backlog = Backlog::new(TARGET);
        let tell = |&(at, wait): &(u64, u64)| {
            backlog.stands(
                Duration::from_millis(wait),
                start + Duration::from_millis(at),
            )
        };
        waits.iter().map(tell).collect()
    }

    #[test]
    fn a_burst_that_drains_is_not_a_standing_queue() {
        assert_eq!(told(&[(0, 3000), (900, 900), (950, 400)]), [false; 3]);
        let two = [(0, 900), (950, 400), (960, 900), (1900, 900)];
        assert_eq!(told(&two), [false; 4]);
    }

    #[test]
    fn a_wait_that_stays_above_the_target_stands_until_it_stays_well_below() {
        let waits = [(0, 600), (1000, 600), (1100, 400), (2300, 400), (2400, 200)];
        assert_eq!(told(&waits), [false, true, true, true, true]);
        let waits = [&waits[..], &[(3300, 200), (3400, 200)]].concat();
        assert_eq!(told(&waits)[5..], [true, false]);
    }
}
