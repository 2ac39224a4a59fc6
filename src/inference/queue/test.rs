use super::*;
use crate::{
    inference::{DecodeOptions, Urgency},
    model::Model,
};
use std::path::Path;

fn model() -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/causal/qwen3");
    Model::instruction(&folder).unwrap()
}

/// Who waits for an answer.
pub type Asker = oneshot::Receiver<Result<Output, InferenceError>>;

/// A queue with a job for each of the spaces, of one request. Who asks waits as long as the second is held.
pub fn queue(spaces: &[Space]) -> (Queue, Vec<Asker>) {
    let (queue, model) = (Queue::default(), model());
    let askers = spaces.iter().map(|space| push(&queue, &model, 0, *space));
    let askers = askers.collect();
    (queue, askers)
}

fn push(queue: &Queue, model: &Model, request: u64, space: Space) -> Asker {
    let (reply, answer) = oneshot::channel();
    let job = Job {
        turn: Turn {
            urgency: Urgency::Interactive,
            client: "a".into(),
            request: RequestId(request),
        },
        position: Position::Last,
        model: model.clone(),
        source: Vec::new(),
        task: Task::Decode(DecodeOptions::default()),
        submitted: Instant::now(),
        reply,
        follower: None,
        space,
    };
    queue.push(job).unwrap();
    answer
}

/// As many requests more, each for one sentence.
pub fn push_lone(queue: &Queue, count: u64) -> Vec<Asker> {
    let model = model();
    let requests = 1..=count;
    requests
        .map(|request| push(queue, &model, request, space(1, 10, 0)))
        .collect()
}

pub fn space(rows: usize, tokens: usize, bytes: u64) -> Space {
    Space {
        rows,
        tokens,
        bytes,
    }
}

/// How many jobs a worker takes that has so much left beside what is under way.
fn taken(queue: &Queue, room: Space) -> usize {
    queue.take(room, 1, WhenEmpty::Return).unwrap().len()
}

#[test]
fn a_beam_takes_as_many_places_as_it_is_wide() {
    let (queue, _askers) = queue(&[space(16, 10, 0); 10]);
    let room = space(64, 2048, 0);
    assert_eq!(taken(&queue, room), 4);
    assert_eq!(taken(&queue, space(15, 2048, 0)), 0);
    assert_eq!(taken(&queue, space(40, 2048, 0)), 2);
    assert_eq!(queue.depth(), (4, 40));
}

#[test]
fn texts_wait_until_there_is_memory_for_their_keys_and_values() {
    let (queue, _askers) = queue(&[space(1, 10, 400), space(1, 10, 400), space(1, 10, 400)]);
    assert_eq!(taken(&queue, space(16, 2048, 1000)), 2);
    assert_eq!(taken(&queue, space(14, 2048, 200)), 0);
    assert_eq!(taken(&queue, space(15, 2048, 400)), 1);
}

#[test]
fn the_first_is_taken_whatever_its_tokens_and_by_an_idle_worker_whatever_its_size() {
    let (queue, _askers) = queue(&[space(1, 5000, 0), space(1, 1, 0), space(100, 1, 900)]);
    let room = space(64, 2048, 500);
    assert_eq!(taken(&queue, room), 1);
    assert_eq!(taken(&queue, room), 1);
    assert_eq!(taken(&queue, room), 0);
    assert_eq!(queue.take(room, 1, WhenEmpty::Wait).unwrap().len(), 1);
}

#[test]
fn who_has_gone_does_not_wait() {
    let (queue, mut askers) = queue(&[space(1, 10, 0); 3]);
    assert_eq!(queue.waiting(), 3);
    askers.truncate(1);
    assert_eq!(queue.waiting(), 1);
    assert_eq!(queue.depth(), (1, 10));
}
