use super::{words::roman_value, *};

fn digits(text: &str, writing: Writing) -> Vec<String> {
    numbers(text, writing)
        .into_iter()
        .map(|number| number.digits)
        .collect()
}

#[test]
fn each_language_groups_numbers_in_its_own_way() {
    let french: &[(&str, &[&str])] = &[
        ("12 345 habitants", &["12345"]),
        ("1\u{202f}040 km et 2\u{a0}500 m", &["1040", "2500"]),
        ("2.600 passagers, 1.000.000 de voix", &["2600", "1000000"]),
        ("1,5 million", &["15"]),
        ("à 14 h 30, 9h05 et 7 heures", &["1430", "905", "7"]),
        ("de 10 à 20 ans", &["10", "20"]),
        ("le 17 janvier 2024", &["17", "2024"]),
        ("120–160 et 1469-1539", &["120", "160", "1469", "1539"]),
        ("en 2013 500 personnes", &["2013", "500"]),
        ("aucun", &[]),
    ];
    for (text, expected) in french {
        assert_eq!(digits(text, Writing::Comma), *expected, "{text}");
    }
    let english: &[(&str, &[&str])] = &[
        ("12,345 inhabitants", &["12345"]),
        ("1.5 million", &["15"]),
        ("at 14:30 and 9.05", &["1430", "905"]),
        ("10, 20 and 30", &["10", "20", "30"]),
    ];
    for (text, expected) in english {
        assert_eq!(digits(text, Writing::Point), *expected, "{text}");
    }
}

#[test]
fn words_and_roman_numerals_count_as_numbers() {
    let cases = [
        ("3", "three cats", "en", true),
        ("3", "four cats", "en", false),
        ("19", "au XIXe siècle", "fr", true),
        ("25", "vingt-cinq personnes", "fr", true),
        ("25", "des personnes", "fr", false),
        ("25", "vinte e cinco", "pt", true),
        ("2025", "este ano", "pt", false),
    ];
    for (digits, text, language, expected) in cases {
        assert_eq!(
            said_in_words(digits, text, language),
            expected,
            "{digits} in {text}"
        );
    }
    for (numeral, value) in [
        ("XIV", Some(14)),
        ("XXe", Some(20)),
        ("Ier", Some(1)),
        ("MCMXCIX", Some(1999)),
        ("Le", None),
        ("chat", None),
    ] {
        assert_eq!(roman_value(numeral), value, "{numeral}");
    }
}

#[test]
fn a_number_is_written_as_the_other_language_writes_it() {
    let cases = [
        ("12 345", "12,345"),
        ("2.600", "2,600"),
        ("1,5", "1.5"),
        ("1 234,56", "1,234.56"),
        ("14 h 30", "14:30"),
        ("2013", "2013"),
    ];
    for (french, english) in cases {
        assert_eq!(
            numbers(french, Writing::Comma)[0].written(Writing::Point),
            english
        );
    }
    assert_eq!(
        numbers("1,234.5", Writing::Point)[0].written(Writing::Comma),
        "1.234,5"
    );
}
