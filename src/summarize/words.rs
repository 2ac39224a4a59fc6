//! A sentence as words, with what its form tells.

use std::collections::BTreeSet;

/// The words of one language that the choice needs, in small letters, each list sorted.
pub(super) struct WordLists {
    /// Words that say nothing of the subject.
    pub function_words: &'static [&'static str],
    /// First words that lean on an earlier sentence: connectives, and pronouns whose antecedent would be missing.
    pub leaning_openings: &'static [&'static str],
    /// Words of a speaker and of whom he speaks to. `m` and `me` are not among them: they abbreviate Monsieur and Maître.
    pub speaker_words: &'static [&'static str],
}

/// What the summariser knows of one sentence.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// All words, in order, in small letters; apostrophes and hyphens separate.
    pub all: Vec<String>,
    /// Without function words and single letters.
    pub content: Vec<String>,
    /// As [`count`] counts them.
    pub count: usize,
    /// Share of the characters that stand inside quotation marks, 0 to 1.
    pub quoted: f32,
    /// A quotation opens or closes elsewhere.
    pub broken_quotation: bool,
    /// Asks or exclaims.
    pub calls_out: bool,
    pub leans_on_earlier: bool,
    /// Speaks as `je`, `nous`, `vous`.
    pub has_speaker: bool,
    /// Runs of digits.
    pub numbers: usize,
}

impl Words {
    pub(super) fn of(sentence: &str, lists: &WordLists) -> Words {
        let all = split(sentence);
        let is_in = |list: &[&str], word: &String| list.binary_search(&word.as_str()).is_ok();
        let content = all
            .iter()
            .filter(|word| word.chars().nth(1).is_some() && !is_in(lists.function_words, word));
        let (quoted, broken_quotation) = quotation(sentence);
        Words {
            content: content.cloned().collect(),
            count: count(sentence),
            quoted,
            broken_quotation,
            calls_out: sentence
                .trim_end_matches([' ', '\u{A0}', '\u{202F}', '»', '"', '”'])
                .ends_with(['?', '!']),
            leans_on_earlier: all
                .first()
                .is_some_and(|word| is_in(lists.leaning_openings, word)),
            has_speaker: all.iter().any(|word| is_in(lists.speaker_words, word)),
            numbers: sentence
                .split(|c: char| !c.is_ascii_digit())
                .filter(|run| !run.is_empty())
                .count(),
            all,
        }
    }

    /// Cosine of the sets of content words, 0 to 1.
    pub(super) fn overlap(&self, other: &Words) -> f32 {
        let one: BTreeSet<&String> = self.content.iter().collect();
        let two: BTreeSet<&String> = other.content.iter().collect();
        let shared = one.intersection(&two).count() as f32;
        shared / ((one.len() * two.len()) as f32).sqrt().max(1.0)
    }
}

/// How many words a reader counts: what white space separates and holds a letter or digit.
pub(super) fn count(sentence: &str) -> usize {
    sentence
        .split_whitespace()
        .filter(|word| word.contains(char::is_alphanumeric))
        .count()
}

fn split(sentence: &str) -> Vec<String> {
    let words = sentence.split(|c: char| !c.is_alphanumeric() && c != '_');
    words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// The share of characters inside quotation marks, and whether some mark lacks its partner.
fn quotation(sentence: &str) -> (f32, bool) {
    let (mut inside, mut open, mut all) = (0, false, 0);
    let (mut guillemets, mut curly, mut straight) = (0_i32, 0_i32, 0_i32);
    for c in sentence.chars() {
        all += 1;
        match c {
            '«' => (open, guillemets) = (true, guillemets + 1),
            '»' => (open, guillemets) = (false, guillemets - 1),
            '“' => (open, curly) = (true, curly + 1),
            '”' => (open, curly) = (false, curly - 1),
            '"' => (open, straight) = (!open, straight + 1),
            _ => inside += i32::from(open),
        }
    }
    let broken = guillemets != 0 || curly != 0 || straight % 2 != 0;
    (inside as f32 / all.max(1) as f32, broken)
}

#[cfg(test)]
mod test {
    use super::{super::french::FRENCH, *};

    #[test]
    fn form_is_read_from_the_sentence() {
        let of = |text| Words::of(text, &FRENCH);
        assert!(of("Mais le traité tient.").leans_on_earlier);
        assert!(of("Cela inquiète l'Occident.").leans_on_earlier);
        assert!(!of("Le traité tient.").leans_on_earlier);
        assert!(of("Nous partons demain.").has_speaker);
        assert!(!of("M. Poutine a reçu Me Moser.").has_speaker);
        assert!(of("Et la capitale de l’Iran ?").calls_out);
        assert!(of("« Partez ! »").calls_out);
        assert!(!of("Il est parti.").calls_out);
        assert_eq!(of("En 2013, 1 500 élus, soit 4,5 %.").numbers, 5);
        assert_eq!(of("L'Iran n'a pas signé.").content, ["iran", "signé"]);
    }

    #[test]
    fn quotations_are_measured_and_their_halves_noticed() {
        for (text, share, broken) in [
            ("abcd", 0.0, false),
            ("\"ab\"", 0.5, false),
            ("«ab»", 0.5, false),
            ("“ab”", 0.5, false),
            ("ab\"cd", 0.4, true),
            ("«abc", 0.75, true),
            ("abc»", 0.0, true),
            ("", 0.0, false),
        ] {
            assert_eq!(quotation(text), (share, broken), "{text}");
        }
    }

    #[test]
    fn words_are_counted_as_readers_count_them() {
        for (text, words) in [
            ("", 0),
            (" – ! ", 0),
            ("l'Iran", 1),
            ("Dit-il : « oui » .", 2),
        ] {
            assert_eq!(count(text), words, "{text}");
        }
    }
}
