//! Numbers in words: which digits a word may stand for, and Roman numerals.

/// Small numbers and the words that may stand for them.
pub struct Words {
    table: &'static [(&'static str, &'static [&'static str])],
    /// Whether any number word may be a part of any number below a hundred (vingt-cinq), for
    /// compounds are not taken apart.
    compounds: bool,
}

impl Words {
    /// None for a language whose number words are not known here.
    pub fn of(language: &str) -> Option<Self> {
        match language {
            "en" => Some(Words {
                table: ENGLISH,
                compounds: true,
            }),
            "fr" => Some(Words {
                table: FRENCH,
                compounds: true,
            }),
            _ => None,
        }
    }

    fn say(&self, digits: &str, text: &str) -> bool {
        match self.table.iter().find(|(number, _)| *number == digits) {
            Some((_, words)) => has_word(text, words.iter()),
            None => {
                self.compounds
                    && digits.len() <= 2
                    && has_word(text, self.table.iter().flat_map(|(_, words)| *words))
            }
        }
    }
}

/// Whether the number may be in the text in words. In a language without a list, any number of one
/// or two digits may.
pub fn said_in_words(digits: &str, text: &str, language: &str) -> bool {
    let roman = |word: &str| roman_value(word).is_some_and(|value| value.to_string() == digits);
    text.split(|c: char| !c.is_alphabetic()).any(roman)
        || Words::of(language).map_or(digits.len() <= 2, |words| words.say(digits, text))
}

const ENGLISH: &[(&str, &[&str])] = &[
    ("1", &["one", "first", "a", "an", "once"]),
    ("2", &["two", "second", "twice"]),
    ("3", &["three", "third"]),
    ("4", &["four", "fourth"]),
    ("5", &["five", "fifth"]),
    ("6", &["six", "sixth"]),
    ("7", &["seven", "seventh"]),
    ("8", &["eight", "eighth"]),
    ("9", &["nine", "ninth"]),
    ("10", &["ten", "tenth"]),
    ("11", &["eleven", "eleventh"]),
    ("12", &["twelve", "twelfth", "noon"]),
    ("15", &["fifteen", "fifteenth"]),
    ("20", &["twenty", "twentieth"]),
    ("30", &["thirty"]),
    ("50", &["fifty"]),
    ("100", &["hundred"]),
    ("1000", &["thousand"]),
];

const FRENCH: &[(&str, &[&str])] = &[
    ("1", &["un", "une", "premier", "première"]),
    ("2", &["deux", "deuxième", "second", "seconde"]),
    ("3", &["trois", "troisième"]),
    ("4", &["quatre", "quatrième"]),
    ("5", &["cinq", "cinquième"]),
    ("6", &["six", "sixième"]),
    ("7", &["sept", "septième"]),
    ("8", &["huit", "huitième"]),
    ("9", &["neuf", "neuvième"]),
    ("10", &["dix", "dixième", "dizaine"]),
    ("11", &["onze", "onzième"]),
    ("12", &["douze", "douzième", "midi", "douzaine"]),
    ("13", &["treize"]),
    ("14", &["quatorze"]),
    ("15", &["quinze", "quinzaine"]),
    ("16", &["seize"]),
    ("20", &["vingt", "vingtaine"]),
    ("30", &["trente", "trentaine"]),
    ("40", &["quarante"]),
    ("50", &["cinquante", "cinquantaine"]),
    ("60", &["soixante"]),
    ("100", &["cent", "cents", "centaine", "centaines"]),
    ("1000", &["mille", "millier", "milliers"]),
];

fn has_word<'a>(text: &str, words: impl Iterator<Item = &'a &'static str> + Clone) -> bool {
    text.split(|c: char| !c.is_alphabetic())
        .any(|said| words.clone().any(|word| said.eq_ignore_ascii_case(word)))
}

/// Of a Roman numeral in capitals, with the ending of an ordinal (`XIXe`, `Ier`) or without.
pub fn roman_value(word: &str) -> Option<u32> {
    let numeral = word.trim_end_matches(|c: char| c.is_lowercase());
    let ending = &word[numeral.len()..];
    // One letter of these is a French word's (Le, Ce, De, Me) before it is a number's.
    if numeral.is_empty()
        || matches!(numeral, "L" | "C" | "D" | "M")
        || numeral.len() == 1 && ending.is_empty()
        || !matches!(
            ending,
            "" | "e" | "er" | "re" | "ème" | "th" | "st" | "nd" | "rd"
        )
    {
        return None;
    }
    let letter = |c| {
        [
            ('I', 1),
            ('V', 5),
            ('X', 10),
            ('L', 50),
            ('C', 100),
            ('D', 500),
            ('M', 1000),
        ]
        .iter()
        .find(|(l, _)| *l == c)
    };
    let mut total: u32 = 0;
    let mut greatest = 0;
    for c in numeral.chars().rev() {
        let (_, value) = letter(c)?;
        if *value < greatest {
            total = total.checked_sub(*value)?;
        } else {
            total += value;
            greatest = *value;
        }
    }
    Some(total)
}
