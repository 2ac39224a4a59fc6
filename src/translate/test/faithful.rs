//! `tests/data/faithful.tsv`: sentences that the embedded model once got wrong without a word, and ordinary ones that
//! must not raise an alarm. A line has a sentence, `number`, `name` or `quiet`, and what the translation must have:
//! things between semicolons, each in one of the forms between slashes. A number or a name may be missing if a warning
//! says so; a quiet sentence must have all and no warning.

use super::{sentences, *};

#[tokio::test]
async fn no_number_and_no_name_is_lost_without_a_warning() {
    let (mut silent, mut kept, mut lines) = (Vec::new(), 0, 0);
    for line in include_str!("../../../tests/data/faithful.tsv").lines() {
        let [french, kind, expected] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not three columns: {line}");
        };
        let (_, translated) = sentences(french).await;
        let texts: Vec<&str> = translated.iter().map(|part| part.text.as_str()).collect();
        let english = texts.join(" ");
        let lower = english.to_lowercase();
        let stands = |one: &str| lower.contains(&one.to_lowercase());
        let holds = expected
            .split(';')
            .all(|thing| thing.split('/').any(stands));
        let warnings: Vec<&Warning> = translated.iter().flat_map(|part| &part.warnings).collect();
        let told = match kind {
            "number" => warnings
                .iter()
                .any(|warning| warning.kind == WarningKind::Number),
            "name" => warnings
                .iter()
                .any(|warning| warning.kind == WarningKind::Name),
            "quiet" => false,
            other => panic!("what is {other}?"),
        };
        let alarmed = kind == "quiet" && !warnings.is_empty();
        if alarmed || !holds && !told {
            silent.push(format!("{french} | {english} | {warnings:?}"));
        }
        kept += usize::from(holds && !alarmed);
        lines += 1;
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
    assert!(
        kept + ONLY_WARNED >= lines,
        "only {kept} of {lines} are right"
    );
}

/// Lines that the checks can only warn of.
const ONLY_WARNED: usize = 4;
