//! Which characters a text may hold.
//!
//! Control characters are refused: they come from binary data or broken decoding, and a model reads them as noise.
//! Invisible format characters are legal and common in text copied from the web; they are counted, so that the caller
//! can warn, and stripped from what a model reads.

use std::borrow::Cow;

#[cfg(test)]
mod test;

/// Why a text cannot be translated or summarised.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// No character that can be seen: empty, or white space and invisible characters only.
    #[error("the text is empty: send at least one visible character")]
    Empty,
    /// A C0 or C1 control character other than tab, line feed, carriage return and form feed.
    #[error("the text holds the control character U+{code_point:04X} at byte {offset}: remove it")]
    Control {
        /// Bytes from the start of the text.
        offset: usize,
        /// The Unicode scalar value.
        code_point: u32,
    },
}

/// What [`check`] found in a text that may be processed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Invisible format characters in the text, in characters. [`strip_invisible`] removes them.
    pub invisible: usize,
}

/// Accepts a text, or says why not.
///
/// A form feed is accepted: text taken from a PDF has one between pages. [`Document`](super::Document) reads it as a line
/// break.
///
/// # Errors
/// [`TextError::Control`] for the first control character, [`TextError::Empty`] if nothing can be seen.
pub fn check(text: &str) -> Result<Checked, TextError> {
    let mut invisible = 0;
    let mut visible = false;
    for (offset, c) in text.char_indices() {
        if c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{0C}') {
            let code_point = u32::from(c);
            return Err(TextError::Control { offset, code_point });
        }
        if is_invisible(c) {
            invisible += 1;
        } else if !c.is_whitespace() {
            visible = true;
        }
    }
    match visible {
        true => Ok(Checked { invisible }),
        false => Err(TextError::Empty),
    }
}

/// The text without invisible format characters; borrowed when it has none.
pub fn strip_invisible(text: &str) -> Cow<'_, str> {
    match text.contains(is_invisible) {
        true => Cow::Owned(text.chars().filter(|&c| !is_invisible(c)).collect()),
        false => Cow::Borrowed(text),
    }
}

/// A format character that changes nothing that a reader sees in a left-to-right text.
///
/// The joiners U+200C and U+200D are not among them: emoji and the Indic and Arabic scripts are spelt with them.
pub fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'                     // soft hyphen
        | '\u{200B}'                   // zero-width space
        | '\u{200E}' | '\u{200F}'      // left-to-right and right-to-left marks
        | '\u{202A}'..='\u{202E}'      // bidirectional embeddings and overrides
        | '\u{2060}'..='\u{2064}'      // word joiner, invisible operators
        | '\u{2066}'..='\u{206F}'      // bidirectional isolates, deprecated format characters
        | '\u{FDD0}'..='\u{FDEF}'      // noncharacters
        | '\u{FEFF}'                   // byte order mark
        | '\u{FFF9}'..='\u{FFFB}' // interlinear annotations
    )
}
