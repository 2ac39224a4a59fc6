use super::*;

#[test]
fn the_same_value_written_otherwise_is_no_difference() {
    let cases = [
        ("1 200 milliards", "1.2 trillion"),
        ("les années 60", "the 1960s"),
        ("à 14 h 30", "at 2:30 p.m."),
        ("à 17 h", "at 5 p.m."),
        ("le 05 mai", "5 May"),
        ("2 000 euros", "2,000 euros"),
    ];
    for (french, english) in cases {
        let (ours, theirs) = (
            numbers(french, Writing::Comma),
            numbers(english, Writing::Point),
        );
        assert_eq!(
            differences(&ours, &theirs),
            (vec![], vec![]),
            "{french} | {english}"
        );
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
    ];
    for (french, english) in cases {
        let (ours, theirs) = (
            numbers(french, Writing::Comma),
            numbers(english, Writing::Point),
        );
        assert_ne!(
            differences(&ours, &theirs),
            (vec![], vec![]),
            "{french} | {english}"
        );
    }
}
