//! A call's work as the steps of its trace.
//!
//! A handful of spans, however long the document is: reading, loading, queue, batch (encode and
//! decode), rejoin, each from the first sentence's beginning to the last one's end, and the slowest
//! sentences one by one.

use std::{sync::Arc, time::Instant};

use crate::{rpc::tally::Work, telemetry::Step};

/// The steps, in the order in which they begin.
pub fn of(work: &Work) -> Vec<Step> {
    let stages = [
        ("read", work.read.map(|at| (at.start, at.end))),
        ("load models", work.load.map(|at| (at.start, at.end))),
        ("choose", work.choose.map(|at| (at.start, at.end))),
        ("rejoin", work.rejoin.map(|at| (at.start, at.end))),
    ];
    let mut steps: Vec<Step> = stages
        .into_iter()
        .filter_map(|(name, at)| Some(step(name, at?)))
        .collect();
    if let Some(times) = work.times {
        let (queue, encode, decode) = (times.queue, times.encode, times.decode);
        steps.push(step("queue", (queue.start, queue.end)));
        let mut batch = step("batch", (encode.start, decode.end));
        let computed = |all: usize, kept: usize| whole(all.saturating_sub(kept));
        batch.attributes = vec![
            (
                "depeche.source_tokens",
                computed(work.source_tokens, work.kept_source_tokens),
            ),
            (
                "depeche.target_tokens",
                computed(work.target_tokens, work.kept_target_tokens),
            ),
        ];
        batch.inside = vec![
            step("encode", (encode.start, encode.end)),
            step("decode", (decode.start, decode.end)),
        ];
        steps.push(batch);
    }
    for (position, times) in &work.slowest {
        let (queue, encode, decode) = (times.queue, times.encode, times.decode);
        let mut sentence = step("slow sentence", (queue.start, decode.end));
        sentence.attributes = vec![("depeche.sentence", whole(*position))];
        sentence.inside = vec![
            step("queue", (queue.start, queue.end)),
            step("encode", (encode.start, encode.end)),
            step("decode", (decode.start, decode.end)),
        ];
        steps.push(sentence);
    }
    steps.sort_by_key(|step| step.start);
    steps
}

/// Who asked, as attributes of the request's own span.
pub fn names(work: &Work) -> Vec<(&'static str, Arc<str>)> {
    let asker = work.asker.iter();
    let names = asker.map(|asker| ("depeche.client", asker.account.clone()));
    names.collect()
}

/// What was done, as attributes of the request's own span.
pub fn counts(work: &Work) -> Vec<(&'static str, i64)> {
    vec![
        ("depeche.sentences", whole(work.sentences)),
        ("depeche.source_tokens", whole(work.source_tokens)),
        ("depeche.target_tokens", whole(work.target_tokens)),
    ]
}

fn step(name: &'static str, (start, end): (Instant, Instant)) -> Step {
    Step {
        name,
        start,
        end,
        attributes: Vec::new(),
        inside: Vec::new(),
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::tally::{Stage, Tally};

    #[test]
    fn a_request_without_work_has_no_steps() {
        assert!(of(&Work::default()).is_empty());
    }

    #[test]
    fn a_stage_that_comes_twice_is_one_step_from_its_first_beginning() {
        let (tally, before) = (Tally::default(), Instant::now());
        tally.passed(Stage::Load, before);
        tally.passed(Stage::Read, before);
        tally.passed(Stage::Load, Instant::now());
        let steps = of(&tally.work());
        let names: Vec<_> = steps.iter().map(|step| step.name).collect();
        assert_eq!(names, ["read", "load models"]);
        let load = &steps[1];
        assert_eq!(load.start, before);
        assert!(load.end >= load.start);
    }
}
