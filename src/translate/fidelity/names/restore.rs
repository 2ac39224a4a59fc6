//! Names that got lost, put back without another attempt: where the words of a name stand that were kept, and where
//! words were made up for the others.

use super::{LOOKED_AT, shape::Shapes};
use crate::translate::alignment::{Source, Translation, words};
use std::ops::Range;

/// Share of a word's attention from which on it was written for what it looked at, and for nothing else.
const MOSTLY: f32 = 0.5;
/// Letters that a word which begins like a name has of it.
const BEGINNING: usize = 3;

/// A name of the source beside what was made of it.
struct Found<'a> {
    shapes: &'a Shapes<'a>,
    source: &'a Source<'a>,
    translation: &'a Translation,
    /// Tokens of the source that the whole name was read as, and those of its words that got lost.
    tokens: Range<usize>,
    lost: Vec<Range<usize>>,
    /// Words of the name, bytes of the source.
    parts: Vec<Range<usize>>,
    /// Words of the translation.
    written: Vec<Range<usize>>,
}

/// What of the translation is to be replaced by the name that the source has at `name`; none where its place is
/// not certain, or a common word may have been written in its stead.
pub fn place(
    shapes: &Shapes,
    name: &Range<usize>,
    source: &Source,
    translation: &Translation,
) -> Option<Range<usize>> {
    let found = Found::new(shapes, name, source, translation);
    let kept: Vec<usize> = found.all(|word| found.is_kept(word));
    let is_made_up = |word: &Range<usize>| found.is_foreign(word) && found.is_made_up(word);
    // Without a word of the name only what is no word at all stands for it.
    let anchors = match kept.is_empty() {
        true => found.all(is_made_up),
        false => kept.clone(),
    };
    let run = found.grown(*anchors.first()?, *anchors.last()?);
    let inside = &found.written[run.0..=run.1];
    let certain = inside.iter().all(|word| match kept.is_empty() {
        true => is_made_up(word) || found.is_foreign(word) && found.begins_like_it(word),
        false => found.is_kept(word) || found.is_foreign(word),
    });
    let is_elsewhere = |word: &Range<usize>| {
        !inside.contains(word) && found.is_foreign(word) && found.share(word) >= MOSTLY
    };
    let certain = certain && !found.written.iter().any(is_elsewhere);
    let together = (run.0..run.1).all(|at| found.touches(at));
    (certain && together && !found.is_put_otherwise(run))
        .then(|| inside[0].start..inside[inside.len() - 1].end)
}

/// The capitalised word of the source that a word was made up for, if that is not written elsewhere.
pub fn original(
    shapes: &Shapes,
    written: &Range<usize>,
    source: &Source,
    translation: &Translation,
) -> Option<Range<usize>> {
    let text = |word: &Range<usize>| &source.text[word.clone()];
    let pieces = translation.piece_count(written).max(1) as f32;
    let share =
        |word: &Range<usize>| translation.attention(written, &source.tokens_in(word)) / pieces;
    let protected = |word: &Range<usize>| {
        let mut spans = source
            .prepared
            .protected
            .iter()
            .map(|protected| &protected.span);
        spans.any(|span| span.start < word.end && word.start < span.end)
    };
    let candidates = shapes.words.iter().filter(|word| {
        text(word).starts_with(char::is_uppercase)
            && text(word).chars().count() >= BEGINNING
            && !translation.text.contains(text(word))
            && !protected(word)
    });
    let best = candidates.max_by(|a, b| share(a).total_cmp(&share(b)));
    best.filter(|word| share(word) >= MOSTLY).cloned()
}

impl<'a> Found<'a> {
    fn new(
        shapes: &'a Shapes,
        name: &Range<usize>,
        source: &'a Source,
        translation: &'a Translation,
    ) -> Self {
        let inside = |word: &&Range<usize>| name.start <= word.start && word.end <= name.end;
        let parts: Vec<Range<usize>> = shapes.words.iter().filter(inside).cloned().collect();
        let written = words(&translation.text);
        let stands = |part: &Range<usize>| {
            let part = &source.text[part.clone()];
            written
                .iter()
                .any(|word| &translation.text[word.clone()] == part)
        };
        let lost = parts.iter().filter(|part| !stands(part));
        Found {
            lost: lost.map(|part| source.tokens_in(part)).collect(),
            tokens: source.tokens_in(name),
            shapes,
            source,
            translation,
            parts,
            written,
        }
    }

    /// Places of the words of the translation that are so.
    fn all(&self, is_so: impl Fn(&Range<usize>) -> bool) -> Vec<usize> {
        let places = 0..self.written.len();
        places.filter(|at| is_so(&self.written[*at])).collect()
    }

    fn text(&self, word: &Range<usize>) -> &str {
        &self.translation.text[word.clone()]
    }

    /// Share of a word's attention that goes to the words that got lost.
    fn share(&self, word: &Range<usize>) -> f32 {
        let attention = self.lost.iter();
        let attention = attention.map(|tokens| self.translation.attention(word, tokens));
        attention.sum::<f32>() / self.translation.piece_count(word).max(1) as f32
    }

    /// A word of the name, written for it and not for another time that the source says it.
    fn is_kept(&self, word: &Range<usize>) -> bool {
        let is_part = |part: &Range<usize>| &self.source.text[part.clone()] == self.text(word);
        let pieces = self.translation.piece_count(word).max(1) as f32;
        self.parts.iter().any(is_part)
            && self.translation.attention(word, &self.tokens) >= LOOKED_AT * pieces
    }

    /// A capitalised word that is none of the source's, nor made of one beside the name.
    fn is_foreign(&self, word: &Range<usize>) -> bool {
        let written = self.text(word);
        let mut others = self.shapes.words.iter();
        let is_said = others.any(|other| {
            let said = &self.source.text[other.clone()];
            let holds = said.chars().count() >= BEGINNING && written.starts_with(said);
            said == written || holds && !self.parts.contains(other)
        });
        written.starts_with(char::is_uppercase) && !is_said
    }

    fn begins_like_it(&self, word: &Range<usize>) -> bool {
        let beginning: String = self.text(word).chars().take(BEGINNING).collect();
        let mut parts = self
            .parts
            .iter()
            .map(|part| &self.source.text[part.clone()]);
        parts.any(|part| part.starts_with(&beginning))
    }

    /// Whether a word is none, and was written for what got lost.
    fn is_made_up(&self, word: &Range<usize>) -> bool {
        let pieces = self.translation.piece_count(word);
        match self.begins_like_it(word) {
            true => self.share(word) >= MOSTLY,
            false => {
                self.share(word) >= LOOKED_AT && self.shapes.is_made_up(self.text(word), pieces)
            }
        }
    }

    /// Whether nothing but a space or a dash stands between a word and the next.
    fn touches(&self, at: usize) -> bool {
        let gap = self.written[at].end..self.written[at + 1].start;
        matches!(&self.translation.text[gap], " " | "-")
    }

    /// The words from the first to the last with those beside them that were written for what got lost.
    fn grown(&self, mut first: usize, mut last: usize) -> (usize, usize) {
        let is_for_it = |at: usize| {
            let word = &self.written[at];
            self.is_foreign(word) && (self.share(word) >= LOOKED_AT || self.begins_like_it(word))
        };
        while first > 0 && self.touches(first - 1) && is_for_it(first - 1) {
            first -= 1;
        }
        while last + 1 < self.written.len() && self.touches(last) && is_for_it(last + 1) {
            last += 1;
        }
        (first, last)
    }

    /// Whether the word before or after was written for what got lost: a common word, as `red` for `Roux`.
    fn is_put_otherwise(&self, (first, last): (usize, usize)) -> bool {
        let is_for_it = |at: usize| self.share(&self.written[at]) >= MOSTLY;
        let begins_with_lost = self.is_lost(self.parts.first());
        let ends_with_lost = self.is_lost(self.parts.last());
        begins_with_lost && first > 0 && self.touches(first - 1) && is_for_it(first - 1)
            || ends_with_lost
                && last + 1 < self.written.len()
                && self.touches(last)
                && is_for_it(last + 1)
    }

    fn is_lost(&self, part: Option<&Range<usize>>) -> bool {
        part.is_some_and(|part| self.lost.contains(&self.source.tokens_in(part)))
    }
}
