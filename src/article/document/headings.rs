//! Titles, subheadings, and the headlines of other articles that a page sets between paragraphs.
//!
//! All three are short blocks of a sentence without a full stop, beside paragraphs that are clearly longer. Only the
//! place and the length tell them apart, so a long subheading may be called a teaser; neither is quoted in a summary.

use super::{Block, BlockKind};
use crate::article::residue::Residue;
use std::ops::Range;

/// A longer block is a paragraph. In bytes of its span.
const LONGEST_HEADING: usize = 180;

/// A title may open with a label: `VIDÉO. Un séisme en mer ?` counts as two sentences.
const TITLE_SENTENCES: usize = 2;

/// A paragraph beside a heading is at least this many times as long.
const CLEARLY_LONGER: usize = 2;

/// A headline of at least so many words between paragraphs is a sentence of its own, and so another article's;
/// subheadings are shorter.
const TEASER_WORDS: usize = 7;

/// How many headings may follow one another. More short lines in a row are a list or verse.
const LONGEST_RUN: usize = 2;

/// Marks, among the blocks of prose, those that are headings or teasers.
pub(super) fn mark(blocks: &mut [Block]) {
    let prose: Vec<usize> = (0..blocks.len())
        .filter(|&i| blocks[i].kind == BlockKind::Prose)
        .collect();
    let mut at = 0;
    while at < prose.len() {
        let most = if at == 0 { TITLE_SENTENCES } else { 1 };
        let run = prose[at..]
            .iter()
            .map(|&i| &blocks[i])
            .take_while(|block| block.sentences.len() <= most && has_headline_form(block))
            .count();
        if stands_alone(blocks, &prose, at..at + run) {
            for &i in &prose[at..at + run] {
                let teaser = at > 0 && words(&blocks[i]) >= TEASER_WORDS;
                blocks[i].kind = match teaser {
                    true => BlockKind::Residue(Residue::Teaser),
                    false => BlockKind::Heading,
                };
            }
        }
        at += run.max(1);
    }
}

/// Whether a run of headline-like blocks, by index in `prose`, stands between paragraphs that are clearly longer, or before
/// the first of them.
fn stands_alone(blocks: &[Block], prose: &[usize], run: Range<usize>) -> bool {
    let longest = prose[run.clone()]
        .iter()
        .map(|&i| length(&blocks[i]))
        .max()
        .unwrap_or(0);
    let paragraph =
        |&i: &usize| length(&blocks[i]) >= CLEARLY_LONGER * longest && ends_sentence(&blocks[i]);
    let before = run.start.checked_sub(1).and_then(|i| prose.get(i));
    let after = prose.get(run.end);
    (1..=LONGEST_RUN).contains(&run.len())
        && after.is_some_and(paragraph)
        && before.is_none_or(paragraph)
}

fn has_headline_form(block: &Block) -> bool {
    let (Some(first), Some(sentence)) = (block.sentences.first(), block.sentences.last()) else {
        return false;
    };
    // A bullet or the dash of a dialogue lies before the sentence.
    let bare = first.span.start == block.span.start;
    let open_ended = sentence
        .text
        .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '?' | '!' | '»' | '"' | '”' | ')'));
    let capital = first
        .text
        .trim_start_matches(['«', '"', '“', ' ', '\u{A0}', '\u{202F}'])
        .chars()
        .next();
    let capital = capital.is_some_and(|c| c.is_uppercase() || c.is_numeric());
    bare && open_ended
        && capital
        && length(block) <= LONGEST_HEADING
        && !is_quoted_sentence(&sentence.text)
}

/// `"Nous partons."` ends its sentence inside the quotation.
fn is_quoted_sentence(text: &str) -> bool {
    text.trim_end_matches(['»', '"', '”', ')', ' ', '\u{A0}', '\u{202F}'])
        .ends_with(['.', '…'])
}

/// Whether a paragraph ends as paragraphs do; one that ends in a colon announces what follows.
fn ends_sentence(block: &Block) -> bool {
    let last = block.sentences.last().map_or("", |sentence| &sentence.text);
    last.ends_with(['.', '!', '?', '…', '»', '"', '”', ')'])
}

fn length(block: &Block) -> usize {
    block.span.len()
}

fn words(block: &Block) -> usize {
    let text = block
        .sentences
        .first()
        .map_or("", |sentence| &sentence.text);
    text.split_whitespace()
        .filter(|word| word.contains(char::is_alphanumeric))
        .count()
}
