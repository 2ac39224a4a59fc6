//! Whose turn it is. First what somebody waits for, then batches; among each the clients in turn, among
//! a client's its requests in turn, each with its sentences in order: so that one sentence does not wait
//! for ten thousand, whoever sent them. Of the clients, and of a client's requests, those who are new have a turn
//! before those who had one, so that one sentence does not wait for a hundred others either. As with the flows of
//! FQ-CoDel (RFC 8290, 4.2) nobody is new again before all others had a turn, so that coming often gains nothing.

#[cfg(test)]
mod test;

use super::{asker::Urgency, queue::RequestId};
use std::{
    collections::{VecDeque, vec_deque},
    sync::Arc,
};

/// Where both wait, one turn of so many is a batch's, so that no batch waits for ever.
pub const BATCH_TURN: usize = 8;

/// Where both wait, one turn of so many is one of who had a turn before, so that no newcomers keep them waiting
/// for ever.
const OLD_TURN: usize = 8;

/// Where an item stands.
#[derive(Clone, Debug)]
pub struct Turn {
    pub urgency: Urgency,
    pub client: Arc<str>,
    pub request: RequestId,
}

/// Where an item stands among its request's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Behind all that came before.
    Last,
    /// Before all: it goes on with what had a turn already, and whose answer others wait behind.
    First,
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

/// Lines by key; of both kinds the one whose turn it is comes first.
#[derive(Debug)]
struct Rotation<K, L> {
    /// That had no turn yet; none is empty.
    new: VecDeque<(K, L)>,
    /// That had one. An empty line keeps its place until its turn.
    old: VecDeque<(K, L)>,
    /// New lines' turns that an old one waited for.
    since_old: usize,
}

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
    pub fn push(&mut self, turn: Turn, position: Position, item: T) {
        let clients = match turn.urgency {
            Urgency::Interactive => &mut self.interactive,
            Urgency::Batch => &mut self.batch,
        };
        let requests = clients.line(turn.client);
        let items = requests.line(turn.request);
        match position {
            Position::Last => items.push_back(item),
            Position::First => items.push_front(item),
        }
    }

    /// The next item if it `fits`.
    pub fn pop(&mut self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let batch = self.next_is_batch();
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
        let clients = self.interactive.lines().chain(self.batch.lines());
        clients.flat_map(Rotation::lines).flatten()
    }

    /// If one of about the next `turns` is that of a lone request, an interactive one that is new and of which one
    /// item waits: how many of those there are. Else 0.
    pub fn lone(&self, turns: usize) -> usize {
        let is_lone = |(_, items): &&(RequestId, VecDeque<T>)| items.len() == 1;
        let clients = match self.interactive.next_is_new() {
            true => &self.interactive.new,
            false => &self.interactive.old,
        };
        let clients = clients.iter().map(|(_, requests)| requests);
        let mut next = clients.filter(|requests| !requests.is_empty()).take(turns);
        let has_lone = |requests: &Rotation<RequestId, VecDeque<T>>| {
            requests.next_is_new()
                && requests
                    .new
                    .iter()
                    .take(turns)
                    .any(|request| is_lone(&request))
        };
        if self.next_is_batch() || !next.any(has_lone) {
            return 0;
        }
        let requests = self.interactive.lines().flat_map(|requests| &requests.new);
        requests.filter(is_lone).count()
    }

    fn next_is_batch(&self) -> bool {
        match (self.interactive.is_empty(), self.batch.is_empty()) {
            (interactive, true) => interactive,
            (true, false) => true,
            (false, false) => self.since_batch + 1 >= BATCH_TURN,
        }
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
        Rotation {
            new: VecDeque::new(),
            old: VecDeque::new(),
            since_old: 0,
        }
    }
}

impl<K, L> Rotation<K, L> {
    fn lines(&self) -> impl Iterator<Item = &L> {
        self.new.iter().chain(&self.old).map(|(_, line)| line)
    }
}

impl<K, L: Line> Rotation<K, L> {
    /// Whether a line that had a turn waits for another.
    fn old_one_waits(&self) -> bool {
        self.old.iter().any(|(_, line)| !line.is_empty())
    }

    /// Whether the next turn is a new line's.
    fn next_is_new(&self) -> bool {
        !self.new.is_empty() && (!self.old_one_waits() || self.since_old + 1 < OLD_TURN)
    }

    /// The line whose turn is next.
    fn next_line(&self) -> Option<&L> {
        let lines = match self.next_is_new() {
            true => &self.new,
            false => &self.old,
        };
        let mut lines = lines.iter().map(|(_, line)| line);
        lines.find(|line| !line.is_empty())
    }
}

impl<K: PartialEq, L: Line> Rotation<K, L> {
    /// The line of that key, a new one if there is none. What is put into it must not be nothing.
    fn line(&mut self, key: K) -> &mut L {
        let is_it = |(there, _): &(K, L)| *there == key;
        if let Some(at) = self.old.iter().position(is_it) {
            return &mut self.old[at].1;
        }
        let at = self.new.iter().position(is_it).unwrap_or_else(|| {
            self.new.push_back((key, L::default()));
            self.new.len() - 1
        });
        &mut self.new[at].1
    }
}

impl<K: PartialEq, L: Line> Line for Rotation<K, L> {
    type Item = L::Item;

    fn is_empty(&self) -> bool {
        self.new.is_empty() && !self.old_one_waits()
    }

    fn len(&self) -> usize {
        self.lines().map(L::len).sum()
    }

    fn first(&self) -> Option<&L::Item> {
        self.next_line()?.first()
    }

    /// The line whose turn it was goes to the end of the old ones.
    fn pop(&mut self) -> Option<L::Item> {
        let is_new = self.next_is_new();
        // The turns of those that have nothing.
        while self.old.front().is_some_and(|(_, line)| line.is_empty()) {
            self.old.pop_front();
        }
        self.since_old = match is_new && !self.old.is_empty() {
            true => self.since_old + 1,
            false => 0,
        };
        let lines = match is_new {
            true => &mut self.new,
            false => &mut self.old,
        };
        let (key, mut line) = lines.pop_front()?;
        let item = line.pop();
        self.old.push_back((key, line));
        item
    }

    fn retain(&mut self, keep: &mut impl FnMut(&L::Item) -> bool) {
        self.new.retain_mut(|(_, line)| {
            line.retain(keep);
            !line.is_empty()
        });
        self.old.iter_mut().for_each(|(_, line)| line.retain(keep));
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
