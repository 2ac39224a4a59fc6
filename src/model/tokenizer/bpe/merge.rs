//! Byte-pair encoding: the best pair of neighbours is merged until none is left (Sennrich et al.
//! 2016, <https://arxiv.org/abs/1508.07909>), in `n log n` for a text of `n` characters.

use crate::model::TokenId;
use std::{cmp::Reverse, collections::BinaryHeap, ops::Range};

/// A stretch of the text that is one symbol, and its piece where the vocabulary has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Symbol {
    pub span: Range<usize>,
    pub id: Option<TokenId>,
}

/// What two neighbours become.
pub struct Merged {
    /// The greatest is merged first, of equal ones the first in the text.
    pub priority: i64,
    pub id: TokenId,
}

/// A symbol with its neighbours that are still there.
struct Link {
    symbol: Symbol,
    before: Option<usize>,
    after: Option<usize>,
    /// How often it has changed: candidates of an earlier state are stale.
    version: u32,
    merged_away: bool,
}

/// A pair that may be merged, ordered by priority and then by place.
type Candidate = (i64, Reverse<usize>, u32, usize, u32, TokenId);

/// `symbols` in the order of the text, each beginning where the one before ends.
pub fn merge(
    symbols: Vec<Symbol>,
    pair: impl Fn(&Symbol, &Symbol) -> Option<Merged>,
) -> Vec<Symbol> {
    let count = symbols.len();
    let mut links: Vec<Link> = symbols
        .into_iter()
        .enumerate()
        .map(|(at, symbol)| Link {
            symbol,
            before: at.checked_sub(1),
            after: Some(at + 1).filter(|after| *after < count),
            version: 0,
            merged_away: false,
        })
        .collect();
    let mut heap: BinaryHeap<Candidate> = BinaryHeap::new();
    let candidate = |links: &[Link], left: usize| -> Option<Candidate> {
        let right = links[left].after?;
        let merged = pair(&links[left].symbol, &links[right].symbol)?;
        Some((
            merged.priority,
            Reverse(left),
            links[left].version,
            right,
            links[right].version,
            merged.id,
        ))
    };
    heap.extend((0..count).filter_map(|left| candidate(&links, left)));
    while let Some((_, Reverse(left), left_version, right, right_version, id)) = heap.pop() {
        let fresh = |at: usize, version| !links[at].merged_away && links[at].version == version;
        if !fresh(left, left_version) || !fresh(right, right_version) {
            continue;
        }
        let after = links[right].after;
        links[right].merged_away = true;
        links[left].symbol.span.end = links[right].symbol.span.end;
        links[left].symbol.id = Some(id);
        links[left].version += 1;
        links[left].after = after;
        if let Some(after) = after {
            links[after].before = Some(left);
        }
        let before = links[left].before;
        heap.extend(before.and_then(|before| candidate(&links, before)));
        heap.extend(candidate(&links, left));
    }
    links
        .into_iter()
        .filter(|link| !link.merged_away)
        .map(|link| link.symbol)
        .collect()
}
