//! What two texts tell by themselves, without the attention of the model that wrote the second.

use super::{length, numbers, repetition};
use crate::{
    article::{Language, protected_spans},
    translate::WarningKind,
};

/// What a translation may not have kept. `finished`: the model came to its end; `languages`: of the source and
/// of the translation.
pub fn of_texts(
    source: &str,
    translation: &str,
    finished: bool,
    languages: (&Language, &Language),
) -> Vec<(WarningKind, String)> {
    let protected = protected_spans(source).into_iter();
    let protected = protected.map(|span| &source[span]);
    let lost: Vec<&str> = protected
        .filter(|kept| !translation.contains(kept))
        .collect();
    let lost = (!lost.is_empty()).then(|| format!("may be missing: {}", lost.join(", ")));
    [
        (WarningKind::Protected, lost),
        (
            WarningKind::Repetition,
            repetition::problem(source, translation),
        ),
        (
            WarningKind::Length,
            length::problem(source, translation, finished),
        ),
        (
            WarningKind::Number,
            numbers::problem(source, translation, languages),
        ),
    ]
    .into_iter()
    .filter_map(|(kind, message)| Some((kind, message?)))
    .collect()
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn what_a_translation_lost_is_told_and_what_it_kept_is_not() {
        let languages: [Language; 2] = ["fr", "en"].map(|tag| tag.parse().unwrap());
        let source = "Le 17 mai, la mairie a ouvert douze écoles, dit https://example.org/ecoles.";
        let cases: [(&str, bool, &[WarningKind]); 6] = [
            (
                "On 17 May the town hall opened 12 schools, says https://example.org/ecoles.",
                true,
                &[],
            ),
            (
                "On 17 May the town hall opened 20 schools, says https://example.org/ecoles.",
                true,
                &[WarningKind::Number],
            ),
            (
                "On 17 May the town hall opened twelve schools, says a page of the town.",
                true,
                &[WarningKind::Protected],
            ),
            (
                "On 17 May the town hall opened twelve schools, says https://example.org/ecoles",
                false,
                &[WarningKind::Length],
            ),
            (
                "",
                true,
                &[
                    WarningKind::Protected,
                    WarningKind::Length,
                    WarningKind::Number,
                ],
            ),
            (
                "On 17 May the town hall the town hall the town hall the town hall opened 12 schools, \
                 https://example.org/ecoles.",
                true,
                &[WarningKind::Repetition],
            ),
        ];
        for (translation, finished, expected) in cases {
            let found = of_texts(
                source,
                translation,
                finished,
                (&languages[0], &languages[1]),
            );
            let kinds: Vec<WarningKind> = found.iter().map(|(kind, _)| *kind).collect();
            assert_eq!(kinds, expected, "{translation}: {found:?}");
        }
    }
}
