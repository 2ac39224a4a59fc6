//! How often a sentence is read until its translation is without a fault.

use super::{sentences, *};

/// A sentence's translation, and how many times as many tokens were read as it has.
async fn readings(french: &str) -> (String, f64) {
    let (_, translated) = sentences(french).await;
    let [english] = &translated[..] else {
        panic!("{} sentences", translated.len())
    };
    let vocabulary = FRENCH_TO_ENGLISH.hops[0].model.source();
    let once = vocabulary.encode(french).len();
    let all = english.usage.source_tokens;
    (english.text.clone(), all as f64 / once as f64)
}

/// Placeholders are shorter than what they stand for, and placeholders for nothing cost nothing.
const ONCE: std::ops::Range<f64> = 0.9..1.1;

#[tokio::test]
async fn a_name_that_was_lost_in_part_is_put_back_where_its_other_words_stand() {
    for (french, name) in [
        (
            "Léa Petitgas, 20 ans, n'a plus donné de nouvelles depuis le 13 décembre 2017 et personne ne semble l'avoir \
             vu à Nantes, sa ville de résidence.",
            "Léa Petitgas",
        ),
        (
            "Le porte-parole du gouvernement, Benjamin Griveaux, en premier lieu.",
            "Benjamin Griveaux",
        ),
        (
            "Kévin Clément, âgé de 21 ans, était au Mali depuis février.",
            "Kévin Clément",
        ),
    ] {
        let (english, times) = readings(french).await;
        assert!(english.contains(name), "{english}");
        assert!(ONCE.contains(&times), "{times}: {english}");
    }
}

#[tokio::test]
async fn an_attempt_that_could_only_say_the_same_again_is_not_made() {
    // Nothing is lost that could be shown otherwise, and what is short cannot be cut.
    let (english, times) = readings("Notre fournisseur est RTE.").await;
    assert!(ONCE.contains(&times), "{times}: {english}");
    let (english, times) = readings("Le chat dort dans la cuisine.").await;
    assert!(ONCE.contains(&times), "{times}: {english}");
}

#[tokio::test]
async fn a_name_that_was_wholly_lost_takes_one_more_attempt() {
    let french = "\"Nous savions que c'était David contre Goliath quand nous avons entamé cette bataille\", a souligné \
                  le directeur général de Supermac, Pat McDonagh, cité dans le communiqué.";
    let (english, times) = readings(french).await;
    assert!(english.contains("Goliath"), "{english}");
    assert!((1.8..2.2).contains(&times), "{times}: {english}");
}
