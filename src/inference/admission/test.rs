use super::*;
use crate::inference::{Asker, Quota};
use std::num::{NonZeroU64, NonZeroUsize};

/// Of two workers, not yet measured: it counts on 4,000 tokens a second.
fn admission(tokens: usize) -> Admission {
    Admission::new(Limits {
        engine: "sentences",
        tokens,
        wait: Duration::from_millis(500),
        workers: 2,
        sentences: 128,
    })
}

fn asker(name: &str, quota: Quota) -> Asker {
    Asker {
        client: name.into(),
        account: name.into(),
        quota,
    }
}

fn order(client: &str, tokens: usize) -> Order {
    Order {
        asker: asker(client, Quota::default()),
        ..Order::anonymous(tokens)
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
    admission.entered(request);
    admission.answered(request, tokens, &Output::default());
    admission.left(request);
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

#[test]
fn batches_leave_half_of_the_room_and_do_not_count_before_others() {
    let admission = admission(1000);
    admission.admit(batch(order("a", 400))).unwrap();
    assert!(admission.admit(batch(order("b", 200))).is_err());
    admission.admit(order("a", 500)).unwrap();
    assert!(admission.admit(order("a", 200)).is_err());
    // In its turn a batch waits for seven others.
    let one_second_alone = 4000;
    let admission = self::admission(1 << 20);
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
fn an_account_keeps_to_its_quotas_and_another_is_not_held_up() {
    let quota = Quota {
        tokens_in_flight: NonZeroUsize::new(1000),
        tokens_per_second: None,
    };
    let limited = |tokens| Order {
        asker: asker("limited", quota),
        ..Order::anonymous(tokens)
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
        ..Order::anonymous(100_000)
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
