//! Text without any model: what the rest of the service needs to know about an article before and after translation.
//!
//! In the order in which a text passes:
//! - [`characters`]: which characters a text may hold; the invisible ones that a model cannot read
//! - [`language`]: BCP-47 tags, and which language a text is in
//! - [`document`]: a text as blocks and sentences, and back again with translations in their place
//! - `layout`: lines into blocks; hard-wrapped paragraphs are recognised here
//! - `residue`: lines that a web page left in the article (source lines, counters, teasers, scripts)
//! - [`segment`]: a block into sentences, by the rules of French
//! - [`protect`]: URLs, addresses, handles and the like, which no one may split or translate
//! - [`numbers`]: the numbers of a text, whichever way they are written
//! - [`clauses`]: a sentence that is too long for a model into pieces that fit

pub mod characters;
pub mod clauses;
pub mod document;
pub mod language;
mod layout;
pub mod numbers;
pub mod protect;
mod residue;
pub mod segment;

pub use characters::{Checked, TextError, check, strip_invisible};
pub use clauses::split_to_fit;
pub use document::{Block, BlockKind, Document, Sentence};
pub use language::{Detected, Language, LanguageError, detect};
pub use protect::protected_spans;
pub use residue::Residue;
