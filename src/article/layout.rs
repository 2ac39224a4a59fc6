//! Lines into blocks.
//!
//! A line is a block, unless a paragraph was hard-wrapped: broken inside its sentences near one column, as mail and text
//! files are. Then its lines are one block. Poems, lists and addresses have short lines, too; what tells them apart is that
//! the first word of the next line would have fitted, or that the next line opens like an item or with a capital.

use super::segment::{is_dash_or_bullet, trimmed};
use std::ops::Range;

#[cfg(test)]
mod test;

/// Columns at which people wrap text, in characters. Below are verses and lists, above lies the web, which does not wrap.
const COLUMNS: Range<usize> = 35..141;

/// A first line as long as this may be wrapped though only one line follows it, in characters.
const CLEAR_COLUMN: usize = 50;

/// How far a wrapped line may fall short of the column, in characters: a longer word than this is rare.
const RAGGED_EDGE: usize = 24;

/// A line with something on it.
struct Line<'a> {
    /// In the document, without white space around it.
    span: Range<usize>,
    text: &'a str,
    /// Characters from the line's start, indentation included.
    width: usize,
    /// Whether nothing but the line break lies between this line and the one before.
    follows: bool,
}

impl Line<'_> {
    /// Whether the line could have been wrapped at the column: a URL juts out wherever it stands.
    fn shows_column(&self) -> bool {
        self.text.contains(' ')
            && self
                .text
                .split_whitespace()
                .all(|word| word.chars().count() <= RAGGED_EDGE)
    }
}

/// The blocks of a text, each as the spans of its lines: one for a line of its own, several for a hard-wrapped paragraph.
pub(super) fn blocks(text: &str) -> Vec<Vec<Range<usize>>> {
    let lines = lines(text);
    let mut blocks = Vec::new();
    for group in lines.chunk_by(|_, next| next.follows) {
        let widths = group
            .iter()
            .filter(|line| line.shows_column())
            .map(|line| line.width);
        let column = widths.max().unwrap_or(0);
        let mut rest = group;
        while !rest.is_empty() {
            let (block, after) = rest.split_at(wrapped_run(rest, column));
            blocks.push(block.iter().map(|line| line.span.clone()).collect());
            rest = after;
        }
    }
    blocks
}

/// Line breaks: `\n`, `\r`, `\r\n`, form feed, and Unicode's line and paragraph separators.
pub(super) fn is_line_break(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut follows = false;
    let breaks = text
        .char_indices()
        .filter(|&(_, c)| is_line_break(c))
        .map(|(at, c)| (at, c.len_utf8()));
    for (end, length) in breaks.chain([(text.len(), 0)]) {
        let split_crlf = start == end
            && start > 0
            && text[..start].ends_with('\r')
            && text[end..].starts_with('\n');
        if let Some(span) = trimmed(text, start..end) {
            let width = text[start..span.end].chars().count();
            lines.push(Line {
                text: &text[span.clone()],
                span,
                width,
                follows,
            });
            follows = true;
        } else if !split_crlf {
            follows = false;
        }
        start = end + length;
    }
    lines
}

/// How many lines from the first one make one wrapped paragraph; 1 if it is not wrapped.
fn wrapped_run(lines: &[Line<'_>], column: usize) -> usize {
    let in_list = opens_item(lines[0].text);
    // A line that breaks off may go on with the dash of an aside or a number, unless this is a list.
    let begins_item =
        |pair: &[Line<'_>]| opens_item(pair[1].text) && (in_list || ends_sentence(pair[0].text));
    let full = |pair: &[Line<'_>]| {
        let word = pair[1]
            .text
            .split_whitespace()
            .next()
            .map_or(0, |word| word.chars().count());
        pair[0].width + 1 + word > column
            && pair[0].width + RAGGED_EDGE >= column
            && !begins_item(pair)
    };
    if !COLUMNS.contains(&column) {
        return 1;
    }
    let run = 1 + lines.windows(2).take_while(|pair| full(pair)).count();
    let breaks = run - 1;
    let inside = lines[..run]
        .windows(2)
        .filter(|pair| breaks_sentence(pair))
        .count();
    let clear = match breaks {
        0 => false,
        1 => inside == 1 && lines[0].width >= CLEAR_COLUMN,
        // Prose wraps mostly before small letters; verse capitalises each line, lists end each item.
        _ => inside * 2 > breaks,
    };
    if clear { run } else { 1 }
}

/// Whether a line stops in the middle of a sentence that the next one takes up in small letters.
fn breaks_sentence(pair: &[Line<'_>]) -> bool {
    let lower = |c: char| {
        c.is_lowercase() || c.is_numeric() || matches!(c, '«' | '"' | '(' | '–' | '—' | '-')
    };
    !ends_sentence(pair[0].text) && pair[1].text.starts_with(lower)
}

fn ends_sentence(line: &str) -> bool {
    line.ends_with(['.', '!', '?', '…', ':', ';', '»', '"'])
}

/// Whether a line opens like an item of a list or a turn of a dialogue: `- x`, `• x`, `12. x`, `a) x`.
fn opens_item(line: &str) -> bool {
    let Some(marker) = line.split_whitespace().next() else {
        return false;
    };
    let bullet = marker.chars().all(is_dash_or_bullet);
    let number = marker.strip_suffix(['.', ')']).is_some_and(|label| {
        let digits = label.len() <= 3 && label.bytes().all(|b| b.is_ascii_digit());
        // A capital before a full stop is an initial, or Monsieur.
        let letter = label.len() == 1
            && (label.bytes().all(|b| b.is_ascii_lowercase()) || marker.ends_with(')'));
        !label.is_empty() && (digits || letter)
    });
    bullet || number
}
