//! Quotation marks and brackets: which of them open, which close, and which pairs hold a sentence together.

use std::ops::Range;

/// A quotation that is no longer than this stays whole, though it holds several sentences: `« Bonjour. Ça va ? »` says
/// one thing, and its halves would each carry a lone guillemet. Longer ones are split like any text. In characters.
const WHOLE_QUOTATION: usize = 80;

/// A bracket that closes within this distance is an aside of its sentence, whatever stands in it. In characters.
const WHOLE_BRACKET: usize = 300;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Opens,
    Closes,
}

/// The paired marks of a text, by index of character.
pub(super) struct Marks {
    sides: Vec<Option<Side>>,
    /// Pairs inside which nothing is split: from the opening mark to the closing one.
    whole: Vec<Range<usize>>,
}

impl Marks {
    pub(super) fn read(chars: &[(usize, char)]) -> Marks {
        let mut sides = vec![None; chars.len()];
        let mut whole = Vec::new();
        let mut brackets: Vec<usize> = Vec::new();
        let mut guillemets: Vec<usize> = Vec::new();
        // Straight quotation marks do not nest.
        let mut straight: Option<usize> = None;
        for (at, &(_, c)) in chars.iter().enumerate() {
            match c {
                '«' | '“' | '„' => {
                    sides[at] = Some(Side::Opens);
                    guillemets.push(at);
                }
                '»' | '”' => {
                    sides[at] = Some(Side::Closes);
                    whole.extend(pair(guillemets.pop(), at, WHOLE_QUOTATION));
                }
                '(' | '[' | '{' => {
                    sides[at] = Some(Side::Opens);
                    brackets.push(at);
                }
                ')' | ']' | '}' => {
                    sides[at] = Some(Side::Closes);
                    whole.extend(pair(brackets.pop(), at, WHOLE_BRACKET));
                }
                '"' => match straight_side(chars, at, straight.is_some()) {
                    Side::Opens => {
                        sides[at] = Some(Side::Opens);
                        straight = Some(at);
                    }
                    Side::Closes => {
                        sides[at] = Some(Side::Closes);
                        whole.extend(pair(straight.take(), at, WHOLE_QUOTATION));
                    }
                },
                _ => {}
            }
        }
        whole.sort_by_key(|pair| pair.start);
        Marks { sides, whole }
    }

    pub(super) fn opens(&self, at: usize) -> bool {
        self.sides.get(at) == Some(&Some(Side::Opens))
    }

    pub(super) fn closes(&self, at: usize) -> bool {
        self.sides.get(at) == Some(&Some(Side::Closes))
    }

    /// Whether a cut before the character `at` would tear a pair that stays whole.
    pub(super) fn holds(&self, at: usize) -> bool {
        // A pair reaches at most WHOLE_BRACKET characters, so only the pairs that open shortly before matter.
        let from = self
            .whole
            .partition_point(|pair| pair.start + WHOLE_BRACKET < at);
        self.whole[from..]
            .iter()
            .take_while(|pair| pair.start < at)
            .any(|pair| at <= pair.end)
    }
}

fn pair(open: Option<usize>, close: usize, limit: usize) -> Option<Range<usize>> {
    open.filter(|open| close - open <= limit)
        .map(|open| open..close)
}

/// Which side a straight quotation mark is: by its neighbours where they tell, else by whether one is open.
fn straight_side(chars: &[(usize, char)], at: usize, open: bool) -> Side {
    let before = at
        .checked_sub(1)
        .and_then(|i| chars.get(i))
        .map(|&(_, c)| c);
    let after = chars.get(at + 1).map(|&(_, c)| c);
    let free_before =
        before.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '[' | '\'' | '’' | '«'));
    let free_after = after.is_none_or(|c| {
        c.is_whitespace() || matches!(c, ')' | ']' | ',' | ';' | '.' | ':' | '»' | '?' | '!')
    });
    match (free_before, free_after) {
        (true, false) => Side::Opens,
        (false, true) => Side::Closes,
        _ if open => Side::Closes,
        _ => Side::Opens,
    }
}
