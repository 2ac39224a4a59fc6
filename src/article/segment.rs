//! A block of text into sentences.
//!
//! One pass over the characters looks at each run of `.`, `!`, `?` and `…`, with the closing marks that belong to it, and
//! asks whether a sentence ends there: what stands before (an abbreviation, an initial, a number), what follows (a capital,
//! a quotation, a dash), and whether a bracket or short quotation around it would be torn. What is particular to French is
//! in `french`.

mod french;
mod marks;
#[cfg(test)]
mod test;

use self::french::Abbreviation;
use self::marks::Marks;
use super::protect::protected_spans;
use std::ops::Range;

/// The sentences of a text of one block, as byte ranges in order. They leave out nothing but white space.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let splitter = Splitter::new(text);
    let mut pieces = Vec::new();
    let mut start = 0;
    for end in splitter.boundaries().into_iter().chain([text.len()]) {
        pieces.extend(trimmed(text, start..end));
        start = end;
    }
    merge_wordless(text, pieces)
}

/// The range without white space and invisible characters around it; none if nothing is left.
pub(super) fn trimmed(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let blank = |c: char| c.is_whitespace() || super::characters::is_invisible(c);
    let slice = &text[range.clone()];
    let start = range.start + (slice.len() - slice.trim_start_matches(blank).len());
    let end = start + slice.trim_matches(blank).len();
    (start < end).then_some(start..end)
}

/// Joins pieces without a letter to a neighbour: `1.` and `(...)` open the next sentence, a stray mark ends the last.
fn merge_wordless(text: &str, pieces: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(pieces.len());
    let mut pending: Option<usize> = None;
    for piece in pieces {
        let slice = &text[piece.clone()];
        let start = pending.take().unwrap_or(piece.start);
        if slice.contains(char::is_alphabetic) {
            merged.push(start..piece.end);
        } else if slice
            .starts_with(|c: char| c.is_ascii_digit() || matches!(c, '(' | '[' | '.' | '…' | '«'))
            || merged.is_empty()
        {
            pending = Some(start);
        } else if let Some(last) = merged.last_mut() {
            last.end = piece.end;
        }
    }
    if let Some(start) = pending {
        let end = trimmed(text, start..text.len()).map_or(text.len(), |rest| rest.end);
        match merged.last_mut() {
            Some(last) => last.end = end,
            None => merged.push(start..end),
        }
    }
    merged
}

/// What a run of final punctuation is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    /// One full stop: the ambiguous case.
    Stop,
    /// `…` or `...`
    Ellipsis,
    /// Holds `!` or `?`.
    Strong,
}

struct Splitter<'a> {
    text: &'a str,
    chars: Vec<(usize, char)>,
    marks: Marks,
    protected: Vec<Range<usize>>,
}

impl<'a> Splitter<'a> {
    fn new(text: &'a str) -> Self {
        let chars: Vec<(usize, char)> = text.char_indices().collect();
        let marks = Marks::read(&chars);
        Splitter {
            text,
            marks,
            protected: protected_spans(text),
            chars,
        }
    }

    /// Byte offsets at which a sentence ends and another begins.
    fn boundaries(&self) -> Vec<usize> {
        let mut found = Vec::new();
        // Of the current sentence, by index of character.
        let mut start = 0;
        let mut protected = self.protected.iter().peekable();
        let mut at = 0;
        while at < self.chars.len() {
            let byte = self.byte(at);
            while protected.next_if(|span| span.end <= byte).is_some() {}
            if let Some(span) = protected.peek()
                && span.start <= byte
            {
                at = self.chars.partition_point(|&(offset, _)| offset < span.end);
                continue;
            }
            let (after, ends) = if let Some(after) = self.elision(at) {
                (after, self.ends_after_elision(at, after))
            } else if is_final(self.chars[at].1) {
                let (after, run) = self.run(at);
                (after, self.ends_after_run(start, at, after, run))
            } else {
                (at + 1, self.marks.closes(at) && self.is_glued_quotation(at))
            };
            if ends && after < self.chars.len() && !self.marks.holds(after) {
                found.push(self.byte(after));
                start = after;
            }
            at = after;
        }
        found
    }

    fn byte(&self, at: usize) -> usize {
        self.chars
            .get(at)
            .map_or(self.text.len(), |&(offset, _)| offset)
    }

    fn char(&self, at: usize) -> Option<char> {
        self.chars.get(at).map(|&(_, c)| c)
    }

    fn before(&self, at: usize) -> Option<char> {
        at.checked_sub(1).and_then(|i| self.char(i))
    }

    fn skip_space(&self, mut at: usize) -> usize {
        let blank = |c: char| c.is_whitespace() || super::characters::is_invisible(c);
        while self.char(at).is_some_and(blank) {
            at += 1;
        }
        at
    }

    /// The end of `(...)`, `[...]`, `(…)` or `[…]` at `at`: an editor's cut, which is no end of a sentence.
    fn elision(&self, at: usize) -> Option<usize> {
        let close = match self.char(at)? {
            '(' => ')',
            '[' => ']',
            _ => return None,
        };
        let mut end = self.skip_space(at + 1);
        let dots = end;
        while matches!(self.char(end), Some('.' | '…')) {
            end += 1;
        }
        let dotted = end > dots;
        end = self.skip_space(end);
        (dotted && self.char(end) == Some(close)).then_some(end + 1)
    }

    /// `la situation est dramatique (...) Il y a`: the cut took the full stop with it.
    fn ends_after_elision(&self, at: usize, after: usize) -> bool {
        let next = self.skip_space(after);
        let mut previous = at;
        while self.before(previous).is_some_and(char::is_whitespace) {
            previous -= 1;
        }
        let fresh = self.before(previous).is_none_or(is_final);
        !fresh
            && next > after
            && self.is_upper(next)
            && french::opens_with_starter(&self.text[self.byte(next)..])
    }

    /// The end of a run of final punctuation that starts at `at`, with the closing marks that belong to it.
    fn run(&self, at: usize) -> (usize, Run) {
        let (mut stops, mut ellipsis, mut strong) = (0, false, false);
        let mut end = at;
        loop {
            while let Some(c) = self.char(end).filter(|&c| is_final(c)) {
                match c {
                    '.' => stops += 1,
                    '…' => ellipsis = true,
                    _ => strong = true,
                }
                end += 1;
            }
            let next = self.skip_space(end);
            let spaced_sign =
                matches!(self.char(next), Some('!' | '?')) && (ellipsis || strong || stops > 1);
            if spaced_sign || self.closes_run(end, next) {
                end = next + 1;
                strong |= spaced_sign;
            } else {
                break;
            }
        }
        let run = match (strong, ellipsis || stops > 1) {
            (true, _) => Run::Strong,
            (false, true) => Run::Ellipsis,
            (false, false) => Run::Stop,
        };
        (end, run)
    }

    /// Whether the mark at `next`, after white space from `end`, closes what the run ends.
    fn closes_run(&self, end: usize, next: usize) -> bool {
        let Some(c) = self.char(next) else {
            return false;
        };
        // French sets a space before », but no one sets one before a bracket.
        let spaced = next > end;
        match c {
            '»' | '"' => self.marks.closes(next),
            '”' | ')' | ']' | '}' => !spaced,
            '\'' | '’' => {
                !spaced
                    && self
                        .char(next + 1)
                        .is_none_or(|c| c.is_whitespace() || c == '.')
            }
            _ => false,
        }
    }

    /// `"Une décision attendue"Cette mesure`: a subheading that lost its line break.
    fn is_glued_quotation(&self, at: usize) -> bool {
        let word = |c: char| c.is_lowercase() || matches!(c, '!' | '?' | '.');
        matches!(self.char(at), Some('"' | '»' | '”'))
            && self
                .before(at)
                .is_some_and(|c| word(c) || c.is_whitespace())
            && self.is_capitalised_word(at + 1)
    }

    fn ends_after_run(&self, start: usize, at: usize, after: usize, run: Run) -> bool {
        let next = self.skip_space(after);
        let spaced = next > after;
        let Some((first, opened)) = self.sentence_opening(next) else {
            return false;
        };
        let Some(c) = self.char(first) else {
            return false;
        };
        if c.is_lowercase() {
            return false;
        }
        if !spaced && !opened && !self.is_glued_end(at, after, first) {
            return false;
        }
        if c.is_numeric() && (!spaced || run == Run::Ellipsis) {
            return false;
        }
        run != Run::Stop
            || after > at + 1 && !self.closes_word(at, after)
            || self.stop_ends(start, at, first)
    }

    /// Whether only a bracket, and no quotation, follows the full stop: then what stands before it still counts.
    fn closes_word(&self, at: usize, after: usize) -> bool {
        (at + 1..after).all(|i| matches!(self.char(i), Some(')' | ']' | '\'' | '’')))
    }

    /// The first character that counts of what would be a new sentence, and whether a mark opens it.
    fn sentence_opening(&self, mut at: usize) -> Option<(usize, bool)> {
        let mut opened = false;
        loop {
            let c = self.char(at)?;
            if let Some(after) = self.elision(at) {
                at = self.skip_space(after);
            } else if self.marks.opens(at) || matches!(c, '‘' | '¿' | '¡') || self.is_bullet(at)
            {
                at = self.skip_space(at + 1);
            } else if c.is_alphanumeric() || matches!(c, '@' | '#') {
                return Some((at, opened));
            } else if matches!(c, '$' | '€' | '£' | '+' | '\'' | '’')
                || c >= '\u{2190}' && !is_final(c)
            {
                // Currency, signs, and the pictures that open a post.
                at = self.skip_space(at + 1);
                continue;
            } else {
                return None;
            }
            opened = true;
        }
    }

    fn is_bullet(&self, at: usize) -> bool {
        self.char(at).is_some_and(is_dash_or_bullet)
            && self.char(at + 1).is_some_and(char::is_whitespace)
    }

    /// `visiter Venise.Selon le quotidien`: a missing space, not an address, a number or initials.
    fn is_glued_end(&self, at: usize, after: usize, first: usize) -> bool {
        let Some(before) = self.before(at) else {
            return false;
        };
        let long = at >= 2 && self.chars[at - 2].1.is_alphanumeric();
        let closed = after > at + 1
            || matches!(
                before,
                '"' | '»' | '”' | ')' | '%' | ' ' | '\u{A0}' | '\u{202F}'
            );
        let ended = closed || before.is_numeric() || long && before.is_alphabetic();
        let opening = self.is_capitalised_word(first)
            || french::opens_with_title(&self.text[self.byte(first)..]);
        ended && opening
    }

    fn is_upper(&self, at: usize) -> bool {
        self.char(at).is_some_and(char::is_uppercase)
    }

    /// `Selon`, `L'avis`, `À la`: a capital, then a small letter, an apostrophe or a space.
    fn is_capitalised_word(&self, at: usize) -> bool {
        let next = self.char(at + 1);
        self.is_upper(at)
            && next
                .is_some_and(|c| c.is_lowercase() || c.is_whitespace() || matches!(c, '\'' | '’'))
    }

    /// Whether the full stop at `at` ends the sentence, given that a possible sentence opens at `first`.
    fn stop_ends(&self, start: usize, at: usize, first: usize) -> bool {
        let word_start = self.word_start(start, at);
        let word = self.text[self.byte(word_start)..self.byte(at)].trim_start_matches(['-', '.']);
        let digit_follows = self.char(first).is_some_and(char::is_numeric);
        if word.is_empty() {
            return true;
        }
        let number = word.chars().all(char::is_numeric);
        if number && digit_follows && word.len() <= 3 {
            // 17. 01. 2025
            return false;
        }
        if self.skip_space(start) == word_start && is_enumerator(word) {
            return false;
        }
        let following = &self.text[self.byte(first)..];
        if word == "J.-C" && self.follows_era(word_start) {
            return true;
        }
        let initials = is_initials(word).then_some(Abbreviation::BeforeStarter);
        match french::abbreviation(word).or(initials) {
            None => true,
            Some(Abbreviation::Never) => false,
            Some(Abbreviation::BeforeNumber | Abbreviation::BeforeCapital) => !digit_follows,
            Some(Abbreviation::BeforeStarter) => french::opens_with_starter(following),
        }
    }

    /// Where the word that ends before `at` begins, in the sentence that begins at `start`.
    fn word_start(&self, start: usize, at: usize) -> usize {
        let mut word_start = at;
        while word_start > start {
            let Some(c) = self.before(word_start) else {
                break;
            };
            let inside = c.is_alphanumeric() || matches!(c, '.' | '-' | '°' | '\u{2011}');
            if !inside {
                break;
            }
            word_start -= 1;
        }
        word_start
    }

    /// `en 52 av. J.-C.` is a date, `le professeur J.-C. Martin` a person.
    fn follows_era(&self, at: usize) -> bool {
        let before = self.text[..self.byte(at)].trim_end();
        ["av.", "apr.", "avant", "après", "Avant", "Après"]
            .iter()
            .any(|era| before.ends_with(era))
    }
}

fn is_final(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '‽' | '⁇' | '⁈' | '⁉')
}

pub(super) fn is_dash_or_bullet(c: char) -> bool {
    matches!(
        c,
        '-' | '–' | '—' | '―' | '•' | '*' | '·' | '▪' | '■' | '●' | '◦' | '‣' | '►' | '→'
    )
}

/// What numbers an item at the head of a line: `12`, `IV`, `a`.
fn is_enumerator(word: &str) -> bool {
    let roman = word.len() <= 4 && word.chars().all(|c| matches!(c, 'I' | 'V' | 'X'));
    let number = word.len() <= 3 && word.chars().all(|c| c.is_ascii_digit());
    roman || number || word.chars().count() == 1
}

/// `F`, `J.-P`, `U.S.A`: single capitals, with full stops and hyphens between them.
fn is_initials(word: &str) -> bool {
    let mut parts = word.split(['.', '-']).filter(|part| !part.is_empty());
    let single = |part: &str| {
        let mut chars = part.chars();
        chars.next().is_some_and(char::is_uppercase) && chars.next().is_none()
    };
    word.starts_with(char::is_uppercase) && parts.all(single)
}
