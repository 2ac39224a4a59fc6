use super::*;
use proptest::prelude::*;

const ARTICLE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/articles/poutine-pezeshkian.fr.txt"
));

fn own_texts(document: &Document) -> Vec<&str> {
    document
        .sentences()
        .map(|sentence| sentence.text.as_str())
        .collect()
}

fn kinds(text: &str) -> Vec<BlockKind> {
    Document::parse(text)
        .blocks()
        .iter()
        .map(|block| block.kind)
        .collect()
}

#[test]
fn the_real_article_is_read_with_its_residue() {
    let document = Document::parse(ARTICLE);
    let blocks = document.blocks();
    assert_eq!(blocks.len(), 14);
    assert_eq!(document.sentences().count(), 14);
    for (at, block) in blocks.iter().enumerate() {
        let expected = match at {
            7 => BlockKind::Residue(Residue::Teaser),
            12 => BlockKind::Residue(Residue::Source),
            13 => BlockKind::Residue(Residue::Counter),
            _ => BlockKind::Prose,
        };
        assert_eq!(block.kind, expected, "{}", &ARTICLE[block.span.clone()]);
    }
    assert_eq!(document.rejoin(&own_texts(&document)), ARTICLE);
}

#[test]
fn what_lies_outside_sentences_comes_back_byte_for_byte() {
    let text = "\u{FEFF}\r\n  Bonjour.  Salut !\t\r\n\r\n***\r\n\t- Un point. \n12/03\n\nhttps://a.fr/b\n\n";
    let document = Document::parse(text);
    assert_eq!(own_texts(&document), ["Bonjour.", "Salut !", "Un point."]);
    assert_eq!(
        document.rejoin(&["Hello.", "Hi!", "A point."]),
        "\u{FEFF}\r\n  Hello.  Hi!\t\r\n\r\n***\r\n\t- A point. \n12/03\n\nhttps://a.fr/b\n\n"
    );
}

#[test]
fn a_hard_wrapped_paragraph_comes_back_as_one_line() {
    let text = "Titre\n\n  Le président russe et le président iranien se sont\n  entretenus à Moscou le 17. Ils ont signé un accord peut-\n  \
                être décisif, qui comprend leurs liens. Le Kremlin se\n  tait.\n\nFin.\n";
    let document = Document::parse(text);
    let wrapped = &document.blocks()[1];
    assert_eq!(wrapped.sentences.len(), 3);
    assert_eq!(wrapped.sentences[2].text, "Le Kremlin se tait.");
    assert_eq!(
        &text[wrapped.sentences[2].span.clone()],
        "Le Kremlin se\n  tait."
    );
    assert_eq!(
        document.rejoin(&own_texts(&document)),
        "Titre\n\n  Le président russe et le président iranien se sont entretenus à Moscou le 17. Ils ont signé un accord \
         peut-être décisif, qui comprend leurs liens. Le Kremlin se tait.\n\nFin.\n"
    );
}

#[test]
fn a_sentence_that_ends_with_its_line_is_followed_by_a_space() {
    let text = "Le président russe et le président iranien se sont entretenus.\n\
                Ils se sont vus à Moscou, où le Kremlin a confirmé qu'un accord\n\
                serait bientôt signé, sans en donner la date ni le contenu, de\n\
                source russe.";
    let document = Document::parse(text);
    assert_eq!(document.blocks().len(), 1);
    assert_eq!(document.rejoin(&["A.", "B."]), "A. B.");
}

#[test]
fn lines_without_words_are_verbatim() {
    for text in [
        "---",
        "* * *",
        "12 345,67 %",
        "https://a.fr/b",
        "a@b.fr",
        "@lemonde",
        "1. https://a.fr",
        "…",
    ] {
        assert_eq!(kinds(text), [BlockKind::Verbatim], "{text}");
        assert_eq!(Document::parse(text).sentences().count(), 0, "{text}");
    }
}

#[test]
fn page_code_in_a_paragraph_is_not_translated() {
    let text = "Il est réélu en 2002. window.pvp = new Pvp('dm', {\"autoplay\": false";
    let document = Document::parse(text);
    assert_eq!(own_texts(&document), ["Il est réélu en 2002."]);
    assert_eq!(
        document.rejoin(&["x"]),
        "x window.pvp = new Pvp('dm', {\"autoplay\": false"
    );
}

#[test]
fn titles_and_subheadings_are_headings() {
    let paragraph = "Le président russe Vladimir Poutine a reçu son homologue iranien au Kremlin le 17 janvier, à Moscou.";
    use BlockKind::*;
    let table: &[(String, &[BlockKind])] = &[
        (
            format!("Poutine reçoit Pezeshkian\n{paragraph}"),
            &[Heading, Prose],
        ),
        (
            format!("{paragraph}\n\nUn accord historique\n\n{paragraph}"),
            &[Prose, Heading, Prose],
        ),
        (
            format!("{paragraph}\nTéhéran ne sera plus la capitale du pays ?\n{paragraph}"),
            &[Prose, Residue(super::Residue::Teaser), Prose],
        ),
        // A short sentence, a turn of a dialogue, an announced list, and a line at the end are prose.
        (
            format!("{paragraph}\nLe Kremlin se tait.\n{paragraph}"),
            &[Prose, Prose, Prose],
        ),
        (
            format!("{paragraph}\n— Que faire ?\n{paragraph}"),
            &[Prose, Prose, Prose],
        ),
        (
            format!("{paragraph} On y voit :\nUn accord\n{paragraph}"),
            &[Prose, Prose, Prose],
        ),
        (format!("{paragraph}\nUn accord"), &[Prose, Prose]),
        (
            format!("{paragraph}\nUn\nDeux\nTrois\n{paragraph}"),
            &[Prose; 5],
        ),
    ];
    for (text, expected) in table {
        assert_eq!(&kinds(text), expected, "{text}");
    }
}

#[test]
fn a_missing_translation_leaves_the_source() {
    let document = Document::parse("Un. Deux. Trois.");
    assert_eq!(document.rejoin(&["One."]), "One. Deux. Trois.");
    assert_eq!(document.rejoin(&["1", "2", "3", "4"]), "1 2 3");
    assert_eq!(Document::parse(" \n").rejoin::<&str>(&[]), " \n");
}

proptest! {
    #[test]
    fn any_text_is_a_document_that_rejoins(text in "(\\PC|[ .!?\"«»\n\r\t-]|[a-z]{1,9} |[A-Z][a-z]{1,5} |M\\. |https://a\\.fr/b |\\{\"=|window\\.){0,120}") {
        let document = Document::parse(&text);
        let mut at = 0;
        for block in document.blocks() {
            prop_assert!(at <= block.span.start && block.span.start < block.span.end);
            prop_assert!(text.get(block.span.clone()).is_some());
            let mut inner = block.span.start;
            for sentence in &block.sentences {
                prop_assert!(inner <= sentence.span.start && sentence.span.start < sentence.span.end);
                prop_assert!(sentence.span.end <= block.span.end);
                prop_assert!(text.get(sentence.span.clone()).is_some());
                inner = sentence.span.end;
            }
            at = block.span.end;
        }
        let rejoined = document.rejoin(&own_texts(&document));
        let unwrapped = document.blocks().iter().any(|block| text[block.span.clone()].contains(is_line_break));
        if !unwrapped {
            prop_assert_eq!(&rejoined, &text);
        }
        let spaceless = |text: &str| text.split_whitespace().collect::<String>();
        prop_assert_eq!(spaceless(&rejoined), spaceless(&text));
    }

    #[test]
    fn wrapped_text_keeps_its_words(words in prop::collection::vec("[a-zé]{2,12}", 60..120), column in 40_usize..80) {
        let mut text = String::new();
        let mut width = 0;
        for word in &words {
            let length = word.chars().count();
            if width + 1 + length > column {
                text.push('\n');
                width = 0;
            } else if width > 0 {
                text.push(' ');
                width += 1;
            }
            text.push_str(word);
            width += length;
        }
        let document = Document::parse(&text);
        prop_assert_eq!(document.blocks().len(), 1);
        prop_assert_eq!(document.rejoin(&own_texts(&document)), words.join(" "));
    }
}
