//! Code of a page in the text of an article.

use std::ops::Range;

/// So many plain words in a row are prose, even after something that looks like code.
const PROSE_WORDS: usize = 5;

/// Stretches of page code in a line: from where it opens to the last sign of code after it.
///
/// A stretch with prose in it is not counted as code: what is called code is not translated, and no sentence may be lost.
pub(in crate::article) fn script_spans(line: &str) -> Vec<Range<usize>> {
    const OPENINGS: &[&str] = &[
        "window.",
        "(function(",
        "(function (",
        "function(",
        "document.get",
        "document.write",
        "document.create",
        "googletag.",
        "<script",
        "<style",
        "<iframe",
        "[EMBED ",
        "var _",
        "jQuery(",
        "$(document)",
        "@media ",
        "dataLayer",
        "gtag(",
        "fbq(",
        "!function(",
        "ga('",
    ];
    let mut opens: Vec<usize> = OPENINGS
        .iter()
        .flat_map(|opening| line.match_indices(opening))
        .map(|(at, _)| at)
        .collect();
    if opens.is_empty() {
        return Vec::new();
    }
    opens.sort_unstable();
    let last_sign = last_sign(line);
    let last_bracket = line.rfind(']');
    // Code that opens after the prose is code; code around prose is an article about code.
    let prose_end = last_sign.map_or(0, |end| last_prose(&line[..end]));
    let mut spans = Vec::new();
    let mut from = 0;
    for open in opens {
        // Code that lies inside the code before it.
        if open < from {
            continue;
        }
        let end = match line[open..].starts_with('[') {
            true if last_bracket.is_some_and(|last| open < last) => {
                line[open..].find(']').map(|at| open + at + 1)
            }
            true => None,
            false => last_sign.filter(|&end| prose_end <= open && open < end),
        };
        if let Some(end) = end {
            spans.push(style_start(line, from, open)..end);
            from = end;
        }
    }
    spans
}

/// Where the style begins that a converter left before an embedded player: `=11pt=10.0pt[EMBED …]`.
fn style_start(line: &str, from: usize, open: usize) -> usize {
    let before = &line[from..open];
    let other =
        before.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '=' | 'p' | 't'));
    before[other.len()..]
        .find('=')
        .map_or(open, |at| from + other.len() + at)
}

/// Where the code of a line ends: after its last sign of code.
fn last_sign(line: &str) -> Option<usize> {
    const SIGNS: &[&str] = &["{", "}", "=", "\":", "':", ");", "/>", "</script>"];
    let last = SIGNS
        .iter()
        .filter_map(|sign| line.rfind(sign).map(|at| at + sign.len()))
        .max()?;
    // The value after the last sign belongs to it: "autoplay": false
    let tail = &line[last..];
    let value = tail.trim_start_matches([' ', '"', '\'']);
    let lead = tail.len() - value.len();
    let length = value.find(char::is_whitespace).unwrap_or(value.len());
    let prose = value[..length].starts_with(char::is_uppercase);
    Some(if prose { last } else { last + lead + length })
}

/// Where the last prose of a line ends, in bytes; 0 if it has none.
fn last_prose(line: &str) -> usize {
    let plain = |word: &str| {
        word.chars()
            .all(|c| c.is_alphabetic() || matches!(c, '\'' | '’' | ',' | '.'))
    };
    let mut words = 0;
    let mut end = 0;
    let mut at = 0;
    for word in line.split_inclusive(char::is_whitespace) {
        at += word.len();
        words = match word.trim_end() {
            "" => words,
            word if plain(word) => words + 1,
            _ => 0,
        };
        if words >= PROSE_WORDS {
            end = at;
        }
    }
    end
}

/// Whether a line is code and nothing else.
pub(super) fn is_script(line: &str) -> bool {
    let mut from = 0;
    let mut bare = true;
    let spans = script_spans(line);
    for span in &spans {
        bare &= !line[from..span.start].contains(char::is_alphanumeric);
        from = span.end;
    }
    !spans.is_empty() && bare && !line[from..].contains(char::is_alphanumeric)
}
