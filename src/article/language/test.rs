use super::*;
use proptest::prelude::*;

#[test]
fn tags_are_read_in_any_case_and_written_in_one() {
    let table = [
        ("FR", "fr"),
        ("fra", "fr"),
        ("ger-at", "de-AT"),
        ("pt-br", "pt-BR"),
        ("ZH-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("sl-Rozaj-1994", "sl-rozaj-1994"),
        ("zh-yue-HK", "zh-yue-HK"),
        ("de-DE-u-CO-phonebk-x-Foo", "de-DE-u-co-phonebk-x-foo"),
        ("und-cyrl", "und-Cyrl"),
        ("x-Maison", "x-maison"),
        ("haw", "haw"),
    ];
    for (given, canonical) in table {
        assert_eq!(Language::parse(given).unwrap().to_string(), canonical);
    }
}

#[test]
fn a_malformed_tag_is_named_with_an_example() {
    assert_eq!(Language::parse(""), Err(LanguageError::Empty));
    for tag in [
        "f",
        "fr_FR",
        "français",
        "fr-",
        "-fr",
        "fr--FR",
        "fr-F",
        "fr-FR-FR",
        "fr-FR-Latn",
        "fr-toolongsub",
        "12",
        "fr FR",
        "fr\0",
        "de-u",
        "x",
        "de-1996-1996",
        "en-a-bb-a-cc",
        "*",
    ] {
        let error = Language::parse(tag).unwrap_err();
        assert!(matches!(error, LanguageError::Malformed { .. }), "{tag}");
        let message = error.to_string();
        assert!(
            message.contains(&tag.escape_debug().to_string()) && message.contains("pt-BR"),
            "{message}"
        );
    }
}

#[test]
fn the_primary_subtag_is_the_language() {
    assert_eq!(Language::parse("pt-BR").unwrap().primary(), "pt");
    assert_eq!(Language::FRENCH.primary(), "fr");
    assert_eq!("fr".parse(), Ok(Language::FRENCH));
    assert!(Language::parse("UND-Cyrl").unwrap().is_undetermined());
}

#[test]
fn a_language_has_an_english_name() {
    let name = |tag: &str| Language::parse(tag).unwrap().english_name();
    let names = ["fr", "pt-BR", "zh-Hans", "vi", "xx"].map(name);
    assert_eq!(
        names,
        ["French", "Portuguese", "Mandarin", "Vietnamese", "xx"]
    );
}

#[test]
fn a_language_is_told_by_few_words() {
    let table = [
        ("Le président russe a reçu son homologue iranien", "fr"),
        ("Comment ça va ?", "fr"),
        ("The Russian president met his counterpart", "en"),
        (
            "Der russische Präsident hat seinen Kollegen empfangen",
            "de",
        ),
        ("El presidente ruso se reunió con su homólogo", "es"),
        ("Il presidente russo ha ricevuto il suo omologo", "it"),
        ("De Russische president heeft zijn collega ontvangen", "nl"),
        (
            "Prezydent Rosji przyjął swojego odpowiednika na Kremlu",
            "pl",
        ),
        ("O presidente russo recebeu o seu homólogo no Kremlin", "pt"),
        ("Президент России принял своего коллегу в Кремле", "ru"),
        (
            "Tổng thống Nga đã tiếp người đồng cấp tại Điện Kremlin",
            "vi",
        ),
        ("俄罗斯总统在克里姆林宫会见了伊朗总统", "zh"),
        ("الرئيس الروسي يستقبل نظيره الإيراني", "ar"),
    ];
    for (text, expected) in table {
        let found = detect(text);
        assert_eq!(
            found.first().map(|best| best.language.as_str()),
            Some(expected),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn addresses_and_numbers_say_nothing_about_the_language() {
    for text in [
        "",
        "12 345",
        "https://www.lemonde.fr/international",
        "@lemonde #MeToo",
        "--- ***",
    ] {
        assert_eq!(detect(text), [], "{text}");
    }
    let text =
        "https://www.example.com/the/president/of/the/country Le président a parlé hier soir";
    assert_eq!(detect(text)[0].language, Language::FRENCH);
}

proptest! {
    #[test]
    fn detection_is_sorted_and_sums_to_one(text in "\\PC{0,40}") {
        let found = detect(&text);
        prop_assert!(found.is_sorted_by(|a, b| a.confidence >= b.confidence));
        let sum: f32 = found.iter().map(|detected| detected.confidence).sum();
        prop_assert!(found.is_empty() || (sum - 1.0).abs() < 1e-3);
    }

    #[test]
    fn canonical_tags_are_stable(tag in "[a-zA-Z]{2,3}(-[A-Za-z]{4})?(-[A-Za-z]{2})?(-[0-9a-z]{5,8})?") {
        let once = Language::parse(&tag).unwrap();
        prop_assert_eq!(Language::parse(once.as_str()), Ok(once.clone()));
    }
}
