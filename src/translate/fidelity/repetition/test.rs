use super::*;

#[test]
fn the_longest_loop_is_found_with_its_place() {
    let cases = [
        ("the cat sat", None),
        ("had had enough", Some(("had", 2))),
        ("a female female female student", Some(("female", 3))),
        (
            "he said yes, he said yes, he said yes.",
            Some(("he said yes", 3)),
        ),
        ("S s s S", Some(("S", 4))),
    ];
    for (text, expected) in cases {
        let found = longest_loop(text);
        assert_eq!(
            found
                .as_ref()
                .map(|found| (&text[found.once.clone()], found.times)),
            expected,
            "{text}"
        );
        if let Some(found) = found {
            assert!(text.is_char_boundary(found.end) && found.once.end <= found.end);
        }
    }
}
