//! Text into words, within which byte pairs are merged. Which way depends on the model; the names
//! are those of `tokenizer.ggml.pre`.

use fancy_regex::Regex;

/// A way to split.
pub struct Split {
    /// Each splits what the one before left.
    stages: Vec<Regex>,
    /// A word that is a piece as a whole is that piece, whatever the merges say.
    pub whole_words: WholeWords,
    pub form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WholeWords {
    Merged,
    Kept,
}

/// What is done to the text first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    AsItIs,
    /// Canonically composed (NFC).
    Composed,
}

/// GPT-2's words: contractions, letters, digits and other signs, each with one space before them.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const DIGIT: &str = r"\p{N}";
/// Llama 3's, with up to three digits.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The same with one digit.
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Names, stages, and what else they do.
const KNOWN: [(&str, &[&str], WholeWords, Form); 5] = [
    ("gpt-2", &[GPT2], WholeWords::Merged, Form::AsItIs),
    ("smollm", &[DIGIT, GPT2], WholeWords::Merged, Form::AsItIs),
    ("llama-bpe", &[LLAMA3], WholeWords::Kept, Form::AsItIs),
    ("qwen2", &[QWEN2], WholeWords::Merged, Form::Composed),
    (
        "deepseek-r1-qwen",
        &[QWEN2],
        WholeWords::Merged,
        Form::Composed,
    ),
];

impl Split {
    /// # Errors
    /// It is none of those that are known; the message names them.
    pub fn named(name: &str) -> Result<Self, String> {
        let Some((_, stages, whole_words, form)) = KNOWN.iter().find(|known| known.0 == name)
        else {
            return Err(format!(
                "its text is split into words in the way {name:?} (tokenizer.ggml.pre); known are {}",
                KNOWN.map(|known| known.0).join(", ")
            ));
        };
        let stages = stages.iter().map(|stage| Regex::new(stage));
        Ok(Split {
            stages: stages
                .collect::<Result<_, _>>()
                .map_err(|e| e.to_string())?,
            whole_words: *whole_words,
            form: *form,
        })
    }

    /// The words, which are the whole text in its order.
    pub fn words<'t>(&self, text: &'t str) -> Vec<&'t str> {
        self.stages.iter().fold(vec![text], |parts, stage| {
            parts
                .into_iter()
                .flat_map(|part| matches_and_gaps(stage, part))
                .collect()
        })
    }
}

fn matches_and_gaps<'t>(regex: &Regex, text: &'t str) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let mut end = 0;
    // A search that gives up (on pathological text) leaves the rest as one word.
    for found in regex.find_iter(text).map_while(Result::ok) {
        parts.extend([&text[end..found.start()], found.as_str()]);
        end = found.end();
    }
    parts.push(&text[end..]);
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn words_are_those_of_each_way() {
        let text = "L'été  2024, it's 12°C!\n\n ok";
        for (name, expected) in [
            (
                "gpt-2",
                vec![
                    "L", "'", "été", " ", " 2024", ",", " it", "'s", " 12", "°", "C", "!", "\n\n",
                    " ok",
                ],
            ),
            (
                "smollm",
                vec![
                    "L", "'", "été", "  ", "2", "0", "2", "4", ",", " it", "'s", " ", "1", "2",
                    "°", "C", "!", "\n\n", " ok",
                ],
            ),
            (
                "llama-bpe",
                vec![
                    "L", "'été", " ", " ", "202", "4", ",", " it", "'s", " ", "12", "°C", "!\n\n",
                    " ok",
                ],
            ),
            (
                "qwen2",
                vec![
                    "L", "'été", " ", " ", "2", "0", "2", "4", ",", " it", "'s", " ", "1", "2",
                    "°C", "!\n\n", " ok",
                ],
            ),
        ] {
            assert_eq!(Split::named(name).unwrap().words(text), expected, "{name}");
        }
    }

    #[test]
    fn no_byte_of_a_text_is_lost() {
        let text = "\u{301}a\r\n\t 🦊🦊  x1y٢ـ ’s 'S\u{a0}\u{2028}end ";
        for (name, ..) in KNOWN {
            assert_eq!(Split::named(name).unwrap().words(text).concat(), text);
        }
    }
}
