use super::*;
use crate::inference::{Asker, Quota, decode::Search};
use futures::FutureExt;
use std::num::{NonZeroU64, NonZeroUsize};

/// Not yet measured: it counts on 4,000 tokens a second.
fn admission(tokens: usize) -> Admission {
    Admission::new(Limits {
        engine: "sentences",
        tokens,
        wait: Duration::from_millis(500),
        first_guess: 4000.0,
        sentences: 128,
    })
}

fn asker(name: &str, quota: Quota) -> Asker {
    Asker {
        account: name.into(),
        quota,
    }
}

fn cost(tokens: usize) -> Cost {
    Cost::translating(tokens, Search::Greedy)
}

fn order(client: &str, tokens: usize) -> Order {
    Order {
        asker: asker(client, Quota::default()),
        ..Order::anonymous(cost(tokens))
    }
}

fn due_in(seconds: u64, order: Order) -> Order {
    Order {
        deadline: Some(Instant::now() + Duration::from_secs(seconds)),
        ..order
    }
}

fn batch(order: Order) -> Order {
    Order {
        urgency: Urgency::Batch,
        ..order
    }
}

/// Answers a sentence of so many tokens, which was in the engine.
fn answer(admission: &Admission, request: RequestId, tokens: usize) {
    admission.entered();
    admission.answered(request, cost(tokens), &Output::default());
    admission.left();
}

#[test]
fn work_that_cannot_be_done_by_its_deadline_even_alone_is_refused_for_good() {
    let admission = admission(1 << 20);
    let refused = admission.admit(due_in(10, order("a", 400_000)));
    let Err(InferenceError::Hopeless { alone, left }) = refused else {
        panic!("{refused:?}")
    };
    assert!(alone > left);
    assert!(admission.admit(due_in(10, order("a", 4000))).is_ok());
}

#[test]
fn a_request_that_would_be_late_is_refused_until_there_is_less_before_it() {
    let admission = admission(1 << 20);
    let first: Vec<_> = (0..10)
        .map(|_| admission.admit(order("a", 4000)).unwrap())
        .collect();
    let late = admission.admit(due_in(5, order("a", 4000)));
    let Err(InferenceError::TooLate {
        needed,
        left,
        retry_after,
    }) = late
    else {
        panic!("{late:?}")
    };
    assert!(needed > left && retry_after >= needed - left);
    assert!(admission.admit(due_in(60, order("a", 4000))).is_ok());
    for request in first {
        admission.over(request, Sentences::GivenUp);
    }
    assert!(admission.admit(due_in(5, order("a", 4000))).is_ok());
}

#[test]
fn a_sentence_is_let_in_beside_a_book_and_a_client_beside_a_crowd() {
    let admission = admission(1 << 20);
    admission.admit(order("a", 400_000)).unwrap();
    for _ in 0..100 {
        admission.admit(order("a", 400)).unwrap();
    }
    // Each of a hundred requests may come before it, but no more of each than its own size …
    assert!(admission.admit(due_in(2, order("a", 20))).is_ok());
    assert!(admission.admit(due_in(2, order("a", 400))).is_err());
    // … and of another client's no more than of one request.
    assert!(admission.admit(due_in(2, order("b", 400))).is_ok());
}

#[tokio::test]
async fn batches_leave_half_of_the_room_whatever_their_documents_size() {
    let admission = admission(1000);
    let place = admission.line_up(cost(400)).await;
    assert!(admission.line_up(cost(200)).now_or_never().is_none());
    drop(place);
    let _place = admission.line_up(cost(5000)).await;
    admission.admit(batch(order("a", 5000))).unwrap();
    admission.admit(order("a", 500)).unwrap();
    assert!(admission.admit(order("a", 500)).is_err());
}

#[test]
fn a_sentence_finds_room_beside_books_and_a_book_beside_sentences() {
    let admission = admission(1000);
    for _ in 0..10 {
        admission.admit(order("a", 5)).unwrap();
    }
    let book = admission.admit(order("a", 50_000)).unwrap();
    assert!(admission.admit(order("b", 5)).is_ok());
    // Books fill the bound among themselves, until most of one is done.
    let second = admission.admit(order("b", 50_000));
    assert!(second.is_err());
    answer(&admission, book, 49_800);
    assert!(admission.admit(order("b", 50_000)).is_ok());
    // Sentences do so, too, in the end.
    let crowd = (0..300).filter(|_| admission.admit(order("c", 5)).is_ok());
    assert!((100..200).contains(&crowd.count()));
}

#[test]
fn a_batch_waits_for_seven_others_in_its_turn() {
    let one_second_alone = 4000;
    let admission = admission(1 << 20);
    admission.admit(order("a", one_second_alone)).unwrap();
    let refused = admission.admit(due_in(5, batch(order("b", one_second_alone))));
    assert!(refused.is_err());
    assert!(
        admission
            .admit(due_in(5, order("b", one_second_alone)))
            .is_ok()
    );
}

#[test]
fn a_request_that_turns_out_to_cost_more_is_judged_by_that() {
    let admission = admission(1 << 20);
    let request = admission.admit(due_in(10, order("a", 4000))).unwrap();
    admission.amend(request, cost(8000)).unwrap();
    assert_eq!(admission.tokens(), 8000);
    let hopeless = admission.amend(request, cost(400_000));
    assert!(matches!(hopeless, Err(InferenceError::Hopeless { .. })));
    assert_eq!(admission.tokens(), 0);
}

#[test]
fn what_is_refused_for_its_true_cost_is_not_charged() {
    let quota = Quota {
        tokens_in_flight: None,
        tokens_per_second: NonZeroU64::new(1000),
    };
    let limited = |tokens| Order {
        asker: asker("limited", quota),
        ..due_in(10, order("limited", tokens))
    };
    let admission = admission(1 << 20);
    let request = admission.admit(limited(30_000)).unwrap();
    // Its own charge does not speak against it …
    admission.amend(request, cost(36_000)).unwrap();
    assert!(admission.admit(limited(1)).is_err());
    // … and goes with it.
    assert!(admission.amend(request, cost(400_000)).is_err());
    assert!(admission.admit(limited(1)).is_ok());
}

#[test]
fn an_account_keeps_to_its_quotas_and_another_is_not_held_up() {
    let quota = Quota {
        tokens_in_flight: NonZeroUsize::new(1000),
        tokens_per_second: None,
    };
    let limited = |tokens| Order {
        asker: asker("limited", quota),
        ..Order::anonymous(cost(tokens))
    };
    let admission = admission(1 << 20);
    let first = admission.admit(limited(5000)).unwrap();
    let refused = admission.admit(limited(1));
    assert!(matches!(refused, Err(InferenceError::Quota { .. })));
    assert!(admission.admit(order("other", 5000)).is_ok());
    admission.over(first, Sentences::Answered);
    assert!(admission.admit(limited(500)).is_ok());
    assert!(admission.admit(limited(500)).is_ok());

    let quota = Quota {
        tokens_in_flight: None,
        tokens_per_second: NonZeroU64::new(100),
    };
    let slow = Order {
        asker: asker("slow", quota),
        ..Order::anonymous(cost(100_000))
    };
    let first = admission.admit(slow.clone()).unwrap();
    admission.over(first, Sentences::Answered);
    let refused = admission.admit(slow);
    assert!(matches!(refused, Err(InferenceError::Quota { .. })));
    assert!(admission.admit(order("other", 100)).is_ok());
}

#[test]
fn texts_that_cost_more_than_they_announce_count_for_what_they_cost() {
    let admission = admission(1 << 20);
    for _ in 0..200 {
        let request = admission.admit(order("a", 10)).unwrap();
        (0..4).for_each(|_| answer(&admission, request, 10));
        admission.over(request, Sentences::Answered);
    }
    let announced = |tokens| due_in(10, order("a", tokens));
    // 4,000 tokens a second are 1,000 announced ones.
    assert!(admission.admit(announced(20_000)).is_err());
    assert!(admission.admit(announced(5_000)).is_ok());
}

#[test]
fn what_need_not_be_computed_counts_as_done_and_makes_the_engine_no_faster() {
    let admission = admission(1 << 20);
    let measured = || admission.lock().throughput.measured();
    let before = measured();
    for _ in 0..200 {
        let request = admission.admit(order("a", 1000)).unwrap();
        admission.spared(request, cost(500));
        answer(&admission, request, 500);
        admission.over(request, Sentences::Answered);
    }
    // Announced were as many as were done, half of them by nobody.
    assert_eq!(measured(), before);
}
