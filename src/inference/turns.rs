//! Whose turn it is. First what somebody waits for, then batches; among each the clients in turn, among
//! a client's its requests in turn, each with its sentences in order: so that one sentence does not wait
//! for ten thousand, whoever sent them.

use super::{asker::Urgency, queue::RequestId};
use std::{
    collections::{VecDeque, vec_deque},
    sync::Arc,
};

/// Where both wait, one turn of so many is a batch's, so that no batch waits for ever.
pub const BATCH_TURN: usize = 8;

/// Where an item stands.
#[derive(Clone, Debug)]
pub struct Turn {
    pub urgency: Urgency,
    pub client: Arc<str>,
    pub request: RequestId,
}

/// Items of `T` that wait for their turn.
#[derive(Debug)]
pub struct Turns<T> {
    interactive: Clients<T>,
    batch: Clients<T>,
    /// Interactive turns since the last batch's.
    since_batch: usize,
}

type Clients<T> = Rotation<Arc<str>, Rotation<RequestId, VecDeque<T>>>;

/// Lines by key; the one whose turn it is comes first, and none is empty.
#[derive(Debug)]
struct Rotation<K, L>(VecDeque<(K, L)>);

/// Something that items wait in.
trait Line: Default {
    type Item;
    fn is_empty(&self) -> bool;
    fn len(&self) -> usize;
    fn first(&self) -> Option<&Self::Item>;
    fn pop(&mut self) -> Option<Self::Item>;
    fn retain(&mut self, keep: &mut impl FnMut(&Self::Item) -> bool);
}

impl<T> Turns<T> {
    pub fn push(&mut self, turn: Turn, item: T) {
        let clients = match turn.urgency {
            Urgency::Interactive => &mut self.interactive,
            Urgency::Batch => &mut self.batch,
        };
        let requests = clients.line(turn.client);
        requests.line(turn.request).push_back(item);
    }

    /// The next item if it `fits`.
    pub fn pop(&mut self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let batch = match (self.interactive.is_empty(), self.batch.is_empty()) {
            (true, true) => return None,
            (true, false) => true,
            (false, true) => false,
            (false, false) => self.since_batch + 1 >= BATCH_TURN,
        };
        let clients = match batch {
            true => &mut self.batch,
            false => &mut self.interactive,
        };
        if !clients.first().is_some_and(fits) {
            return None;
        }
        self.since_batch = match batch {
            true => 0,
            false => self.since_batch + 1,
        };
        clients.pop()
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.interactive.retain(&mut keep);
        self.batch.retain(&mut keep);
    }

    pub fn is_empty(&self) -> bool {
        self.interactive.is_empty() && self.batch.is_empty()
    }

    pub fn len(&self) -> usize {
        self.interactive.len() + self.batch.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let clients = self.interactive.0.iter().chain(&self.batch.0);
        let requests = clients.flat_map(|(_, requests)| &requests.0);
        requests.flat_map(|(_, items)| items)
    }

    /// All of them.
    pub fn drain(&mut self) -> vec_deque::IntoIter<T> {
        let mut all = VecDeque::new();
        while let Some(item) = self.pop(|_| true) {
            all.push_back(item);
        }
        all.into_iter()
    }
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Turns {
            interactive: Rotation::default(),
            batch: Rotation::default(),
            since_batch: 0,
        }
    }
}

impl<K, L> Default for Rotation<K, L> {
    fn default() -> Self {
        Rotation(VecDeque::new())
    }
}

impl<K: PartialEq, L: Line> Rotation<K, L> {
    /// The line of that key, at the end if it is new. What is put into it must not be nothing.
    fn line(&mut self, key: K) -> &mut L {
        let at = self.0.iter().position(|(there, _)| *there == key);
        let at = at.unwrap_or_else(|| {
            self.0.push_back((key, L::default()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }
}

impl<K: PartialEq, L: Line> Line for Rotation<K, L> {
    type Item = L::Item;

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn len(&self) -> usize {
        self.0.iter().map(|(_, line)| line.len()).sum()
    }

    fn first(&self) -> Option<&L::Item> {
        self.0.front()?.1.first()
    }

    /// The line whose turn it was goes to the end.
    fn pop(&mut self) -> Option<L::Item> {
        let (key, mut line) = self.0.pop_front()?;
        let item = line.pop();
        if !line.is_empty() {
            self.0.push_back((key, line));
        }
        item
    }

    fn retain(&mut self, keep: &mut impl FnMut(&L::Item) -> bool) {
        self.0.retain_mut(|(_, line)| {
            line.retain(keep);
            !line.is_empty()
        });
    }
}

impl<T> Line for VecDeque<T> {
    type Item = T;

    fn is_empty(&self) -> bool {
        VecDeque::is_empty(self)
    }

    fn len(&self) -> usize {
        VecDeque::len(self)
    }

    fn first(&self) -> Option<&T> {
        self.front()
    }

    fn pop(&mut self) -> Option<T> {
        self.pop_front()
    }

    fn retain(&mut self, keep: &mut impl FnMut(&T) -> bool) {
        VecDeque::retain(self, keep);
    }
}

#[cfg(test)]
mod tests {
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
            turns.push(turn(*urgency, client, *request), *item);
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
    fn interactive_sentences_come_before_batches_which_are_not_starved() {
        let mut turns = Turns::default();
        turns.push(turn(Batch, "b", 0), "batch");
        turns.push(turn(Batch, "b", 0), "batch");
        for request in 1..=20 {
            turns.push(turn(Interactive, "a", request), "interactive");
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
    fn what_does_not_fit_keeps_its_turn() {
        let mut turns = Turns::default();
        turns.push(turn(Interactive, "a", 1), 10);
        turns.push(turn(Interactive, "b", 2), 1);
        assert_eq!(turns.pop(|size| *size < 5), None);
        assert_eq!(turns.pop(|_| true), Some(10));
        assert_eq!(turns.pop(|size| *size < 5), Some(1));
        assert!(turns.is_empty());
    }
}
