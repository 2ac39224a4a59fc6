use super::*;

#[test]
fn a_control_character_is_refused_with_its_place() {
    let table = [
        ("a\0b", 1, 0x00),
        ("é\u{1B}[0m", 2, 0x1B),
        ("fin\u{7F}", 3, 0x7F),
        ("\u{85}", 0, 0x85),
        ("ab\u{0B}", 2, 0x0B),
    ];
    for (text, offset, code_point) in table {
        assert_eq!(
            check(text),
            Err(TextError::Control { offset, code_point }),
            "{text:?}"
        );
    }
    let message = check("a\0b").unwrap_err().to_string();
    assert!(
        message.contains("U+0000") && message.contains("byte 1"),
        "{message}"
    );
}

#[test]
fn white_space_and_form_feeds_are_text() {
    assert_eq!(check("a\tb\r\nc\u{0C}d"), Ok(Checked { invisible: 0 }));
}

#[test]
fn a_text_without_a_visible_character_is_empty() {
    for text in [
        "",
        " \t\r\n",
        "\u{A0}\u{202F}",
        "\u{FEFF}",
        "\u{200B} \u{200E}",
    ] {
        assert_eq!(check(text), Err(TextError::Empty), "{text:?}");
    }
}

#[test]
fn invisible_characters_are_counted_and_stripped() {
    let text = "\u{FEFF}gou\u{AD}verne\u{200B}ment \u{202E}fin\u{202C}\u{2066}";
    assert_eq!(check(text), Ok(Checked { invisible: 6 }));
    assert_eq!(strip_invisible(text), "gouvernement fin");
}

#[test]
fn joiners_of_emoji_and_scripts_stay() {
    for text in ["👩\u{200D}🚀", "می\u{200C}خواهم", "क्\u{200D}ष"] {
        assert!(matches!(strip_invisible(text), Cow::Borrowed(same) if same == text));
        assert_eq!(check(text), Ok(Checked { invisible: 0 }));
    }
}
