//! What the choice of sentences knows of French. Everything else in the summariser knows no language.

use super::words::WordLists;

/// Small letters, straight to look up: each list is sorted.
#[rustfmt::skip]
pub(super) const FRENCH: WordLists = WordLists {
    function_words: &[
        "a", "afin", "ai", "ainsi", "alors", "après", "as", "au", "aura", "auraient", "aurait",
        "auront", "aussi", "autre", "autres", "aux", "avaient", "avait", "avant", "avec",
        "avoir", "ayant", "bien", "c", "car", "ce", "ceci", "cela", "celle", "celles", "celui",
        "ces", "cet", "cette", "ceux", "chez", "ci", "comme", "contre", "d", "dans", "de",
        "depuis", "des", "deux", "doit", "doivent", "donc", "dont", "du", "déjà", "elle",
        "elles", "en", "encore", "entre", "est", "et", "eux", "faire", "fait", "il", "ils",
        "j", "je", "jusqu", "l", "la", "le", "les", "leur", "leurs", "lorsque", "lui", "là",
        "m", "ma", "mais", "me", "mes", "moi", "mon", "même", "n", "ne", "ni", "non", "nos",
        "notre", "nous", "on", "ont", "or", "ou", "oui", "où", "par", "pas", "pendant", "peut",
        "peuvent", "plus", "pour", "puis", "qu", "quand", "que", "qui", "quoi", "s", "sa",
        "sans", "se", "selon", "sera", "seraient", "serait", "seront", "ses", "si", "son",
        "sont", "sous", "sur", "t", "ta", "te", "tes", "toi", "ton", "tous", "tout", "toute",
        "toutes", "très", "tu", "un", "une", "vers", "vos", "votre", "vous", "y", "à", "ça",
        "étaient", "était", "étant", "été", "être",
    ],
    leaning_openings: &[
        "ailleurs", "ainsi", "alors", "aussi", "autrement", "bref", "c", "car", "ce", "ceci",
        "cela", "celle", "celles", "celui", "cependant", "ces", "cet", "cette", "ceux", "donc",
        "elle", "elles", "enfin", "ensuite", "et", "il", "ils", "leur", "lui", "mais",
        "néanmoins", "on", "or", "ou", "pourtant", "puis", "quant", "reste", "résultat", "sa",
        "ses", "sinon", "son", "surtout", "toutefois", "ça", "également",
    ],
    speaker_words: &[
        "j", "je", "ma", "mes", "moi", "mon", "nos", "notre", "nous", "ta", "tes", "ton", "tu",
        "vos", "votre", "vous",
    ],
};

#[cfg(test)]
mod test {
    use super::FRENCH;

    #[test]
    fn lists_are_sorted_for_binary_search() {
        for list in [
            FRENCH.function_words,
            FRENCH.leaning_openings,
            FRENCH.speaker_words,
        ] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }
}
