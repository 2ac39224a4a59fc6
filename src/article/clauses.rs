//! A sentence that is too long for a model, in pieces that fit.

use super::protect::protected_spans;
use std::ops::Range;
use unicode_normalization::char::is_combining_mark;

#[cfg(test)]
mod test;

/// Words before which a sentence may be cut, in small letters.
const CONNECTIVES: &[&str] = &[
    "et", "mais", "ou", "où", "qui", "que", "dont", "car", "puis", "donc", "or", "ni", "lorsque",
    "quand", "comme", "si", "afin", "pour", "alors", "tandis", "parce", "puisque", "bien", "avant",
    "après", "avec", "selon", "sans", "pendant",
];

/// Cuts a sentence into pieces for which `fits` holds, and gives them as byte ranges in order.
///
/// Only white space between two pieces is left out. A cut comes, in this order of preference: after `;`, `:`, `!`, `?` and
/// before a dash; after a comma; before a conjunction or relative word; at white space; between two characters (a letter
/// and its combining marks stay together). Among cuts of a kind, the one nearest the middle is taken, so that pieces are
/// of like length.
///
/// A [protected stretch](protected_spans) is never cut: a piece that consists of one may not fit, and need not, as it is not
/// translated. A single character that does not fit is given back alone, too. A sentence that fits is one range.
///
/// Calls `fits` at most twice for each piece, on texts whose lengths sum to O(n log n).
pub fn split_to_fit(sentence: &str, fits: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    let cuts = cuts(sentence, &protected_spans(sentence));
    let mut pieces = Vec::new();
    // Depth first, left to right: the stack holds what lies to the right of the piece at hand.
    let mut pending = Vec::new();
    pending.push(0..sentence.len());
    while let Some(piece) = pending.pop() {
        let halves = match fits(&sentence[piece.clone()]) {
            true => None,
            false => best_cut(&cuts, &piece),
        };
        match halves {
            None => pieces.push(piece),
            Some(cut) => {
                pending.push(cut.end..piece.end);
                pending.push(piece.start..cut.start);
            }
        }
    }
    pieces
}

/// How good a place for a cut is: the smaller, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Clause,
    Comma,
    Connective,
    Space,
    /// White space that French sets before `:` and `»` or after `«`.
    BoundSpace,
    Character,
}

const RANKS: [Rank; 6] = [
    Rank::Clause,
    Rank::Comma,
    Rank::Connective,
    Rank::Space,
    Rank::BoundSpace,
    Rank::Character,
];

/// The white space that a cut leaves out; empty for a cut between two characters.
type Gap = Range<usize>;

/// The possible cuts by rank, each list in order.
struct Cuts([Vec<Gap>; RANKS.len()]);

fn cuts(sentence: &str, protected: &[Range<usize>]) -> Cuts {
    let mut cuts = Cuts(Default::default());
    let mut protected = protected.iter().peekable();
    let mut previous: Option<char> = None;
    let mut gap_start: Option<usize> = None;
    for (at, c) in sentence.char_indices() {
        while protected.next_if(|span| span.end <= at).is_some() {}
        let inside = protected.peek().is_some_and(|span| span.start < at);
        if c.is_whitespace() && !inside {
            gap_start.get_or_insert(at);
            continue;
        }
        let gap = gap_start.take().unwrap_or(at)..at;
        let rank = match previous {
            // White space at the very start belongs to the first piece.
            None => None,
            Some(_) if inside => None,
            Some(last) if gap.is_empty() => (!is_bound(last, c)).then_some(Rank::Character),
            Some(last) => Some(rank_of_space(last, &sentence[at..])),
        };
        if let Some(rank) = rank {
            cuts.0[rank as usize].push(gap);
        }
        previous = Some(c);
    }
    cuts
}

fn rank_of_space(last: char, next: &str) -> Rank {
    let first = next.chars().next();
    let length = next
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(next.len());
    let dash = matches!(first, Some('—' | '–' | '-'))
        && next.chars().nth(1).is_none_or(char::is_whitespace);
    match (last, first) {
        (_, Some(';' | ':' | '!' | '?' | '»' | '%' | '€' | ')' | ']')) | ('«', _) => {
            Rank::BoundSpace
        }
        (';' | ':' | '!' | '?' | '…', _) => Rank::Clause,
        _ if dash => Rank::Clause,
        (',', _) => Rank::Comma,
        // A cut after the dash would leave it at the end of a piece.
        ('—' | '–' | '-', _) => Rank::BoundSpace,
        _ if CONNECTIVES.contains(&next[..length].to_lowercase().as_str()) => Rank::Connective,
        _ => Rank::Space,
    }
}

/// Whether two neighbours make one visible character.
fn is_bound(left: char, right: char) -> bool {
    let joiner = |c: char| matches!(c, '\u{200C}' | '\u{200D}');
    let modifier = |c: char| matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}' | '\u{E0020}'..='\u{E007F}');
    let regional = |c: char| matches!(c, '\u{1F1E6}'..='\u{1F1FF}');
    is_combining_mark(right)
        || modifier(right)
        || joiner(left)
        || joiner(right)
        || (regional(left) && regional(right))
}

/// The cut of the best rank that leaves neither side a sliver; for spaces and characters, the one nearest the middle.
fn best_cut<'a>(cuts: &'a Cuts, piece: &Range<usize>) -> Option<&'a Gap> {
    let middle = piece.start + piece.len() / 2;
    RANKS.iter().find_map(|&rank| {
        // A piece shorter than a quarter makes another piece longer than need be: the next rank may do better.
        let margin = if rank < Rank::Space {
            piece.len() / 4
        } else {
            0
        };
        let cut = nearest(&cuts.0[rank as usize], piece, middle)?;
        let balanced = cut.start >= piece.start + margin && cut.end + margin <= piece.end;
        balanced.then_some(cut)
    })
}

/// Of the cuts that leave something on both sides of the piece, the one nearest the middle.
fn nearest<'a>(cuts: &'a [Gap], piece: &Range<usize>, middle: usize) -> Option<&'a Gap> {
    let right = cuts.partition_point(|cut| cut.start < middle);
    let inside = |cut: &&Gap| cut.start > piece.start && cut.end < piece.end;
    let before = right
        .checked_sub(1)
        .and_then(|i| cuts.get(i))
        .filter(inside);
    let after = cuts.get(right).filter(inside);
    match (before, after) {
        (Some(before), Some(after)) if middle - before.start <= after.start - middle => {
            Some(before)
        }
        (_, Some(after)) => Some(after),
        (before, None) => before,
    }
}
