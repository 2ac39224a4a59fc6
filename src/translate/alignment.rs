//! A translation that knows, for each of its pieces, which parts of the source it came from, and
//! keeps knowing it while it is edited.

use super::prepare::{Lost, Prepared};
use crate::{
    inference::Hypothesis,
    model::{Token, Translator},
};
use std::{ops::Range, sync::Arc};

/// Stands in a translation where the model wrote its unknown piece; never leaves this layer. A
/// noncharacter of Unicode, which `article::strip_invisible` keeps out of every source.
pub const UNKNOWN: char = '\u{fdd0}';

/// What the model read, and the source that it stands for.
pub struct Source<'a> {
    pub text: &'a str,
    pub prepared: Prepared,
    /// Pieces that the model read, the end left out; spans are bytes of `text`.
    pub tokens: Vec<Token>,
}

/// A translation under repair.
#[derive(Clone, Debug)]
pub struct Translation {
    pub text: String,
    /// In order, without gaps.
    pieces: Vec<Piece>,
    /// False where the model was stopped at the longest permitted output.
    pub finished: bool,
}

#[derive(Clone, Debug)]
struct Piece {
    span: Range<usize>,
    /// Over the source's tokens and its end; sums to 1 for each piece that the model wrote.
    attention: Arc<[f32]>,
    /// Pieces of the vocabulary in it.
    count: usize,
}

impl<'a> Source<'a> {
    pub fn new(text: &'a str, model: &Translator, lost: &[Lost], attempt: usize) -> Self {
        let prepared = Prepared::new(text, model.source(), lost, attempt);
        let tokens = model.source().encode(&prepared.text).into_iter();
        let tokens = tokens
            .map(|token| Token {
                span: prepared.source_span(&token.span),
                ..token
            })
            .collect();
        Source {
            text,
            prepared,
            tokens,
        }
    }

    /// Indices of the tokens that stand for bytes of `span`.
    pub fn tokens_in(&self, span: &Range<usize>) -> Range<usize> {
        let first = self
            .tokens
            .partition_point(|token| token.span.end <= span.start);
        let end = self
            .tokens
            .partition_point(|token| token.span.start < span.end);
        first..end.max(first)
    }
}

impl Translation {
    pub fn new(model: &Translator, output: Hypothesis) -> Self {
        let mut text = String::new();
        let mut pieces = Vec::with_capacity(output.tokens.len());
        let unknown = UNKNOWN.to_string();
        let decoded = model.target().decode_each(&output.tokens, &unknown);
        for (piece, attention) in decoded.zip(output.alignment) {
            let start = text.len();
            text.push_str(&piece);
            pieces.push(Piece {
                span: start..text.len(),
                attention,
                count: 1,
            });
        }
        Translation {
            text,
            pieces,
            finished: output.finished,
        }
    }

    /// Attention of the pieces in `span`, summed, that goes to the source's `tokens`.
    pub fn attention(&self, span: &Range<usize>, tokens: &Range<usize>) -> f32 {
        let pieces = self.pieces[self.pieces_in(span)].iter();
        pieces
            .map(|piece| {
                piece
                    .attention
                    .get(tokens.clone())
                    .map_or(0.0, |part| part.iter().sum::<f32>())
            })
            .sum()
    }

    /// Pieces of the vocabulary that `span` is written with.
    pub fn piece_count(&self, span: &Range<usize>) -> usize {
        self.pieces[self.pieces_in(span)]
            .iter()
            .map(|piece| piece.count)
            .sum()
    }

    /// Writes `with` in place of `span`; what overlaps the span becomes one piece.
    pub fn replace(&mut self, span: Range<usize>, with: &str) {
        let mut touched = self.pieces_in(&span);
        if touched.is_empty() && span.start == self.text.len() {
            touched.start = touched.start.saturating_sub(1); // what is added at the end is the last piece's
        }
        self.text.replace_range(span.clone(), with);
        let moved = |at: usize| at + with.len() - span.len();
        for piece in &mut self.pieces[touched.end..] {
            piece.span = moved(piece.span.start)..moved(piece.span.end);
        }
        let Some((first, others)) = self.pieces[touched.clone()].split_first_mut() else {
            return;
        };
        first.span.end = moved(others.last().map_or(first.span.end, |last| last.span.end));
        for other in others {
            Arc::make_mut(&mut first.attention)
                .iter_mut()
                .zip(&*other.attention)
                .for_each(|(sum, part)| *sum += part);
            first.count += other.count;
        }
        self.pieces
            .drain(touched.start + 1..touched.end.max(touched.start + 1));
    }

    /// Puts `inserted` between two words: where what comes before was made from the source before
    /// token `token`, and what follows from the source after it.
    pub fn insert_where_attention_meets(&mut self, inserted: &str, token: usize) {
        let mut balance = 0.0; // attention to the source before the token, less that to the rest
        let (mut best, mut at) = (0.0, 0);
        for piece in &self.pieces {
            let before: f32 = piece.attention.iter().take(token).sum();
            let after: f32 = piece.attention.iter().skip(token).sum();
            balance += before - after;
            let ends_a_word = !self.text[piece.span.end..].starts_with(char::is_alphanumeric);
            if balance > best && ends_a_word {
                (best, at) = (balance, piece.span.end);
            }
        }
        let before = if at == 0 { "" } else { " " };
        let after = if self.text[at..].starts_with(char::is_whitespace) || at == self.text.len() {
            ""
        } else {
            " "
        };
        let glued = self.text[at..].starts_with(|c: char| c.is_ascii_punctuation());
        let inserted = format!("{before}{inserted}{}", if glued { "" } else { after });
        match self.pieces.iter().position(|piece| piece.span.end == at) {
            Some(piece) => {
                let span = self.pieces[piece].span.clone();
                let joined = format!("{}{inserted}", &self.text[span.clone()]);
                self.replace(span, &joined);
            }
            None => self.replace(0..0, &inserted),
        }
    }

    fn pieces_in(&self, span: &Range<usize>) -> Range<usize> {
        let first = self
            .pieces
            .partition_point(|piece| piece.span.end <= span.start);
        let end = self
            .pieces
            .partition_point(|piece| piece.span.start < span.end.max(span.start + 1));
        first..end.max(first)
    }
}

/// Maximal runs of letters, combining marks and `UNKNOWN`, as byte ranges.
pub fn words(text: &str) -> Vec<Range<usize>> {
    let of_word = |c: char| {
        c.is_alphabetic() || c == UNKNOWN || unicode_normalization::char::is_combining_mark(c)
    };
    let mut words: Vec<Range<usize>> = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| of_word(*c)) {
        match words.last_mut() {
            Some(word) if word.end == at => word.end += c.len_utf8(),
            _ => words.push(at..at + c.len_utf8()),
        }
    }
    words
}
