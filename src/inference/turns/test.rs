use super::*;

fn turn(urgency: Urgency, client: &str, request: u64) -> Turn {
    Turn {
        urgency,
        client: client.into(),
        request: RequestId(request),
    }
}

/// The items in the order of their turns.
fn order(items: &[(Urgency, &str, u64, &'static str)]) -> Vec<&'static str> {
    let mut turns = Turns::default();
    for (urgency, client, request, item) in items {
        turns.push(turn(*urgency, client, *request), Position::Last, *item);
    }
    assert_eq!(turns.len(), items.len());
    turns.drain().collect()
}

use Urgency::{Batch, Interactive};

#[test]
fn clients_take_turns_and_then_the_requests_of_each() {
    let items = [
        (Interactive, "a", 1, "a1-1"),
        (Interactive, "a", 1, "a1-2"),
        (Interactive, "a", 2, "a2-1"),
        (Interactive, "a", 3, "a3-1"),
        (Interactive, "b", 4, "b4-1"),
        (Interactive, "b", 4, "b4-2"),
    ];
    assert_eq!(
        order(&items),
        ["a1-1", "b4-1", "a2-1", "b4-2", "a3-1", "a1-2"]
    );
}

#[test]
fn what_goes_on_comes_before_what_its_request_has_not_begun() {
    let mut turns = Turns::default();
    for sentence in 1..=3 {
        turns.push(turn(Interactive, "a", 1), Position::Last, (1, sentence));
    }
    turns.push(turn(Interactive, "a", 2), Position::Last, (2, 1));
    assert_eq!(turns.pop(|_| true), Some((1, 1)));
    turns.push(turn(Interactive, "a", 1), Position::First, (1, 1));
    let order: Vec<_> = turns.drain().collect();
    assert_eq!(order, [(2, 1), (1, 1), (1, 2), (1, 3)]);
}

#[test]
fn interactive_sentences_come_before_batches_which_are_not_starved() {
    let mut turns = Turns::default();
    turns.push(turn(Batch, "b", 0), Position::Last, "batch");
    turns.push(turn(Batch, "b", 0), Position::Last, "batch");
    for request in 1..=20 {
        turns.push(
            turn(Interactive, "a", request),
            Position::Last,
            "interactive",
        );
    }
    let order: Vec<_> = turns.drain().collect();
    let at = |n: usize| {
        order
            .iter()
            .enumerate()
            .filter(|(_, item)| **item == "batch")
            .nth(n)
    };
    assert_eq!(at(0).unwrap().0, BATCH_TURN - 1);
    assert_eq!(at(1).unwrap().0, 2 * BATCH_TURN - 1);
    assert_eq!(order.len(), 22);
}

#[test]
fn who_is_new_comes_before_those_who_had_a_turn_and_starves_nobody() {
    let mut turns = Turns::default();
    let pop = |turns: &mut Turns<u64>| turns.pop(|_| true);
    for request in [1, 2] {
        for _ in 0..2 {
            turns.push(turn(Interactive, "a", request), Position::Last, request);
        }
    }
    assert_eq!(pop(&mut turns), Some(1));
    assert_eq!(pop(&mut turns), Some(2));
    for request in 10..22 {
        turns.push(turn(Interactive, "a", request), Position::Last, request);
    }
    turns.push(turn(Interactive, "b", 30), Position::Last, 30);
    assert_eq!(pop(&mut turns), Some(30), "a client that is new");
    let order: Vec<u64> = std::iter::from_fn(|| pop(&mut turns)).collect();
    // One new request had its turn beside an old one above.
    assert_eq!(
        order,
        [10, 11, 12, 13, 14, 15, 1, 16, 17, 18, 19, 20, 21, 2]
    );
}

#[test]
fn who_comes_often_is_no_newcomer() {
    let mut turns = Turns::default();
    for client in ["a", "b", "c"] {
        for _ in 0..9 {
            turns.push(turn(Interactive, client, 1), Position::Last, client);
        }
    }
    // A sentence a turn, each when the one before was taken.
    let mut order = Vec::new();
    for request in 0..12 {
        if !turns.iter().any(|item| *item == "often") {
            turns.push(
                turn(Interactive, "often", 10 + request),
                Position::Last,
                "often",
            );
        }
        order.extend(turns.pop(|_| true));
    }
    let often = order.iter().filter(|item| **item == "often").count();
    assert_eq!(often, 3, "a fourth of the turns: {order:?}");
    // Who comes after all others had theirs is new again.
    turns.retain(|item| *item != "often");
    for _ in 0..8 {
        turns.pop(|_| true);
    }
    turns.push(turn(Interactive, "often", 99), Position::Last, "often");
    assert_eq!(turns.pop(|_| true), Some("often"));
}

#[test]
fn lone_is_who_is_next_and_asks_for_one() {
    let mut turns = Turns::default();
    turns.push(turn(Interactive, "a", 1), Position::Last, 0);
    assert_eq!((turns.lone(0), turns.lone(1)), (0, 1));
    turns.push(turn(Interactive, "a", 1), Position::Last, 0);
    assert_eq!(turns.lone(9), 0, "two of one request");
    turns.push(turn(Interactive, "a", 2), Position::Last, 0);
    assert_eq!((turns.lone(1), turns.lone(2)), (0, 1), "behind them");
    turns.push(turn(Interactive, "b", 3), Position::Last, 0);
    assert_eq!(turns.lone(2), 2);
    turns.pop(|_| true);
    assert_eq!(turns.lone(1), 2, "the other client's");
    turns.pop(|_| true);
    assert_eq!(turns.lone(1), 1);
    turns.pop(|_| true);
    assert_eq!((turns.lone(9), turns.len()), (0, 1), "it had a turn before");
    let mut turns = Turns::default();
    turns.push(turn(Batch, "a", 1), Position::Last, 0);
    assert_eq!(turns.lone(9), 0, "nobody waits for a batch");
}

#[test]
fn what_does_not_fit_keeps_its_turn() {
    let mut turns = Turns::default();
    turns.push(turn(Interactive, "a", 1), Position::Last, 10);
    turns.push(turn(Interactive, "b", 2), Position::Last, 1);
    assert_eq!(turns.pop(|size| *size < 5), None);
    assert_eq!(turns.pop(|_| true), Some(10));
    assert_eq!(turns.pop(|size| *size < 5), Some(1));
    assert!(turns.is_empty());
}
