use super::*;

#[test]
fn a_word_with_unknown_letters_is_matched_by_what_it_has() {
    let cases = [
        ("Moli\u{fdd0}re", "Molière", true),
        ("\u{fdd0}koda", "Škoda", true),
        ("\u{fdd0}", "Škoda", true),
        ("Mil\u{fdd0}", "Miloš", true),
        ("Moli\u{fdd0}re", "Moliere", true),
        ("Moli\u{fdd0}re", "Molre", false),
        ("\u{fdd0}koda", "koda", false),
        ("Mil\u{fdd0}", "Marie", false),
    ];
    for (written, candidate, expected) in cases {
        assert_eq!(
            matches_around_unknown(written, candidate),
            expected,
            "{written} {candidate}"
        );
    }
}
