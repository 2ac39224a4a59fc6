//! What a call did and when, for the log, the metrics and the trace: how much, never what was said.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tonic::Extensions;

use crate::{
    rpc::client::Asker,
    translate::{Interval, SentenceUsage, Times},
};

/// Sentences of a call whose times are kept one by one: the slowest, which say why a call was slow.
const SLOWEST_KEPT: usize = 4;

/// What a call does itself, beside the models' work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Splitting the text and telling its language.
    Read,
    /// Finding the models, and loading those that are not there.
    Load,
    /// Choosing the sentences of a summary.
    Choose,
    /// Putting translated sentences into their places, after the last was computed.
    Rejoin,
}

/// Gathers the work of one call. The middleware puts it into the request; a call without one (from
/// the command line) gathers for nobody. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Mutex<Work>>);

/// What was done so far. Of what happens more than once, from the first beginning to the last end.
#[derive(Clone, Debug, Default)]
pub struct Work {
    pub asker: Option<Asker>,
    pub sentences: usize,
    /// All attempts and models counted.
    pub source_tokens: usize,
    pub target_tokens: usize,
    /// Those of them that were not computed, for the cache had the translations.
    pub kept_source_tokens: usize,
    pub kept_target_tokens: usize,
    pub first_sentence: Option<Instant>,
    pub read: Option<Interval>,
    pub load: Option<Interval>,
    pub choose: Option<Interval>,
    pub rejoin: Option<Interval>,
    /// Of all sentences.
    pub times: Option<Times>,
    /// By their position in the order in which they were given, the slowest first.
    pub slowest: Vec<(usize, Times)>,
}

impl Work {
    fn add(&mut self, usage: &SentenceUsage) {
        self.source_tokens += usage.source_tokens;
        self.target_tokens += usage.target_tokens;
        self.kept_source_tokens += usage.kept_source_tokens;
        self.kept_target_tokens += usage.kept_target_tokens;
        if let Some(times) = usage.times {
            self.times = Some(self.times.map_or(times, |all| all.and(times)));
        }
    }
}

impl Tally {
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get::<Tally>().cloned().unwrap_or_default()
    }

    /// Notes who asks.
    pub fn asked_by(&self, asker: &Asker) {
        self.lock().asker = Some(asker.clone());
    }

    /// Counts a sentence that is ready to be given.
    pub fn add_sentence(&self, usage: &SentenceUsage) {
        let mut work = self.lock();
        work.first_sentence.get_or_insert_with(Instant::now);
        let position = work.sentences;
        work.sentences += 1;
        work.add(usage);
        let Some(times) = usage.times else { return };
        work.slowest.push((position, times));
        work.slowest
            .sort_by_key(|(_, times)| std::cmp::Reverse(times.total()));
        work.slowest.truncate(SLOWEST_KEPT);
    }

    /// Adds what a text cost that was written as a whole, and whose sentences were counted as they came.
    pub fn add_text(&self, usage: &SentenceUsage) {
        self.lock().add(usage);
    }

    /// Notes a stage that began then and ends now.
    pub fn passed(&self, stage: Stage, began: Instant) {
        let mut work = self.lock();
        let noted = match stage {
            Stage::Read => &mut work.read,
            Stage::Load => &mut work.load,
            Stage::Choose => &mut work.choose,
            Stage::Rejoin => &mut work.rejoin,
        };
        let passed = Interval::since(began);
        *noted = Some(noted.map_or(passed, |before| before.and(passed)));
    }

    /// Notes that all sentences are in their places.
    pub fn rejoined(&self) {
        let computed = self.lock().times.map(|times| times.decode.end);
        if let Some(computed) = computed {
            self.passed(Stage::Rejoin, computed);
        }
    }

    pub fn work(&self) -> Work {
        self.lock().clone()
    }

    /// A panic elsewhere leaves the counts whole enough for a log line.
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A sentence that waited, was encoded and decoded so many milliseconds, from `start` on.
    fn usage(start: Instant, milliseconds: [u64; 3]) -> SentenceUsage {
        let [queue, encode, decode] = milliseconds.map(Duration::from_millis);
        SentenceUsage {
            source_tokens: 3,
            target_tokens: 5,
            times: Some(Times::new(start, queue, encode, encode + decode)),
            ..SentenceUsage::default()
        }
    }

    #[test]
    fn the_slowest_sentences_are_kept_and_all_are_counted() {
        let (tally, start) = (Tally::default(), Instant::now());
        for milliseconds in [40, 10, 60, 20, 50, 30] {
            tally.add_sentence(&usage(start, [milliseconds, 1, 1]));
        }
        let work = tally.work();
        assert_eq!(
            (work.sentences, work.source_tokens, work.target_tokens),
            (6, 18, 30)
        );
        let kept: Vec<_> = work.slowest.iter().map(|(position, _)| *position).collect();
        assert_eq!(kept, [2, 4, 0, 5]);
        let times = work.times.unwrap();
        assert_eq!(times.queue.end - start, Duration::from_millis(60));
        assert_eq!(times.decode.end - start, Duration::from_millis(62));
        assert_eq!(times.encode.start - start, Duration::from_millis(10));
    }
}
