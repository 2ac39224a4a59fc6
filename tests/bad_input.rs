//! Bad input, over the wire: each gets an answer that says what is wrong and what to do.

mod common;

use common::{Server, to_english};
use depeche::rpc::proto::v1::{
    DigestRequest, SummarizeRequest, SummaryStyle, TranslateBatchRequest, TranslateRequest,
    TranslateResponse, WarningCode, translate_batch_response::Result as BatchResult,
};
use tonic::{Code, Status};
use tonic_types::{FieldViolation, StatusExt};

fn violations(status: &Status) -> Vec<FieldViolation> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert_eq!(status.get_details_error_info().unwrap().domain, "depeche");
    let found = status.get_details_bad_request().unwrap().field_violations;
    assert!(
        found
            .iter()
            .all(|violation| !violation.description.is_empty())
    );
    found
}

fn fields(status: &Status) -> Vec<String> {
    violations(status)
        .into_iter()
        .map(|violation| violation.field)
        .collect()
}

async fn refused(server: &Server, request: TranslateRequest) -> Status {
    server
        .translation()
        .await
        .translate(request)
        .await
        .expect_err("should be refused")
}

async fn translated(server: &Server, request: TranslateRequest) -> TranslateResponse {
    server
        .translation()
        .await
        .translate(request)
        .await
        .unwrap()
        .into_inner()
}

#[tokio::test]
async fn bad_texts_and_languages_are_refused_by_field() {
    let server = Server::start_with(&["--max-text-bytes", "30000"]);
    let languages = |tags: &[&str]| TranslateRequest {
        target_languages: tags.iter().map(ToString::to_string).collect(),
        ..to_english("Bonjour à tous.")
    };
    let seventeen: Vec<String> = (b'a'..b'a' + 17)
        .map(|c| format!("x{}", c as char))
        .collect();
    let seventeen: Vec<&str> = seventeen.iter().map(String::as_str).collect();
    let typed = |content_type: &str| TranslateRequest {
        content_type: content_type.to_owned(),
        ..to_english("Bonjour à tous.")
    };
    for (name, request, field) in [
        ("empty", to_english(""), "text"),
        ("white space", to_english(" \n\t\u{a0}\n"), "text"),
        ("NUL", to_english("Bonjour\0 à tous."), "text"),
        (
            "a byte over the limit",
            to_english("a".repeat(30_001)),
            "text",
        ),
        (
            "far over the limit",
            to_english("a".repeat(3_000_000)),
            "text",
        ),
        ("no language", languages(&[]), "target_languages"),
        (
            "too many languages",
            languages(&seventeen),
            "target_languages",
        ),
        (
            "no BCP-47 tag",
            languages(&["en", "not a tag"]),
            "target_languages[1]",
        ),
        ("an empty tag", languages(&[""]), "target_languages[0]"),
        (
            "a language twice",
            languages(&["en", "en"]),
            "target_languages[1]",
        ),
        ("HTML", typed("text/html; charset=utf-8"), "content_type"),
        ("Markdown", typed("text/markdown"), "content_type"),
        ("no MIME type", typed("nonsense"), "content_type"),
        ("into itself", languages(&["fr"]), "target_languages[0]"),
    ] {
        let request = match name {
            "into itself" => TranslateRequest {
                source_language: "fr".to_owned(),
                ..request
            },
            _ => request,
        };
        assert_eq!(fields(&refused(&server, request).await), [field], "{name}");
    }
}

#[tokio::test]
async fn a_type_of_a_later_version_is_told_as_such() {
    let server = Server::start();
    let request = TranslateRequest {
        content_type: "text/html".to_owned(),
        ..to_english("<p>Bonjour.</p>")
    };
    let status = refused(&server, request).await;
    assert!(
        status.message().contains("not supported by this version"),
        "{status:?}"
    );
}

#[tokio::test]
async fn all_mistakes_of_a_request_are_told_at_once() {
    let server = Server::start();
    let request = TranslateRequest {
        text: String::new(),
        content_type: "text/html".to_owned(),
        source_language: "f".to_owned(),
        target_languages: vec!["en".to_owned(), "e".to_owned()],
        ..TranslateRequest::default()
    };
    let told = fields(&refused(&server, request).await);
    assert_eq!(
        told,
        [
            "text",
            "content_type",
            "source_language",
            "target_languages[1]"
        ]
    );
}

#[tokio::test]
async fn a_language_that_is_not_installed_is_a_failed_precondition_with_the_remedy() {
    let server = Server::start();
    let english = "The president said on Tuesday that the government would publish the figures \
                   before the end of the year, and that nobody should worry about the delay.";
    let vietnamese = TranslateRequest {
        target_languages: vec!["vi".to_owned()],
        ..to_english("Le président a reçu son homologue à Moscou.")
    };
    let french = TranslateRequest {
        target_languages: vec!["fr".to_owned()],
        ..to_english(english)
    };
    for (name, request) in [("another target", vietnamese), ("another source", french)] {
        let status = refused(&server, request).await;
        assert_eq!(
            status.code(),
            Code::FailedPrecondition,
            "{name}: {status:?}"
        );
        assert!(status.message().contains("install"), "{name}: {status:?}");
        let details = status.get_details_precondition_failure().unwrap();
        assert_eq!(details.violations.len(), 1, "{name}");
        assert!(
            details.violations[0].description.contains("install"),
            "{name}"
        );
    }
    let summary = SummarizeRequest {
        text: english.to_owned(),
        ..SummarizeRequest::default()
    };
    let status = server
        .summarization()
        .await
        .summarize(summary)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
}

#[tokio::test]
async fn a_source_language_that_the_text_contradicts_is_a_warning() {
    let server = Server::start();
    let english = "The president said on Tuesday that the government would publish the figures \
                   before the end of the year, and that nobody should worry about the delay.";
    let request = TranslateRequest {
        source_language: "fr".to_owned(),
        ..to_english(english)
    };
    let response = translated(&server, request).await;
    assert_eq!(response.detected_language, "en");
    let warnings = &response.translations[0].warnings;
    assert!(
        warnings
            .iter()
            .any(|warning| warning.code() == WarningCode::SourceLanguageMismatch),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn a_sentence_of_20000_characters_is_translated_to_its_end() {
    let server = Server::start();
    let places = [
        "Paris",
        "Lyon",
        "Marseille",
        "Bordeaux",
        "Lille",
        "Nantes",
        "Toulouse",
    ];
    let mut text = String::new();
    for turn in 0.. {
        if text.chars().count() >= 20_000 {
            break;
        }
        let place = places[turn % places.len()];
        text.push_str(&format!(
            "le ministre numéro {turn} a visité une usine près de {place} et "
        ));
    }
    let response = translated(&server, to_english(text.clone())).await;
    let translation = &response.translations[0];
    let spans: Vec<_> = translation
        .sentences
        .iter()
        .filter_map(|s| s.source_span)
        .collect();
    assert_eq!(spans.first().unwrap().start, 0);
    assert!(spans.last().unwrap().end as usize >= text.trim_end().len());
    let last = translation.text.chars().rev().take(400).collect::<String>();
    assert!(
        last.chars().any(|c| c.is_ascii_digit()),
        "the end is missing: {}",
        translation.text
    );
    assert!(
        translation.text.len() > text.len() / 2,
        "{} bytes",
        translation.text.len()
    );
}

#[tokio::test]
async fn invisible_controls_do_not_reach_the_translation() {
    let server = Server::start();
    // Also around sentences, and where one ends.
    let text = "\u{202e}Un mot.\u{200b} Le président\u{202e} a reçu\u{2066} son homologue\u{2069} à Moscou.\u{202c}";
    let response = translated(&server, to_english(text)).await;
    let translation = &response.translations[0];
    let controls =
        |c: char| matches!(c, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert_eq!(translation.sentences.len(), 2, "{translation:?}");
    assert!(
        !translation.text.contains(controls),
        "{:?}",
        translation.text
    );
    assert!(
        translation
            .warnings
            .iter()
            .any(|warning| warning.code() == WarningCode::InvisibleRemoved),
        "{:?}",
        translation.warnings
    );
}

#[tokio::test]
async fn a_summary_of_no_or_too_many_sentences_is_refused() {
    let server = Server::start();
    for (sentences, words, field) in [
        (Some(0), None, "max_sentences"),
        (Some(101), None, "max_sentences"),
        (Some(1_000_000), None, "max_sentences"),
        (None, Some(0), "max_words"),
        (None, Some(100_001), "max_words"),
    ] {
        let request = SummarizeRequest {
            text: common::article(),
            max_sentences: sentences,
            max_words: words,
            ..SummarizeRequest::default()
        };
        let status = server
            .summarization()
            .await
            .summarize(request)
            .await
            .unwrap_err();
        assert_eq!(fields(&status), [field]);
        let request = DigestRequest {
            text: common::article(),
            target_languages: vec!["en".to_owned()],
            max_sentences: sentences,
            max_words: words,
            ..DigestRequest::default()
        };
        let status = server.articles().await.digest(request).await.unwrap_err();
        assert_eq!(fields(&status), [field]);
    }
    let request = SummarizeRequest {
        text: common::article(),
        style: 99,
        ..SummarizeRequest::default()
    };
    let status = server
        .summarization()
        .await
        .summarize(request)
        .await
        .unwrap_err();
    assert_eq!(fields(&status), ["style"]);
}

#[tokio::test]
async fn what_words_are_drawn_by_is_for_written_summaries_and_has_bounds() {
    let server = Server::start();
    let (extractive, abstractive) = (SummaryStyle::Extractive, SummaryStyle::Abstractive);
    type Draw = (Option<f32>, Option<u32>, Option<f32>, Option<u64>);
    let cases: [(SummaryStyle, Draw, &[&str]); 7] = [
        (
            extractive,
            (Some(1.0), Some(9), Some(0.5), Some(1)),
            &["temperature", "top_k", "top_p", "seed"],
        ),
        (
            abstractive,
            (None, Some(9), Some(0.5), Some(1)),
            &["top_k", "top_p", "seed"],
        ),
        (abstractive, (Some(0.0), None, None, Some(1)), &["seed"]),
        (abstractive, (Some(2.1), None, None, None), &["temperature"]),
        (
            abstractive,
            (Some(f32::NAN), None, None, None),
            &["temperature"],
        ),
        (
            abstractive,
            (Some(1.0), Some(0), Some(0.0), None),
            &["top_p", "top_k"],
        ),
        (
            abstractive,
            (Some(1.0), Some(1001), Some(1.1), None),
            &["top_p", "top_k"],
        ),
    ];
    for (style, (temperature, top_k, top_p, seed), expected) in cases {
        let request = SummarizeRequest {
            text: common::article(),
            style: style.into(),
            temperature,
            top_k,
            top_p,
            seed,
            ..SummarizeRequest::default()
        };
        let status = server.summarization().await.summarize(request).await;
        assert_eq!(fields(&status.unwrap_err()), expected);
    }
}

/// The same bytes on the wire as a `TranslateRequest`, but for strings that need not be UTF-8.
#[derive(Clone, PartialEq, prost::Message)]
struct RawTranslateRequest {
    #[prost(bytes = "vec", tag = "1")]
    text: Vec<u8>,
    #[prost(string, repeated, tag = "4")]
    target_languages: Vec<String>,
}

#[tokio::test]
async fn a_string_that_is_not_utf8_is_an_invalid_argument() {
    let server = Server::start();
    let mut client = tonic::client::Grpc::new(server.channel().await);
    client.ready().await.unwrap();
    let request = RawTranslateRequest {
        text: b"caf\xe9 au lait".to_vec(),
        target_languages: vec!["en".to_owned()],
    };
    let codec = tonic_prost::ProstCodec::<RawTranslateRequest, TranslateResponse>::default();
    let method = http::uri::PathAndQuery::from_static("/depeche.v1.TranslationService/Translate");
    let status = client
        .unary(tonic::Request::new(request), method, codec)
        .await
        .expect_err("is refused");
    assert!(
        violations(&status)[0].description.contains("UTF-8"),
        "{status:?}"
    );
}

#[tokio::test]
async fn a_bad_document_of_a_batch_does_not_end_the_batch() {
    let server = Server::start();
    let item = |id: &str, document| TranslateBatchRequest {
        id: id.to_owned(),
        document,
    };
    let requests = futures::stream::iter([
        item(
            "good",
            Some(to_english("Le président a reçu son homologue à Moscou.")),
        ),
        item("empty", Some(to_english(""))),
        item("missing", None),
        item(
            "good too",
            Some(to_english("La ville a ouvert une nouvelle école.")),
        ),
    ]);
    let mut results = server
        .translation()
        .await
        .translate_batch(requests)
        .await
        .unwrap()
        .into_inner();
    let mut seen = Vec::new();
    while let Some(response) = results.message().await.unwrap() {
        let verdict = match response.result.unwrap() {
            BatchResult::Translation(response) => {
                assert!(!response.translations[0].text.is_empty());
                "translated"
            }
            BatchResult::Error(error) => {
                assert_eq!(error.code, Code::InvalidArgument as i32);
                assert!(
                    error
                        .details
                        .iter()
                        .any(|any| any.type_url.ends_with("BadRequest"))
                );
                "refused"
            }
        };
        seen.push((response.id, verdict));
    }
    seen.sort();
    let expected = [
        ("empty", "refused"),
        ("good", "translated"),
        ("good too", "translated"),
        ("missing", "refused"),
    ];
    assert_eq!(seen, expected.map(|(id, verdict)| (id.to_owned(), verdict)));
}

#[tokio::test]
async fn documents_before_one_that_cannot_be_taken_are_answered() {
    let server = Server::start_with(&["--max-text-bytes", "1000"]);
    let item = |id: usize, text: &str| TranslateBatchRequest {
        id: id.to_string(),
        document: Some(to_english(text)),
    };
    let mut items: Vec<_> = (0..20)
        .map(|id| {
            item(
                id,
                &format!("La ville a ouvert {id} nouvelles écoles cette année."),
            )
        })
        .collect();
    items.push(item(20, &"La ville a ouvert une école. ".repeat(20_000)));
    items.push(item(21, "Le chat dort."));
    let mut results = server
        .translation()
        .await
        .translate_batch(futures::stream::iter(items))
        .await
        .unwrap()
        .into_inner();
    let mut seen = Vec::new();
    let end = loop {
        match results.message().await {
            Ok(Some(response)) => seen.push(response.id.parse::<usize>().unwrap()),
            Ok(None) => panic!("the stream ended well"),
            Err(status) => break status,
        }
    };
    seen.sort();
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
    assert_eq!(fields(&end), ["text"]);
}

#[tokio::test]
async fn a_text_in_another_script_is_not_taken_for_a_language_that_is_read() {
    let server = Server::start();
    let status = refused(&server, to_english("犬が庭で寝ている。")).await;
    assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
}
