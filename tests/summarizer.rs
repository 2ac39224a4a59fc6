//! Abstractive summaries over the wire by a model that was made for summaries: `tests/golden/make_summary.py` tells
//! what it is, and what the reference writes with it.

mod common;

use std::{fs, path::PathBuf, sync::LazyLock};

use common::Server;
use depeche::rpc::proto::v1::{
    StreamSummarizeRequest, SummarizeRequest, Summary, SummaryStyle, WarningCode,
    stream_summarize_response::Event,
};
use serde::Deserialize;
use tonic::Code;

#[derive(Deserialize)]
struct Golden {
    text: String,
    summary: String,
    tokens: u64,
}

static GOLDEN: LazyLock<Vec<Golden>> = LazyLock::new(|| {
    let golden = fs::read(common::path("tests/golden/summary/golden.json")).unwrap();
    serde_json::from_slice(&golden).unwrap()
});

const MODEL: &str = "tiny-summary";

/// A models folder with the model and an entry for it.
static STORE: LazyLock<PathBuf> = LazyLock::new(|| {
    let store = common::scratch("summarizer");
    let folder = store.join(MODEL);
    fs::create_dir(&folder).unwrap();
    for file in fs::read_dir(common::path("tests/golden/summary")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    let entry = format!(
        "[[model]]\nid = \"{MODEL}\"\ntask = \"summarization\"\nengine = \"t5\"\nsource_languages = [\"fr\"]\n\
         target_languages = [\"fr\"]\nlicence = \"Apache-2.0\"\nchecked = \"form\"\n\
         source = {{ kind = \"folder\", path = \"{MODEL}\" }}\n\
         files = [{{ path = \"config.json\" }}, {{ path = \"model.safetensors\" }}, {{ path = \"spiece.model\" }}]\n"
    );
    fs::write(store.join("catalog.toml"), entry).unwrap();
    store
});

/// A server with the model beside the embedded ones, in the arithmetic of the reference.
fn server() -> Server {
    let store = STORE.to_str().unwrap();
    Server::start_with(&["--models", store, "--compute-type", "f32"])
}

fn request(text: &str) -> SummarizeRequest {
    SummarizeRequest {
        text: text.to_owned(),
        source_language: "fr".to_owned(),
        style: SummaryStyle::Abstractive.into(),
        max_sentences: Some(5),
        ..SummarizeRequest::default()
    }
}

async fn summarize(server: &Server, request: SummarizeRequest) -> Summary {
    let answer = server.summarization().await.summarize(request).await;
    answer.unwrap().into_inner().summaries.remove(0)
}

fn codes(summary: &Summary) -> Vec<WarningCode> {
    let warnings = summary.warnings.iter();
    warnings.map(|warning| warning.code()).collect()
}

fn models(summary: &Summary) -> Vec<&str> {
    let hops = &summary.route.as_ref().unwrap().hops;
    hops.iter().map(|hop| &*hop.model).collect()
}

#[tokio::test]
async fn golden_summaries_are_what_the_reference_writes_whole_and_streamed() {
    let server = server();
    let mut client = server.summarization().await;
    for golden in GOLDEN.iter() {
        let answer = client.summarize(request(&golden.text)).await;
        let answer = answer.unwrap().into_inner();
        let summary = &answer.summaries[0];
        assert_eq!(summary.text, golden.summary);
        assert_eq!(summary.language, "fr");
        assert_eq!(models(summary), [MODEL]);
        assert!(codes(summary).contains(&WarningCode::Generated));
        assert!(!codes(summary).contains(&WarningCode::Shortened));
        assert_eq!(answer.usage.unwrap().target_tokens, golden.tokens);

        let document = Some(request(&golden.text));
        let stream = client.stream_summarize(StreamSummarizeRequest { document });
        let mut stream = stream.await.unwrap().into_inner();
        let (mut text, mut pieces) = (String::new(), 0);
        while let Some(event) = stream.message().await.unwrap() {
            if let Event::Delta(delta) = event.event.unwrap() {
                text.push_str(&delta.text);
                pieces += 1;
            }
        }
        assert_eq!(text, golden.summary);
        assert!(pieces > 1, "{pieces}");
    }
}

#[tokio::test]
async fn line_breaks_are_spaces_to_the_model() {
    let golden = &GOLDEN[0];
    let text = golden.text.replacen(". ", ".\n\n", 1);
    assert_ne!(text, golden.text);
    let summary = summarize(&server(), request(&text)).await;
    assert_eq!(summary.text, golden.summary);
}

#[tokio::test]
async fn of_a_text_that_is_too_long_the_model_is_shown_a_part() {
    let all: Vec<&str> = GOLDEN.iter().map(|golden| &*golden.text).collect();
    let summary = summarize(&server(), request(&all.join(" "))).await;
    assert!(codes(&summary).contains(&WarningCode::Shortened));
}

#[tokio::test]
async fn a_summary_has_no_more_tokens_than_its_length_allows() {
    let short = SummarizeRequest {
        max_sentences: None,
        max_words: Some(1),
        ..request(&GOLDEN[0].text)
    };
    let answer = server().summarization().await.summarize(short).await;
    let answer = answer.unwrap().into_inner();
    assert!(answer.usage.unwrap().target_tokens <= 6);
    let codes = codes(&answer.summaries[0]);
    assert!(codes.contains(&WarningCode::Length), "{codes:?}");
}

#[tokio::test]
async fn a_summary_in_another_language_is_translated_from_the_models_own() {
    let server = server();
    let both = SummarizeRequest {
        target_languages: vec!["en".to_owned(), "fr".to_owned()],
        ..request(&GOLDEN[1].text)
    };
    let answer = server.summarization().await.summarize(both.clone()).await;
    let answer = answer.unwrap().into_inner();
    let [english, french] = &answer.summaries[..] else {
        panic!("{answer:?}")
    };
    assert_eq!(french.text, GOLDEN[1].summary);
    assert_eq!(models(french), [MODEL]);
    assert_eq!(models(english), [MODEL, "fr-en"]);
    let translated = common::to_english(&*french.text);
    let translated = server.translation().await.translate(translated).await;
    let translated = translated.unwrap().into_inner().translations.remove(0);
    assert_eq!(english.text, translated.text);
    assert_eq!(english.sentences.len(), french.sentences.len());
    assert!(codes(english).contains(&WarningCode::Generated));
}

#[tokio::test]
async fn what_the_model_does_not_read_or_nothing_leads_to_is_refused() {
    let server = server();
    let refused = async |source: &str, target: &str| {
        let request = SummarizeRequest {
            source_language: source.to_owned(),
            target_languages: vec![target.to_owned()],
            ..request(&GOLDEN[0].text)
        };
        let answer = server.summarization().await.summarize(request).await;
        answer.unwrap_err()
    };
    let unread = refused("en", "en").await;
    assert_eq!(unread.code(), Code::FailedPrecondition);
    assert!(unread.message().contains("texts in en"), "{unread:?}");
    let unreached = refused("fr", "de").await;
    assert_eq!(unreached.code(), Code::FailedPrecondition);
    assert!(unreached.message().contains("fr to de"), "{unreached:?}");
}

#[tokio::test]
async fn a_summary_is_drawn_by_its_seed() {
    let server = server();
    let drawn = async |seed: u64| {
        let request = SummarizeRequest {
            temperature: Some(1.5),
            top_k: Some(20),
            top_p: Some(0.9),
            seed: Some(seed),
            ..request(&GOLDEN[0].text)
        };
        summarize(&server, request).await.text
    };
    let first = drawn(7).await;
    // Beside others, too.
    let (again, second, third) = tokio::join!(drawn(7), drawn(8), drawn(9));
    assert_eq!(again, first);
    assert!(second != first || third != first);
    assert_ne!(first, GOLDEN[0].summary);
    // Of one token only there is nothing to draw.
    let one = SummarizeRequest {
        temperature: Some(1.5),
        top_k: Some(1),
        ..request(&GOLDEN[0].text)
    };
    assert_eq!(summarize(&server, one).await.text, GOLDEN[0].summary);
}
