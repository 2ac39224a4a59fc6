use super::*;
use proptest::prelude::*;

fn found(text: &str) -> Vec<&str> {
    protected_spans(text)
        .into_iter()
        .map(|span| &text[span])
        .collect()
}

#[test]
fn addresses_are_found_without_the_punctuation_around_them() {
    let table: &[(&str, &[&str])] = &[
        (
            "Source : https://thanhnien.vn/nga-iran.htm",
            &["https://thanhnien.vn/nga-iran.htm"],
        ),
        (
            "Voir https://a.fr/b?c=d&e=f#g.",
            &["https://a.fr/b?c=d&e=f#g"],
        ),
        (
            "(voir http://a.fr/b) et « https://a.fr/c ».",
            &["http://a.fr/b", "https://a.fr/c"],
        ),
        ("«https://a.fr/c»", &["https://a.fr/c"]),
        (
            "https://fr.wikipedia.org/wiki/Iran_(pays), dit-il",
            &["https://fr.wikipedia.org/wiki/Iran_(pays)"],
        ),
        ("un site (www.snu.gouv.fr) a été", &["www.snu.gouv.fr"]),
        ("lire thanhnien.vn/abc.", &["thanhnien.vn/abc"]),
        ("une pétition sur change.org soutenue", &["change.org"]),
        ("l'adresse d'orange.fr", &["orange.fr"]),
        (
            "écrire à jean.dupont+x@ouest-france.fr.",
            &["jean.dupont+x@ouest-france.fr"],
        ),
        (
            "selon @Anne_Hidalgo, #MeToo et (#bioéthique)",
            &["@Anne_Hidalgo", "#MeToo", "#bioéthique"],
        ),
        (
            "dans /usr/local/bin ou C:\\Temp\\a ou ./x.sh",
            &["/usr/local/bin", "C:\\Temp\\a", "./x.sh"],
        ),
        ("le fichier rapport_2024.pdf, joint", &["rapport_2024.pdf"]),
        (
            "appelez `f(x)` ou std::mem ou max_len ou run().",
            &["`f(x)`", "std::mem", "max_len", "run()"],
        ),
    ];
    for (text, expected) in table {
        assert_eq!(&found(text), expected, "{text}");
    }
}

#[test]
fn ordinary_words_are_not_protected() {
    for text in [
        "visiter Venise.Selon le quotidien",
        "et/ou 90 km/h, 24h/24, M./Mme, a.m./p.m.",
        "Génération.s et aspirant.e.s",
        "le n° 1 (#1), 3.14, 17.01.2025, J.-C. et U.S.A.",
        "une fin.de phrase, l'un(e) d'eux",
        "la note : 5/5 @ 10 h",
        "dch/vm/map",
    ] {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}

proptest! {
    #[test]
    fn spans_are_ordered_and_on_character_boundaries(text in "(\\PC|[@#./:` ]|https://|www\\.|a\\.fr){0,60}") {
        let mut last = 0;
        for span in protected_spans(&text) {
            prop_assert!(last <= span.start && span.start < span.end && span.end <= text.len());
            prop_assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
            last = span.end;
        }
    }
}

#[test]
fn telephone_numbers_and_joined_initials_are_protected_and_lists_of_numbers_are_not() {
    let cases: &[(&str, &[&str])] = &[
        ("Appelez le 06 12 34 56 78 demain.", &["06 12 34 56 78"]),
        ("(01.23.45.67.89)", &["01.23.45.67.89"]),
        ("au +33 6 12 34 56 78, merci", &["+33 6 12 34 56 78"]),
        ("les 10 20 30 40 50 60 premiers", &[]),
        ("le 17 01 2025", &[]),
        ("12 345 678 habitants", &[]),
        ("L'opérateur AT&T et la R&D", &["AT&T", "R&D"]),
        (
            "L'adresse 192.168.1.254 ou 10.0.0.1:8080.",
            &["192.168.1.254", "10.0.0.1:8080"],
        ),
        ("le réseau 192.168.100.0/24", &["192.168.100.0/24"]),
        ("la version 2.10.3, puis v2.4", &["2.10.3", "v2.4"]),
        ("Le pourvoi n° 17-19.523 a été rejeté", &["17-19.523"]),
        ("10-12.000 habitants, 1.000.000, 17.01.25", &[]),
        ("fish &amp; chips, Procter & Gamble", &[]),
    ];
    for (text, expected) in cases {
        let found: Vec<&str> = protected_spans(text)
            .into_iter()
            .map(|span| &text[span])
            .collect();
        assert_eq!(found, *expected, "{text}");
    }
}
