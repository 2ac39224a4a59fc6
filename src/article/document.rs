//! A text as blocks and sentences, and back again.
//!
//! What lies outside the sentences (indentation, blank lines, bullets, line breaks, page code) is never touched:
//! [`Document::rejoin`] copies it from the source, byte for byte.

mod headings;
#[cfg(test)]
mod test;

use super::layout::{self, is_line_break};
use super::protect::protected_spans;
use super::residue::{self, Residue};
use super::segment;
use std::ops::Range;

/// A text with its blocks and sentences. Spans are byte ranges into [`Document::text`], ordered and without overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    text: String,
    blocks: Vec<Block>,
}

/// A line, or the lines of a hard-wrapped paragraph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Bytes in the document's text, without the white space around the block.
    pub span: Range<usize>,
    /// What the block is to the article.
    pub kind: BlockKind,
    /// In order. Empty for [`BlockKind::Verbatim`] and page code.
    pub sentences: Vec<Sentence>,
}

/// What a block is to the article.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockKind {
    /// The article's own text: the only kind that a summary quotes.
    Prose,
    /// The title, or a subheading between paragraphs.
    Heading,
    /// What a web page left in the text.
    Residue(Residue),
    /// Nothing to translate: a rule, numbers, a URL on a line of its own.
    Verbatim,
}

/// What is translated at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Bytes in the document's text, without the white space around the sentence.
    pub span: Range<usize>,
    /// The slice at `span`; in a hard-wrapped paragraph with its lines joined.
    pub text: String,
}

impl Document {
    /// Reads plain text by the rules of French. Any string is a document; one without a visible character has no blocks.
    pub fn parse(text: &str) -> Document {
        let mut blocks: Vec<Block> = layout::blocks(text)
            .into_iter()
            .filter_map(|lines| Paragraph::join(text, lines))
            .map(|paragraph| paragraph.into_block())
            .collect();
        headings::mark(&mut blocks);
        Document {
            text: text.to_owned(),
            blocks,
        }
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// In order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// All sentences, in order.
    pub fn sentences(&self) -> impl Iterator<Item = &Sentence> {
        self.blocks.iter().flat_map(|block| &block.sentences)
    }

    /// What stands before each sentence, and after the last: one string more than there are sentences.
    ///
    /// Everything outside sentences, byte for byte, but for a line break inside a hard-wrapped paragraph, which is a space.
    pub fn gaps(&self) -> Vec<&str> {
        let mut gaps = Vec::new();
        let mut at = 0;
        for block in &self.blocks {
            for (i, sentence) in block.sentences.iter().enumerate() {
                let gap = &self.text[at..sentence.span.start];
                let wrapped = i > 0 && gap.contains(is_line_break) && gap.trim().is_empty();
                gaps.push(if wrapped { " " } else { gap });
                at = sentence.span.end;
            }
        }
        gaps.push(&self.text[at..]);
        gaps
    }

    /// The document with `translations` in the place of its sentences, one for each in order: each after its gap.
    ///
    /// A sentence without a translation stays as it was; translations beyond the last sentence are not used.
    pub fn rejoin<S: AsRef<str>>(&self, translations: &[S]) -> String {
        let mut out = String::with_capacity(self.text.len() * 5 / 4);
        let mut gaps = self.gaps().into_iter();
        let mut translations = translations.iter();
        for (sentence, gap) in self.sentences().zip(gaps.by_ref()) {
            out.push_str(gap);
            out.push_str(translations.next().map_or(&sentence.text, AsRef::as_ref));
        }
        out.extend(gaps);
        out
    }
}

/// A block's lines as one text, and where each came from.
struct Paragraph {
    text: String,
    /// For each line: where it begins in `text`, and its span in the document.
    lines: Vec<(usize, Range<usize>)>,
}

impl Paragraph {
    fn join(document: &str, spans: Vec<Range<usize>>) -> Option<Paragraph> {
        let mut text = String::new();
        let mut lines = Vec::with_capacity(spans.len());
        for span in spans {
            let line = &document[span.clone()];
            if !text.is_empty() && !ends_in_compound(&text, line) {
                text.push(' ');
            }
            lines.push((text.len(), span));
            text.push_str(line);
        }
        (!lines.is_empty()).then_some(Paragraph { text, lines })
    }

    fn into_block(self) -> Block {
        let kind = match residue::of_line(&self.text) {
            Some(residue) => BlockKind::Residue(residue),
            None if has_words(&self.text) => BlockKind::Prose,
            None => BlockKind::Verbatim,
        };
        let sentences = match kind {
            BlockKind::Verbatim | BlockKind::Residue(Residue::Script) => Vec::new(),
            _ => self.sentences(),
        };
        Block {
            span: self.source(0..self.text.len()),
            kind,
            sentences,
        }
    }

    fn sentences(&self) -> Vec<Sentence> {
        let mut sentences = Vec::new();
        for prose in self.prose() {
            for range in segment::sentences(&self.text[prose.clone()]) {
                let range = prose.start + range.start..prose.start + range.end;
                let text = &self.text[range.clone()];
                if text.contains(char::is_alphabetic) {
                    sentences.push(Sentence {
                        text: text.to_owned(),
                        span: self.source(range),
                    });
                }
            }
        }
        sentences
    }

    /// The text without the bullet or dash that opens it, and without page code.
    fn prose(&self) -> Vec<Range<usize>> {
        let body = self.text.trim_start_matches(segment::is_dash_or_bullet);
        let bullet = self.text.len() - body.len();
        let mut from = if body.starts_with(char::is_whitespace) {
            bullet
        } else {
            0
        };
        let mut prose = Vec::new();
        for script in residue::script_spans(&self.text) {
            prose.push(from..script.start.max(from));
            from = script.end.max(from);
        }
        prose.push(from..self.text.len());
        prose
    }

    /// The bytes of the document that a range of the joined text came from.
    fn source(&self, range: Range<usize>) -> Range<usize> {
        let place = |at: usize| {
            let line = self
                .lines
                .partition_point(|&(start, _)| start <= at)
                .saturating_sub(1);
            let (start, span) = &self.lines[line];
            span.start + at.saturating_sub(*start)
        };
        // The end is found from the last byte, as it may stand at the end of a line.
        place(range.start)..place(range.end.saturating_sub(1).max(range.start)) + 1
    }
}

/// Whether a word goes on in the next line after its own hyphen: `peut-` / `être`.
fn ends_in_compound(text: &str, next: &str) -> bool {
    let stem = text.strip_suffix('-');
    stem.is_some_and(|stem| stem.ends_with(char::is_alphabetic))
        && next.starts_with(char::is_lowercase)
}

/// Whether a letter stands outside the protected stretches.
fn has_words(text: &str) -> bool {
    let mut from = 0;
    for span in protected_spans(text) {
        if text[from..span.start].contains(char::is_alphabetic) {
            return true;
        }
        from = span.end;
    }
    text[from..].contains(char::is_alphabetic)
}
