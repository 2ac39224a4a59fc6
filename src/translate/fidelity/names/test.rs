use super::*;

#[test]
fn a_scrambled_name_is_alike_and_another_is_not() {
    for (name, scrambled) in [
        ("Pezeshkian", "Pehksian"),
        ("Etihad", "Eihad"),
        ("Albuquerque", "Albuquer"),
    ] {
        assert!(similarity(name, scrambled) >= SIMILAR, "{name}");
    }
    for (name, other) in [("Harappa", "City"), ("Capuzzo", "Tobruk"), ("", "x")] {
        assert!(similarity(name, other) < SIMILAR, "{name}");
    }
    assert_eq!(similarity("Grachtengordel", "grachtengordel"), 1.0);
}

#[test]
fn a_name_that_english_has_its_own_form_of_is_left_alone() {
    for name in [
        "Polynésie",
        "Vénézuéliens",
        "Autrichien",
        "Japonais",
        "Antarctique",
    ] {
        assert!(has_own_form(name, "fr"), "{name}");
    }
    for name in ["Pezeshkian", "Kriegsmarine", "Whistler", "Mbappé"] {
        assert!(!has_own_form(name, "fr"), "{name}");
    }
}

#[test]
fn the_words_beside_it_tell_a_persons_name() {
    let text = "Hier, Médéric Gasquet a rencontré Polynésie française.";
    let of = |word: &str| {
        let start = text.find(word).unwrap();
        stands_in_a_name(text, &(start..start + word.len()))
    };
    assert!(of("Médéric") && of("Gasquet") && !of("Polynésie"));
}

#[test]
fn a_scrambled_name_ends_as_it_should_and_another_languages_form_does_not() {
    for (name, scrambled) in [("Romainville", "Romanville"), ("Mbappé", "Mbapé")] {
        assert!(ends_alike(scrambled, name), "{name}");
    }
    for (name, english) in [
        ("Barcelone", "Barcelona"),
        ("Sicile", "Sicily"),
        ("Brandebourg", "Brandenburg"),
    ] {
        assert!(!ends_alike(english, name), "{name}");
    }
}
