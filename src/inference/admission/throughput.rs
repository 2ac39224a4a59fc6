//! How much the engine gets done, measured while it works: what all estimates are made from.

use std::time::{Duration, Instant};

/// A measurement is taken over so much busy time: many sentences, yet several measurements a second.
const WINDOW: Duration = Duration::from_millis(250);
/// What a measurement counts against all before it.
const WEIGHT: f64 = 0.25;
/// The same for the figures that each sentence or request adds to.
const SMALL_WEIGHT: f64 = 1.0 / 32.0;
/// Where nothing was measured for so long, the engine may be so much faster again: an estimate that
/// refuses all work would otherwise never be corrected …
const DOUBT: Duration = Duration::from_secs(10);
/// … but no faster than this: with little to do nothing is measured, and an hour of that must not let in
/// whatever comes after it.
const MOST_HOPED: f64 = 4.0;
/// What a request can cost beside what it announced: a text of half as many tokens, or ten attempts.
const COSTS: std::ops::RangeInclusive<f64> = 0.5..=10.0;

/// Tokens are source tokens of answered sentences.
#[derive(Debug)]
pub struct Throughput {
    /// Tokens a second with full batches, as far as it was measured.
    rate: Option<f64>,
    first_guess: f64,
    /// When it was measured last; in the beginning, when it was guessed.
    measured: Instant,
    /// Sentences in the engine that fill all batches.
    full: usize,
    /// Sentences in the engine.
    inside: usize,
    window: Window,
    /// Tokens computed for each that a request announced.
    cost: f64,
    /// Seconds of a sentence in its batch.
    stay: f64,
}

#[derive(Debug)]
struct Window {
    busy: Duration,
    /// Since when it is busy, if it is.
    since: Option<Instant>,
    tokens: usize,
    /// Whether all batches were full from its beginning to now.
    full: bool,
}

impl Throughput {
    /// `first_guess`: tokens a second, forgotten with the first measurement; `full`: sentences in all batches
    /// together.
    pub fn new(first_guess: f64, full: usize, now: Instant) -> Self {
        Throughput {
            rate: None,
            first_guess,
            measured: now,
            full,
            inside: 0,
            window: Window::new(None),
            cost: 1.0,
            stay: 0.0,
        }
    }

    /// A sentence came in.
    pub fn entered(&mut self, now: Instant) {
        self.inside += 1;
        if self.window.since.is_none() {
            self.window.since = Some(now);
        }
    }

    /// A sentence was answered.
    pub fn answered(&mut self, tokens: usize, stay: Duration, now: Instant) {
        self.window.tokens += tokens;
        self.stay += (stay.as_secs_f64() - self.stay) * SMALL_WEIGHT;
        let busy = self.window.busy(now);
        self.window.full &= self.inside >= self.full;
        if busy < WINDOW {
            return;
        }
        let rate = self.window.tokens as f64 / busy.as_secs_f64();
        // Batches that were not full tell what it can do at least.
        if self.window.full || rate > self.rate() {
            self.rate = Some(match self.rate {
                None => rate,
                Some(before) => before + (rate - before) * WEIGHT,
            });
            self.measured = now;
        }
        self.window = Window::new(Some(now));
        self.window.full = self.inside >= self.full;
    }

    /// A sentence is not in the engine any more, answered or not.
    pub fn left(&mut self, now: Instant) {
        self.inside = self.inside.saturating_sub(1);
        if self.inside == 0 {
            self.window.busy = self.window.busy(now);
            self.window.since = None;
        }
    }

    /// A request that announced so many tokens was answered with so many computed.
    pub fn completed(&mut self, announced: usize, computed: usize) {
        let cost = computed as f64 / announced.max(1) as f64;
        let cost = cost.clamp(*COSTS.start(), *COSTS.end());
        self.cost += (cost - self.cost) * SMALL_WEIGHT;
    }

    fn rate(&self) -> f64 {
        self.rate.unwrap_or(self.first_guess)
    }

    /// Announced tokens that are computed in a second, by what was measured.
    pub fn measured(&self) -> f64 {
        self.rate() / self.cost
    }

    /// The same, the more hopeful the longer nothing was measured.
    pub fn hoped(&self, now: Instant) -> f64 {
        let age = now - self.measured;
        let hope = 1.0 + age.as_secs_f64() / DOUBT.as_secs_f64();
        self.measured() * hope.min(MOST_HOPED)
    }

    /// Tokens that a request of `announced` ones is expected to be.
    pub fn expected(&self, announced: usize) -> usize {
        (announced as f64 * self.cost) as usize
    }

    /// How long a sentence stays in its batch.
    pub fn stay(&self) -> Duration {
        Duration::from_secs_f64(self.stay)
    }
}

impl Window {
    fn new(since: Option<Instant>) -> Self {
        Window {
            busy: Duration::ZERO,
            since,
            tokens: 0,
            full: false,
        }
    }

    fn busy(&self, now: Instant) -> Duration {
        self.busy + self.since.map_or(Duration::ZERO, |since| now - since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: usize = 10;
    const FIRST_GUESS: f64 = 4000.0;

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    /// A sentence of ten tokens every ten milliseconds, `inside` of them at a time.
    fn work(throughput: &mut Throughput, start: Instant, ms: std::ops::Range<u64>, inside: usize) {
        (0..inside).for_each(|_| throughput.entered(at(start, ms.start)));
        for time in ms.step_by(10).skip(1) {
            throughput.answered(10, Duration::ZERO, at(start, time));
            throughput.left(at(start, time));
            throughput.entered(at(start, time));
        }
    }

    fn near(found: f64, expected: f64) -> bool {
        (found / expected - 1.0).abs() < 0.05
    }

    #[test]
    fn the_rate_is_what_was_done_with_full_batches() {
        let start = Instant::now();
        let mut throughput = Throughput::new(FIRST_GUESS, FULL, start);
        assert_eq!(throughput.measured(), FIRST_GUESS);
        work(&mut throughput, start, 0..2000, FULL);
        assert!(near(throughput.measured(), 1000.0), "{throughput:?}");
    }

    #[test]
    fn an_engine_with_little_to_do_is_not_taken_for_a_slow_one() {
        let start = Instant::now();
        let mut throughput = Throughput::new(FIRST_GUESS, FULL, start);
        work(&mut throughput, start, 0..2000, 1);
        assert_eq!(throughput.measured(), FIRST_GUESS);
    }

    #[test]
    fn what_was_not_measured_for_long_is_hoped_to_have_grown() {
        let start = Instant::now();
        let throughput = Throughput::new(FIRST_GUESS, FULL, start);
        let hope = |after| throughput.hoped(start + after) / throughput.hoped(start);
        assert!(near(hope(DOUBT), 2.0), "{}", hope(DOUBT));
        let hour = hope(Duration::from_secs(3600));
        assert!(near(hour, MOST_HOPED), "{hour}");
    }
}
