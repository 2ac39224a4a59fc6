//! A text under way, told as it comes and held to what was asked: so many sentences or words, none of
//! the instructions, every sentence checked as soon as it is complete.

use super::check::{Doubt, Facts};
use crate::{article::segment, summarize::Length};
use std::sync::Arc;

/// A piece of a summary under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// To append to the text so far.
    pub text: String,
    /// The sentence that this piece completes.
    pub sentence: Option<WrittenSentence>,
}

/// A complete sentence of a summary.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenSentence {
    pub text: String,
    /// What it says that the document may not say.
    pub doubts: Vec<Doubt>,
}

/// A sentence of fewer words is anybody's.
const FEWEST_ECHOED: usize = 4;
/// So many words of the instructions in a row are nobody else's.
const ECHO: usize = 4;
/// So many may be the beginning of that: they wait for what follows.
const SUSPICIOUS: usize = 3;

pub struct Telling {
    length: Length,
    facts: Arc<Facts>,
    /// Words of the instructions, each between spaces.
    instructions: String,
    /// From the beginning of the sentence under way.
    current: String,
    /// Bytes of `current` that were told.
    told: usize,
    sentences: usize,
    words: usize,
}

impl Telling {
    pub fn new(length: Length, facts: Arc<Facts>, instructions: &str) -> Self {
        Telling {
            length,
            facts,
            instructions: spaced(instructions),
            current: String::new(),
            told: 0,
            sentences: 0,
            words: 0,
        }
    }

    /// Whether no more may be told.
    pub fn is_full(&self) -> bool {
        self.sentences >= self.length.sentences.get() || self.words >= self.length.words.get()
    }

    /// Sentences told so far.
    pub fn sentences(&self) -> usize {
        self.sentences
    }

    /// What can be told now that `text` has come.
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        self.current.push_str(text);
        let mut pieces = Vec::new();
        while let Some(end) = self.first_end() {
            if self.is_full() {
                return pieces;
            }
            let rest = self.current.split_off(end);
            pieces.extend(self.complete());
            self.current = rest.trim_start().to_owned();
        }
        if !self.is_full() {
            pieces.extend(self.part());
        }
        pieces
    }

    /// What is left to tell when nothing more comes.
    pub fn finish(&mut self) -> Option<Piece> {
        if self.is_full() {
            return None;
        }
        self.complete()
    }

    /// Where the first sentence ends, once more than white space stands after it.
    fn first_end(&self) -> Option<usize> {
        let start = self.current.len() - self.current.trim_start().len();
        // A line is a sentence, whatever it ends on.
        let line = self.current[start..].find('\n').map(|at| start + at);
        let sentences = segment::sentences(&self.current);
        let sentence = match &sentences[..] {
            [first, _, ..] => Some(first.end),
            _ => None,
        };
        [line, sentence].into_iter().flatten().min()
    }

    /// The sentence under way as a whole, if it may be told.
    fn complete(&mut self) -> Option<Piece> {
        let sentence = std::mem::take(&mut self.current).trim().to_owned();
        let told = std::mem::take(&mut self.told);
        if sentence.is_empty() {
            return None;
        }
        let words = sentence.split_whitespace().count();
        let echoes = self.echoes_instructions(&sentence) && words >= FEWEST_ECHOED;
        let sentence = match (echoes || self.has_echo(&sentence), told) {
            (false, _) => sentence,
            (true, 0) => return None,
            // What was told stays; the rest is not the model's own.
            (true, _) => format!("{}…", sentence.get(..told).unwrap_or_default()),
        };
        // One sentence always, whatever its words.
        if self.sentences > 0 && self.words + words > self.length.words.get() {
            self.words = self.length.words.get();
            return None;
        }
        let gap = if told == 0 && self.sentences > 0 {
            " "
        } else {
            ""
        };
        let text = format!("{gap}{}", sentence.get(told..).unwrap_or_default());
        self.sentences += 1;
        self.words += words;
        Some(Piece {
            text,
            sentence: Some(WrittenSentence {
                doubts: self.facts.doubts(&sentence),
                text: sentence,
            }),
        })
    }

    /// What of the sentence under way can be told before its end: none where words are counted, and
    /// none of what may turn out to be the instructions.
    fn part(&mut self) -> Option<Piece> {
        if self.length.words.get() < usize::MAX {
            return None;
        }
        if self.told == 0 {
            self.current = self.current.trim_start().to_owned();
            if self.echoes_instructions(&self.current) {
                return None;
            }
        }
        if self.may_become_echo() || self.has_echo(&self.current) {
            return None;
        }
        // White space at the end may be the end of the sentence, which is not part of it.
        let end = self.current.trim_end().len();
        let text = self.current.get(self.told..end)?;
        if text.is_empty() {
            return None;
        }
        let gap = if self.told == 0 && self.sentences > 0 {
            " "
        } else {
            ""
        };
        let text = format!("{gap}{text}");
        self.told = end;
        Some(Piece {
            text,
            sentence: None,
        })
    }

    /// Whether the instructions stand in it.
    fn has_echo(&self, sentence: &str) -> bool {
        let words = spaced(sentence);
        let words: Vec<&str> = words.split_whitespace().collect();
        let echoed = |words: &[&str]| {
            self.instructions
                .contains(&format!(" {} ", words.join(" ")))
        };
        words.windows(ECHO).any(echoed)
    }

    /// Whether the last words of the sentence under way are the instructions', or the first ones and
    /// few others have come. The last word may not be whole yet.
    fn may_become_echo(&self) -> bool {
        let words = spaced(&self.current);
        let words: Vec<&str> = words.split_whitespace().collect();
        let echoed = |words: &[&str]| self.instructions.contains(&format!(" {}", words.join(" ")));
        let begins = self.told == 0 && words.len() < ECHO && words.len() > 1 && echoed(&words[..2]);
        let fewest = match self.told {
            0 => SUSPICIOUS - 1,
            _ => SUSPICIOUS,
        };
        let ends = words.len() >= fewest && echoed(&words[words.len() - fewest..]);
        begins || ends
    }

    fn echoes_instructions(&self, text: &str) -> bool {
        let words = spaced(text);
        // The last word may not be whole yet.
        self.instructions.contains(words.trim_end())
    }
}

/// The words of a text in small letters, each between spaces.
fn spaced(text: &str) -> String {
    let lowered = text.to_lowercase();
    let words = lowered
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let mut spaced = String::from(" ");
    for word in words {
        spaced.push_str(word);
        spaced.push(' ');
    }
    spaced
}
