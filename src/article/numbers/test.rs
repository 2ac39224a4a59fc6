use super::{words::roman_value, *};

/// What all numbers of a text most likely mean; `~` marks one that need not be said.
fn meant(text: &str, language: &str) -> Vec<String> {
    let shown = |number: Number| {
        let loose = if number.binding { "" } else { "~" };
        let value = match &number.values[0] {
            Value::Pair(before, behind) => format!("{before}:{behind:02}"),
            value => {
                let (digits, whole) = value.plain();
                let (whole, fraction) = digits.split_at(whole);
                let mark = if fraction.is_empty() { "" } else { "." };
                format!("{whole}{mark}{fraction}")
            }
        };
        format!("{loose}{value}")
    };
    Numbers::of(text, language)
        .all
        .into_iter()
        .map(shown)
        .collect()
}

#[test]
fn each_language_writes_digits_in_its_own_way() {
    let french: &[(&str, &[&str])] = &[
        ("12 345 habitants", &["12345"]),
        ("1\u{202f}040 km et 2\u{a0}500 m", &["1040", "2500"]),
        ("2.600 passagers, 1.000.000 de voix", &["2600", "1000000"]),
        ("1,5 million", &["1500000"]),
        ("à 14 h 30, 9h05 et 7 heures", &["14:30", "9:05", "7"]),
        ("2 heures 45, 3 h 5", &["2:45", "3", "5"]),
        ("de 10 à 20 ans", &["10", "20"]),
        ("le 17 janvier 2024", &["17", "2024"]),
        ("120–160 et 1469-1539", &["120", "160", "1469", "1539"]),
        ("en 2013 500 personnes", &["2013", "500"]),
        ("42,195 km", &["42.195"]),
        (
            "9 000 milliards, 12 Md€, 5 M€, 3 k€",
            &["9000000000000", "12000000000", "5000000", "3000"],
        ),
        ("9 mille milliards", &["9000000000000"]),
        ("2 millions et demi", &["2500000", "~2"]),
        ("155 militaires, 30 milles", &["155", "30"]),
        ("aucun", &[]),
    ];
    for (text, expected) in french {
        assert_eq!(meant(text, "fr"), *expected, "{text}");
    }
    let english: &[(&str, &[&str])] = &[
        ("12,345 inhabitants", &["12345"]),
        ("1.5 million", &["1500000"]),
        ("at 14:30 and 9.05", &["14:30", "9.05"]),
        ("10, 20 and 30", &["10", "20", "30"]),
        ("$9 trillion, €5bn", &["9000000000000", "5000000000"]),
        ("2 hours and 45 minutes", &["2:45"]),
    ];
    for (text, expected) in english {
        assert_eq!(meant(text, "en"), *expected, "{text}");
    }
}

#[test]
fn french_number_words_mean_what_they_mean() {
    let cases: &[(&str, &[&str])] = &[
        ("Quatre-vingt-dix-sept personnes", &["97"]),
        ("soixante-quinze ans, soixante et onze ans", &["75", "71"]),
        ("quatre-vingt mille, quatre-vingts", &["80000", "80"]),
        ("mille deux cents salariés", &["1200"]),
        ("en mil neuf cent dix-sept, le mil", &["1917", "~1000"]),
        ("deux cent mille trois cent vingt et un", &["200321"]),
        ("dix-huit cents", &["1800"]),
        ("cent cinquante", &["150"]),
        ("septante-deux et nonante", &["72", "90"]),
        ("deux millions cinq cent mille", &["2500000"]),
        ("deux millions et demi", &["2500000"]),
        ("un demi-million", &["500000"]),
        ("mille milliards", &["1000000000000"]),
        ("trois ou quatre fois", &["3", "4"]),
        ("une trentaine, une dizaine", &["30", "~10"]),
        ("deux douzaines", &["24"]),
        ("vingt-cinquième et troisième", &["25", "3"]),
        ("un premier vélo neuf, neuf mois", &["~1", "~1", "~9", "9"]),
        ("cinquante pour cent", &["50"]),
        ("le 5 sept. 2012", &["5", "2012"]),
        ("quinze jours, mille mercis", &["~15", "~1000"]),
        ("au XIXe siècle", &["~19", "~100"]),
        ("la place des gens", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(meant(text, "fr"), *expected, "{text}");
    }
}

#[test]
fn english_number_words_mean_what_they_mean() {
    let cases: &[(&str, &[&str])] = &[
        ("ninety-seven people", &["97"]),
        ("Ninety-two-seven people", &["92", "7"]),
        ("twelve hundred, two hundred and five", &["1200", "205"]),
        ("one hundred and two hundred", &["100", "200"]),
        ("two hundred hundred", &["200", "~100"]),
        ("nine thousand billion", &["9000000000000"]),
        ("a million, one and a half million", &["1000000", "1500000"]),
        ("half a million", &["500000"]),
        ("a dozen, two dozen", &["~12", "24"]),
        ("twenty-first, third, fifth", &["21", "~3", "5"]),
        ("once, twice, both and one", &["~1", "~2", "~2", "~1"]),
        ("an apple and a pear", &[]),
    ];
    for (text, expected) in cases {
        assert_eq!(meant(text, "en"), *expected, "{text}");
    }
}

#[test]
fn roman_numerals_are_read() {
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
fn the_same_value_written_otherwise_is_no_difference() {
    let cases = [
        ("1 200 milliards", "1.2 trillion"),
        ("9 000 milliards", "nine trillion"),
        ("les années 60", "the 1960s"),
        ("à 14 h 30", "at 2:30 p.m."),
        ("à 17 h", "at 5 p.m."),
        ("2h45", "2 hours and 45 minutes"),
        ("le 05 mai", "5 May"),
        ("2 000 euros", "2,000 euros"),
        ("2 à 3 millions", "2 million to 3 million"),
        ("de deux à trois millions", "two million to three million"),
        ("24 heures sur 24", "24 hours a day"),
        ("un cent pièce", "a cent each"),
        ("2,2 millions de km carrés", "2.2 million km2"),
        ("trois ans et demi", "3.5 years"),
        ("une dizaine de personnes", "a dozen people"),
        ("une centaine, des milliers", "a hundred, thousands"),
        ("un sur dix", "1 in 10"),
        ("les dix dernières années", "the last decade"),
        ("quinze jours", "two weeks"),
        ("deux tiers, trois quarts", "two-thirds, three-quarters"),
        ("un quinquennat", "a five-year term"),
        ("midi et minuit", "12 p.m. and midnight"),
        ("la Seconde Guerre, tous deux", "World War II, both"),
    ];
    for (french, english) in cases {
        let (ours, theirs) = (Numbers::of(french, "fr"), Numbers::of(english, "en"));
        let difference = differences(&ours, &theirs);
        assert_eq!(difference, (vec![], vec![]), "{french} | {english}");
    }
}

#[test]
fn another_value_is_a_difference() {
    let cases = [
        ("9 000 personnes", "8,000 people"),
        ("170 chats", "17 cats"),
        ("1 000 000 d'habitants", "1,000 inhabitants"),
        ("15 ans et 15 mois", "15 years"),
        ("un an", "2 years"),
        ("9 000 milliards", "9 billion"),
        ("un billion", "one billion"),
        (
            "une dizaine de blindés et 18 canons",
            "a dozen tanks and guns",
        ),
        ("2h45", "245 hours"),
        ("42,195 km", "42,195 km"),
        ("quatre-vingt-dix-sept", "ninety-two-seven"),
        ("soixante-quinze ans", "seventy-four years"),
        ("quatre-vingt mille", "ninety thousand"),
        ("mille deux cents", "two thousand, two hundred"),
        ("155 militaires", "1,550 soldiers"),
    ];
    for (french, english) in cases {
        let (ours, theirs) = (Numbers::of(french, "fr"), Numbers::of(english, "en"));
        let difference = differences(&ours, &theirs);
        assert_ne!(difference, (vec![], vec![]), "{french} | {english}");
    }
}

#[test]
fn a_small_number_may_be_in_words_where_they_are_not_known() {
    let numbers = |text, language| Numbers::of(text, language);
    let missing = |digits, text| {
        let (ours, theirs) = (numbers(digits, "en"), numbers(text, "pt"));
        differences(&ours, &theirs).0.len()
    };
    assert_eq!(missing("25", "vinte e cinco"), 0);
    assert_eq!(missing("2025", "este ano"), 1);
    assert_eq!(missing("3 billion", "3 mil milhões"), 0);
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
        ("quatre-vingt-dix-sept", "97"),
        ("quatre-vingt mille", "80,000"),
    ];
    for (french, english) in cases {
        let number = &Numbers::of(french, "fr").all[0];
        assert_eq!(number.written(Writing::Point), english);
    }
    let english = &Numbers::of("1,234.5", "en").all[0];
    assert_eq!(english.written(Writing::Comma), "1.234,5");
}
