//! Abstractive summaries over the wire, written by a small instruction model of a Python package.

mod common;

use std::{path::PathBuf, sync::LazyLock};

use common::Server;
use depeche::rpc::proto::v1::{
    StreamSummarizeRequest, SummarizeRequest, SummaryStyle, WarningCode,
    stream_summarize_response::Event,
};
use tonic::Code;

const ARTICLE: &str = "The city of Lyon opened a new school for 120 pupils on Monday. The mayor said that \
                       two more schools would follow next year, and that they would cost 4.5 million euros.";

/// A models folder with an instruction model, fetched once for all tests.
static STORE: LazyLock<PathBuf> = LazyLock::new(|| {
    let store = common::scratch("abstractive");
    let folder = store.to_str().unwrap();
    let pulled = common::run(&["models", "pull", WRITER, "--models", folder], b"");
    assert!(pulled.status.success(), "{pulled:?}");
    store
});

const WRITER: &str = "smollm2-135m-instruct-q4-1";

/// A server with the model beside the embedded ones.
fn server() -> Server {
    Server::start_with(&["--models", STORE.to_str().unwrap()])
}

fn request() -> SummarizeRequest {
    SummarizeRequest {
        text: ARTICLE.to_owned(),
        source_language: "en".to_owned(),
        style: SummaryStyle::Abstractive.into(),
        max_sentences: Some(2),
        ..SummarizeRequest::default()
    }
}

#[tokio::test]
async fn without_a_model_that_writes_the_answer_names_one() {
    let server = Server::start();
    let refused = server
        .summarization()
        .await
        .summarize(request())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(
        refused.message().contains("depeche models pull"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_pieces_of_a_stream_are_the_text_of_the_whole_answer() {
    let server = server();
    let mut client = server.summarization().await;
    let whole = client.summarize(request()).await.unwrap().into_inner();
    let summary = &whole.summaries[0];
    let codes: Vec<WarningCode> = summary
        .warnings
        .iter()
        .map(|warning| warning.code())
        .collect();
    assert!(codes.contains(&WarningCode::Generated), "{codes:?}");
    assert_eq!(summary.route.as_ref().unwrap().hops[0].model, WRITER);

    let document = Some(request());
    let stream = client.stream_summarize(StreamSummarizeRequest { document });
    let mut stream = stream.await.unwrap().into_inner();
    let (mut text, mut pieces, mut sentences, mut ended) = (String::new(), 0, 0, false);
    while let Some(event) = stream.message().await.unwrap() {
        match event.event.unwrap() {
            Event::Start(start) => assert_eq!(start.targets.len(), 1),
            Event::Delta(delta) => {
                text.push_str(&delta.text);
                pieces += 1;
                sentences += usize::from(delta.sentence.is_some());
            }
            Event::End(end) => {
                ended = true;
                assert!(end.usage.unwrap().target_tokens > 0);
            }
        }
    }
    assert!(ended);
    assert_eq!(text, summary.text);
    assert!(
        sentences <= 2 && !text.contains("quoted material"),
        "{text}"
    );
    assert_eq!(sentences, summary.sentences.len());
    assert!(
        pieces > sentences,
        "{pieces} pieces of {sentences} sentences"
    );
}

#[tokio::test]
async fn a_digest_is_told_that_it_has_no_such_style() {
    let server = Server::start();
    let request = depeche::rpc::proto::v1::DigestRequest {
        text: ARTICLE.to_owned(),
        target_languages: vec!["fr".to_owned()],
        style: SummaryStyle::Abstractive.into(),
        ..Default::default()
    };
    let refused = server.articles().await.digest(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("style"), "{refused:?}");
}

#[tokio::test]
async fn a_summary_that_nobody_reads_any_more_frees_its_place() {
    let server = server();
    let document = Some(request());
    let stream = server
        .summarization()
        .await
        .stream_summarize(StreamSummarizeRequest { document })
        .await;
    drop(stream);
    let rows = || {
        let page = server.page("/metrics");
        let line = page
            .lines()
            .find(|line| line.starts_with("depeche_batch_rows{engine=\"texts\"}"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    while rows() != Some(0.0) {
        tokio::task::yield_now().await;
    }
}
