use super::*;
use proptest::prelude::*;

/// Each case is its sentences; the text is what they make when joined as written.
fn assert_splits(cases: &[&[&str]], gap: &str) {
    for expected in cases {
        let text = expected.join(gap);
        let found: Vec<&str> = sentences(&text)
            .into_iter()
            .map(|range| &text[range])
            .collect();
        assert_eq!(&found, expected, "{text}");
    }
}

#[test]
fn an_abbreviation_does_not_end_a_sentence() {
    assert_splits(
        &[
            &[
                "M. Poutine a reçu MM. Dupont et Durand.",
                "Mme. Le Pen aussi.",
            ],
            &[
                "M. Le Drian et Mgr. Aupetit sont là.",
                "Le Pr. Martin et Me. Moser, non.",
            ],
            &[
                "Voir cf. Le Monde, p. 12, vol. 3, chap. 4 et art. 5.",
                "Puis le n° 6.",
            ],
            &["L'usine, env. 300 m² au 12, bd. Voltaire, a brûlé."],
            &["Le 3 janv. 2020, le 12 sept. 2021 et le 5 déc. 2022."],
            &["César mourut en 44 av. J.-C.", "Rome pleura."],
            &["Rome, fondée en 753 av. J.-C. par Romulus, brûla en 64 apr. J.-C. sous Néron."],
            &["Le train part à 20 h. 30.", "Il arrive à 22 h."],
            &["Il faut du pain, des fruits, etc. pour vivre."],
            &["Ils vendent du pain, des fruits, etc.", "Moscou a réagi."],
        ],
        " ",
    );
}

#[test]
fn a_word_that_looks_like_an_abbreviation_ends_a_sentence() {
    assert_splits(
        &[
            &["C'est une œuvre d'art.", "Le musée l'expose."],
            &["Ils étaient sept.", "Deux sont partis."],
            &["Il a vu la mer.", "Elle était calme."],
            &["Elle parle de me.", "Il rit."],
            &["Il a pris son vol.", "Personne ne l'a vu."],
        ],
        " ",
    );
}

#[test]
fn initials_stay_with_their_name() {
    assert_splits(
        &[
            &[
                "F. Mitterrand et J.-P. Raffarin ont parlé à George W. Bush.",
                "Il a ri.",
            ],
            &[
                "J. R. R. Tolkien et J. Le Goff écrivent.",
                "Jane S. Greaves aussi.",
            ],
            &[
                "Il vit aux U.S.A. depuis dix ans.",
                "La S.A. Peugeot aussi.",
            ],
            &["Il part aux U.S.A.", "Les siens restent."],
            &["Il manque de vitamine C.", "Le médecin le sait."],
        ],
        " ",
    );
}

#[test]
fn numbers_are_not_split() {
    assert_splits(
        &[
            &["Pi vaut 3.14, le navire porte 2.600 passagers, la ville 1.000.000 d'habitants."],
            &[
                "Le 17.01.2025, la version 1.2.3 est sortie.",
                "Le 17. 01. 2025 aussi.",
            ],
            &["C'était en 2024.", "12 personnes sont venues."],
            &["1. Premier point.", "2. Deuxième point."],
            &["IV. Le retour.", "Il revient."],
        ],
        " ",
    );
}

#[test]
fn an_ellipsis_splits_only_before_a_capital() {
    assert_splits(
        &[
            &[
                "Il pensait au camp... et puis rien.",
                "Après…",
                "Le silence.",
            ],
            &["Des éléments (...) franchissent [...] la limite […] prévue."],
            &["C'est grave.", "(...) Le risque zéro n'existe pas."],
            &[
                "La situation est dramatique (...)",
                "Il y a beaucoup de monde.",
            ],
            &["... et la suite."],
            &["Vraiment… ?", "Oui."],
        ],
        " ",
    );
}

#[test]
fn a_quotation_stays_with_its_sentence() {
    assert_splits(
        &[
            &["« Bonjour. Ça va ? » demande-t-il.", "Elle sourit."],
            &["« Bonjour. Ça va ? »", "Personne ne répond."],
            &[
                "\"Je suis heureux que tout soit terminé\", a déclaré le leader.",
                "Il part.",
            ],
            &[
                "«\u{A0}C'est terminé\u{A0}», a déclaré le leader.",
                "Il part.",
            ],
            &["\"Qu'est-ce que la France ?\", a-t-il interrogé.", "Rien."],
            &["« Au secours ! » crie-t-il.", "“Non.”", "Elle part."],
            &["Il a dit : \"C'est fini !\".", "Puis il est parti."],
            &[
                "Il incluait « les domaines les plus sensibles ».",
                "Le Kremlin se tait.",
            ],
            &[
                "Il dort (il est tard. Très tard.) et rêve.",
                "(Il est tard.)",
                "Elle lit.",
            ],
            &["— Bonjour.", "— Bonsoir !", "— Ah."],
        ],
        " ",
    );
}

#[test]
fn a_long_quotation_is_split_like_any_text() {
    let text = "\"Le Sénat ne devrait pas se prononcer tant que les Américains n'ont pas choisi leur président. \
                Nous attendrons\", a dit M. Biden.";
    assert_eq!(sentences(text).len(), 2);
}

#[test]
fn french_spacing_and_repeated_marks_end_a_sentence_once() {
    assert_splits(
        &[
            &["Vraiment ?!", "Oui !!!", "Quoi\u{202F}?", "Rien\u{A0}!"],
            &["Le titre : une enquête ; deux réponses."],
            &["Yahoo! est une entreprise."],
        ],
        " ",
    );
}

#[test]
fn a_missing_space_is_seen() {
    assert_splits(
        &[
            &[
                "Les passagers visitent Venise.",
                "Selon le quotidien, c'est fini.",
            ],
            &[
                "Il l'a dit à la gendarmerie.",
                "\"Je pars\", a-t-il ajouté.",
            ],
            &[
                "C'était un \"faux prétexte\".",
                "Le secrétaire général se tait.",
            ],
            &["Jusqu'à 100%.", "L'air est pur."],
            &["C'est fini.", "M. Loukachenko reste."],
            &["Est-ce fini ?", "En revanche, non."],
        ],
        "",
    );
}

#[test]
fn addresses_are_never_split() {
    assert_splits(
        &[
            &[
                "Voir https://a.fr/B.C?D.Html ou change.org ou Jean.Dupont@Ouest.Fr.",
                "Merci.",
            ],
            &["Le site Ouest-France.fr et Génération.s sont là."],
        ],
        " ",
    );
}

#[test]
fn hashtags_and_pictures_open_a_sentence() {
    assert_splits(
        &[&[
            "C'est dit.",
            "#MeToo continue.",
            "@Anne_Hidalgo répond.",
            "🚀 Décollage.",
        ]],
        " ",
    );
}

proptest! {
    #[test]
    fn sentences_lose_nothing_but_white_space(text in "(\\PC|[.!?…»«\"() ]|M\\. |\\.[A-Z]|[a-z]{1,4} ){0,80}") {
        let mut at = 0;
        for range in sentences(&text) {
            prop_assert!(range.start >= at && range.start < range.end && range.end <= text.len());
            prop_assert!(trimmed(&text, at..range.start).is_none());
            prop_assert_eq!(trimmed(&text, range.clone()), Some(range.clone()));
            at = range.end;
        }
        prop_assert!(trimmed(&text, at..text.len()).is_none());
    }

    #[test]
    fn no_protected_stretch_is_torn(text in "([A-Za-z]{1,5}[.!?]? |https://[a-z]{1,4}\\.fr/[A-Za-z.?!]{0,6} |[a-z]+@[a-z]+\\.com[.] ){0,20}") {
        let spans = protected_spans(&text);
        for range in sentences(&text) {
            prop_assert!(spans.iter().all(|span| !(span.start < range.end && range.end < span.end)));
        }
    }
}
