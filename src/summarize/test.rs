use super::*;

const ARTICLE: &str = include_str!("../../tests/articles/poutine-pezeshkian.fr.txt");

fn sentences(n: usize) -> Length {
    Length::sentences(NonZeroUsize::new(n).unwrap())
}

fn up_to_words(n: usize) -> Length {
    Length::words(NonZeroUsize::new(n).unwrap())
}

/// With vectors that tell nothing, so that words decide.
fn summary_of(text: &str, length: Length) -> Vec<SummarySentence> {
    let document = Document::parse(text);
    let candidates = candidates(&document);
    let vectors = vec![vec![0.0; 4]; candidates.len()];
    select(&document, &candidates, &vectors, length)
}

fn texts(summary: &[SummarySentence]) -> Vec<&str> {
    summary
        .iter()
        .map(|sentence| sentence.text.as_str())
        .collect()
}

/// Vectors as if drawn at random, the same in every run.
fn noise(count: usize, dim: usize) -> Vec<Vec<f32>> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count)
        .map(|_| (0..dim).map(|_| next()).collect())
        .collect()
}

#[test]
fn the_real_article_is_summarised_without_its_web_residue() {
    for length in [
        sentences(3),
        sentences(100),
        up_to_words(5),
        up_to_words(1000),
    ] {
        for sentence in summary_of(ARTICLE, length) {
            for residue in [
                "http",
                "Source :",
                "Comment (0)",
                "ne sera plus la capitale",
            ] {
                assert!(
                    !sentence.text.contains(residue),
                    "{length:?}: {}",
                    sentence.text
                );
            }
        }
    }
}

#[test]
fn a_summary_has_as_many_sentences_as_asked_for_in_article_order() {
    for n in [1, 2, 3, 7] {
        let summary = summary_of(ARTICLE, sentences(n));
        assert_eq!(summary.len(), n);
        assert!(summary.is_sorted_by(|a, b| a.index < b.index && a.span.end <= b.span.start));
    }
    let all = summary_of(ARTICLE, sentences(usize::MAX));
    assert_eq!(all.len(), candidates(&Document::parse(ARTICLE)).len());
}

#[test]
fn a_summary_within_words_stays_within_them() {
    let mut longest = 0;
    for limit in [25, 40, 60, 100, 200, 10_000] {
        let summary = summary_of(ARTICLE, up_to_words(limit));
        let total: usize = summary
            .iter()
            .map(|sentence| words::count(&sentence.text))
            .sum();
        assert!(!summary.is_empty() && total <= limit, "{total} of {limit}");
        assert!(
            total >= longest,
            "more room, shorter summary: {total} of {limit}"
        );
        longest = total;
    }
}

#[test]
fn a_limit_below_every_sentence_gives_the_shortest_sentence() {
    let text = "Le président russe a reçu son homologue iranien. Le traité a été signé à Moscou.";
    assert_eq!(
        texts(&summary_of(text, up_to_words(1))),
        ["Le traité a été signé à Moscou."]
    );
}

#[test]
fn spans_point_at_the_sentence_and_scores_are_shares() {
    for sentence in summary_of(ARTICLE, sentences(9)) {
        assert_eq!(ARTICLE[sentence.span.clone()], sentence.text);
        assert!((0.0..=1.0).contains(&sentence.score), "{}", sentence.score);
    }
}

#[test]
fn a_text_with_little_in_it_is_summarised_by_what_it_has() {
    for (text, summary) in [
        ("", vec![]),
        ("12 % – 3.", vec![]),
        (
            "Le traité a été signé à Moscou.",
            vec!["Le traité a été signé à Moscou."],
        ),
        ("Il pleut.", vec!["Il pleut."]),
        ("Comment (0)", vec!["Comment (0)"]),
        (
            "Il pleut. Le traité a été signé à Moscou.",
            vec!["Le traité a été signé à Moscou."],
        ),
    ] {
        assert_eq!(texts(&summary_of(text, sentences(3))), summary, "{text}");
    }
}

#[test]
fn the_title_is_not_quoted_but_leads_to_its_sentence() {
    let body = [
        "Le maire a ouvert mercredi la nouvelle bibliothèque de la ville devant ses habitants réunis.",
        "Une violente tempête a détruit trois maisons du village voisin pendant la même nuit.",
        "La fanfare municipale a joué quelques morceaux sur la grande place après les discours.",
    ]
    .join(" ");
    let titled = format!("Violente tempête au village : trois maisons détruites\n\n{body}");
    assert!(!summary_of(&body, sentences(1))[0].text.contains("tempête"));
    assert!(
        summary_of(&titled, sentences(1))[0]
            .text
            .starts_with("Une violente tempête")
    );
    assert_eq!(summary_of(&titled, sentences(9)).len(), 3);
}

#[test]
fn a_sentence_that_stands_twice_is_quoted_once() {
    let text = "Le traité a été signé vendredi à Moscou. Le traité a été signé vendredi à Moscou. Les écoles ferment ce soir.";
    let summary = summary_of(text, sentences(3));
    assert_eq!(
        texts(&summary),
        [
            "Le traité a été signé vendredi à Moscou.",
            "Les écoles ferment ce soir."
        ]
    );
}

#[test]
fn a_statement_is_preferred_to_a_question_a_quotation_and_a_dangling_pronoun() {
    let plain = "Le gouvernement a présenté mardi sa réforme des retraites devant les députés.";
    for other in [
        "Le gouvernement peut il présenter mardi la réforme fiscale devant les sénateurs ?",
        "\"Le gouvernement a présenté mardi une réforme des impôts devant les sénateurs\"",
        "Cela a été présenté mardi, une réforme des impôts, devant tous les sénateurs.",
        "Nous avons présenté mardi notre réforme des impôts devant tous les sénateurs.",
    ] {
        // Each stands first, which otherwise would count for it.
        let summary = summary_of(&format!("{other}\n{plain}"), sentences(1));
        assert_eq!(texts(&summary), [plain]);
    }
}

#[test]
fn vectors_decide_where_words_do_not() {
    let document = Document::parse(
        "Alpha bravo charlie delta echo. Foxtrot golf hotel india juliet. Kilo lima mike november oscar. Papa quebec romeo sierra tango.",
    );
    let candidates = candidates(&document);
    let last =
        |vectors: &[Vec<f32>]| select(&document, &candidates, vectors, sentences(2))[1].index;
    let repeats = [
        vec![1.0, 0.0],
        vec![1.0, 0.1],
        vec![-1.0, 0.5],
        vec![-1.0, -0.6],
    ];
    assert_eq!(last(&vec![vec![0.0; 2]; 4]), 1);
    assert_eq!(last(&repeats), 2);
}

#[test]
fn bad_vectors_and_candidates_neither_panic_nor_give_scores_that_are_no_numbers() {
    let document = Document::parse(ARTICLE);
    let candidates = candidates(&document);
    for vectors in [
        vec![],
        vec![vec![]],
        vec![vec![f32::NAN; 8]; 99],
        vec![vec![f32::MAX; 8]; 12],
        vec![vec![1.0; 8]; 12],
    ] {
        let summary = select(&document, &candidates, &vectors, sentences(3));
        assert!(
            summary.len() == 3
                && summary
                    .iter()
                    .all(|sentence| (0.0..=1.0).contains(&sentence.score))
        );
    }
    assert!(select(&document, &[999], &[], sentences(3)).is_empty());
    assert!(select(&document, &[], &[], up_to_words(3)).is_empty());
}

#[test]
fn thousands_of_sentences_are_summarised_the_same_every_time() {
    let text: String = (0..2_000)
        .map(|i| {
            format!(
                "La commune {} a voté le budget {} pour sa nouvelle école publique.\n",
                i % 977,
                i % 1_013
            )
        })
        .collect();
    let document = Document::parse(&text);
    let candidates = candidates(&document);
    assert_eq!(candidates.len(), 2_000);
    let vectors = noise(candidates.len(), 36);
    let summary = select(&document, &candidates, &vectors, sentences(10));
    assert_eq!(summary.len(), 10);
    assert_eq!(
        summary,
        select(&document, &candidates, &vectors, sentences(10))
    );
    let long = select(&document, &candidates, &vectors, up_to_words(10_000));
    let total: usize = long
        .iter()
        .map(|sentence| words::count(&sentence.text))
        .sum();
    assert!((9_900..=10_000).contains(&total), "{total}");
}
