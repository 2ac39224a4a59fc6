//! Extractive summaries: which sentences of an article say best what it says.
//!
//! Nothing is written anew: a summary is sentences of the article, unchanged, in the article's order. The vectors come
//! from a translation encoder (the mean over its states): `summarizer` fetches them, all else is pure arithmetic.
//!
//! In the order in which a document passes:
//! - `summarizer`: what requests ask for
//! - [`candidates`]: the sentences that a summary may quote
//! - `words`: a sentence as words, with what its form tells (quotations, questions, speakers, numbers)
//! - `french`: the lists that depend on the language
//! - `similarity`: how much two sentences share, from vectors and from words
//! - `centrality`: how much a sentence shares with all others (LexRank)
//! - `ranking`: the signs weighed into one score per sentence
//! - `choice`: the best ones that do not repeat each other (MMR), within the length

pub mod abstractive;
mod centrality;
mod choice;
mod french;
mod ranking;
mod similarity;
mod summarizer;
#[cfg(test)]
mod test;
mod words;

use crate::article::{BlockKind, Document, Sentence};
pub use summarizer::summarize;

use ranking::Ranking;
use similarity::Similarity;
use std::{num::NonZeroUsize, ops::Range};
use words::Words;

/// How long a summary may be: both limits hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    pub sentences: NonZeroUsize,
    /// Words over all sentences, yet always one sentence: the shortest, if none fits.
    ///
    /// A word is what white space separates and holds a letter or digit: `l'Iran` is one.
    pub words: NonZeroUsize,
}

impl Length {
    /// So many sentences of any length.
    pub fn sentences(sentences: NonZeroUsize) -> Self {
        Length {
            sentences,
            words: NonZeroUsize::MAX,
        }
    }

    /// Tokens that a summary of this length has at the most: three times what is usual.
    pub fn most_tokens(&self) -> usize {
        let sentences = self.sentences.get().saturating_mul(TOKENS_PER_SENTENCE);
        sentences.min(self.words.get().saturating_mul(TOKENS_PER_WORD))
    }

    /// As many sentences as have so many words.
    pub fn words(words: NonZeroUsize) -> Self {
        Length {
            sentences: NonZeroUsize::MAX,
            words,
        }
    }
}

/// One sentence of a summary, as it stands in the article.
#[derive(Clone, Debug, PartialEq)]
pub struct SummarySentence {
    /// Position among the document's sentences.
    pub index: usize,
    /// Bytes in the document's text.
    pub span: Range<usize>,
    pub text: String,
    /// How much the sentence says of what the article says: 0 to 1, comparable within a document. It does not depend
    /// on which other sentences were chosen.
    pub score: f32,
}

/// Three times what is usual.
const TOKENS_PER_SENTENCE: usize = 120;
const TOKENS_PER_WORD: usize = 6;

/// Fewer words are an exclamation or a fragment: no statement for a summary.
const FEWEST_WORDS: usize = 5;

/// The sentences that a summary may quote, by position among [`Document::sentences`], ascending.
///
/// These are the sentences of the article's prose that have at least five words: no title, subheading or web residue.
/// A document without any is summarised by what it has: short prose, or else headings, or else residue.
pub fn candidates(document: &Document) -> Vec<usize> {
    let sentences: Vec<(BlockKind, &Sentence)> = document
        .blocks()
        .iter()
        .flat_map(|block| {
            block
                .sentences
                .iter()
                .map(|sentence| (block.kind, sentence))
        })
        .collect();
    let fits = |fitness: Fitness, kind: BlockKind, sentence: &Sentence| match fitness {
        Fitness::Prose => kind == BlockKind::Prose && words::count(&sentence.text) >= FEWEST_WORDS,
        Fitness::ShortProse => kind == BlockKind::Prose,
        Fitness::Heading => kind == BlockKind::Heading,
        Fitness::Anything => true,
    };
    [
        Fitness::Prose,
        Fitness::ShortProse,
        Fitness::Heading,
        Fitness::Anything,
    ]
    .into_iter()
    .map(|fitness| {
        let fitting = sentences
            .iter()
            .enumerate()
            .filter(|(_, (kind, sentence))| fits(fitness, *kind, sentence));
        fitting.map(|(index, _)| index).collect::<Vec<_>>()
    })
    .find(|found| !found.is_empty())
    .unwrap_or_default()
}

/// What a summary quotes, the best first.
#[derive(Clone, Copy)]
enum Fitness {
    Prose,
    ShortProse,
    Heading,
    Anything,
}

/// The sentences of the summary, in the article's order.
///
/// `vectors` has one for each of `candidates`, in the same order, all of one length. A vector that is missing or not
/// finite counts as zero: its sentence is judged by its words alone. Never more than `length` allows; fewer where there
/// are fewer candidates, or where they repeat each other word for word. The same input gives the same summary; what is
/// equal is decided for the earlier sentence.
///
/// Time grows linearly with the number of candidates, memory with the text: see `centrality` and `choice` for the bounds.
pub fn select(
    document: &Document,
    candidates: &[usize],
    vectors: &[Vec<f32>],
    length: Length,
) -> Vec<SummarySentence> {
    let sentences: Vec<&Sentence> = document.sentences().collect();
    let (candidates, sentences): (Vec<usize>, Vec<&Sentence>) = candidates
        .iter()
        .filter_map(|&index| Some((index, *sentences.get(index)?)))
        .unzip();
    let words: Vec<Words> = sentences
        .iter()
        .map(|sentence| Words::of(&sentence.text, &french::FRENCH))
        .collect();
    let similarity = Similarity::new(&words, vectors);
    let ranking = Ranking::new(&words, &similarity, title(document).as_ref());
    let mut chosen = choice::choose(&words, ranking.values(), &similarity, length);
    chosen.sort_unstable();
    let quote = |at: usize| SummarySentence {
        index: candidates[at],
        span: sentences[at].span.clone(),
        text: sentences[at].text.clone(),
        score: ranking.score(at),
    };
    chosen.into_iter().map(quote).collect()
}

/// The headline, if the document opens with one.
fn title(document: &Document) -> Option<Words> {
    let first = document
        .blocks()
        .iter()
        .find(|block| !block.sentences.is_empty())?;
    let headline = (first.kind == BlockKind::Heading)
        .then(|| first.sentences.first())
        .flatten()?;
    Some(Words::of(&headline.text, &french::FRENCH))
}
