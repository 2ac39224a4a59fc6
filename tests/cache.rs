//! Sentences that are asked for again, from outside: the same answer, and nothing computed.

mod common;

use std::time::Duration;

use common::{Server, article, depeche, start_and_fail, to_english};
use depeche::rpc::proto::v1::{
    SummarizeRequest, TranslateRequest, TranslateResponse, TranslatedSentence, Usage,
};
use tonic::{Code, Request};

const HITS: &str = "depeche_cache_hits_total";
const MISSES: &str = "depeche_cache_misses_total";
const COMPUTED: &str = "depeche_tokens_total";
const BYTES: &str = "depeche_cache_bytes";

/// As it is without any settings.
fn by_default() -> Server {
    let mut command = depeche();
    command.env_remove("DEPECHE_CACHE_BYTES");
    Server::start_by(command, &[])
}

async fn translate(server: &Server, request: TranslateRequest) -> TranslateResponse {
    let mut client = server.translation().await;
    client.translate(request).await.unwrap().into_inner()
}

/// The answer without what it took.
fn timeless(mut answer: TranslateResponse) -> TranslateResponse {
    answer.usage = answer.usage.map(|usage| Usage {
        queue_time: None,
        compute_time: None,
        ..usage
    });
    answer
}

#[tokio::test]
async fn the_same_text_again_has_the_same_answer_and_is_not_computed_again() {
    let server = by_default();
    let first = translate(&server, to_english(article())).await;
    let (computed, misses) = (server.metric(COMPUTED), server.metric(MISSES));
    assert!(computed > 0.0 && misses > 10.0);
    assert_eq!(server.metric(HITS), 0.0);
    let bytes = server.metric(BYTES);
    assert!(bytes > article().len() as f64 && bytes < f64::from(4 << 20));

    let second = translate(&server, to_english(article())).await;
    assert_eq!(server.metric(COMPUTED), computed);
    assert_eq!(
        (server.metric(HITS), server.metric(MISSES)),
        (misses, misses)
    );
    assert_eq!(server.metric(BYTES), bytes);
    let zero = prost_types::Duration::default();
    assert_eq!(second.usage.as_ref().unwrap().compute_time, Some(zero));
    assert!(second.usage.as_ref().unwrap().source_tokens > 0);
    assert_eq!(timeless(first), timeless(second));
}

#[tokio::test]
async fn whoever_keeps_nothing_says_the_same() {
    let (keeping, forgetful) = (by_default(), Server::start_with(&["--cache-bytes", "0"]));
    let text = "Selon M. Hmaïd, 46 ans, la 40e édition a réuni une soixantaine de personnes à Évreux. \
                Écrivez à marie.dupont@example.org. Написал Иван.";
    let expected = timeless(translate(&forgetful, to_english(text)).await);
    for _ in 0..2 {
        let kept = timeless(translate(&keeping, to_english(text)).await);
        assert_eq!(kept, expected);
        let again = timeless(translate(&forgetful, to_english(text)).await);
        assert_eq!(again, expected);
    }
    assert!(keeping.metric(HITS) > 0.0);
    assert_eq!(
        (forgetful.metric(HITS), forgetful.metric(MISSES)),
        (0.0, 0.0)
    );
    assert_eq!(forgetful.metric(BYTES), 0.0);
}

#[tokio::test]
async fn another_search_and_a_summary_are_kept_by_what_decides_them() {
    let server = by_default();
    let greedy = translate(&server, to_english(article())).await;
    let beam = TranslateRequest {
        beam_size: Some(4),
        ..to_english(article())
    };
    let beam = translate(&server, beam).await;
    assert_eq!(server.metric(HITS), 0.0);
    let likely = |sentence: &TranslatedSentence| sentence.score.is_some();
    assert!(beam.translations[0].sentences.iter().all(likely));
    assert_ne!(beam.translations[0].text, greedy.translations[0].text);

    let mut client = server.summarization().await;
    let summary = client.summarize(SummarizeRequest {
        text: article(),
        target_languages: vec!["en".to_owned()],
        max_sentences: Some(2),
        ..SummarizeRequest::default()
    });
    let summary = summary.await.unwrap().into_inner();
    assert_eq!(server.metric(HITS), 2.0);
    let sentences = &greedy.translations[0].sentences;
    for told in &summary.summaries[0].sentences {
        assert!(sentences.iter().any(|sentence| sentence.text == told.text));
    }
}

#[tokio::test]
async fn what_was_given_up_leaves_only_whole_sentences() {
    let (server, fresh) = (by_default(), Server::start_with(&["--cache-bytes", "0"]));
    let expected = timeless(translate(&fresh, to_english(article())).await);
    let mut client = server.translation().await;
    let mut late = 0;
    for milliseconds in [5, 20, 40, 60] {
        let mut request = Request::new(to_english(article()));
        request.set_timeout(Duration::from_millis(milliseconds));
        if let Err(status) = client.translate(request).await {
            let given_up = [
                Code::DeadlineExceeded,
                Code::Cancelled,
                Code::ResourceExhausted,
            ];
            assert!(given_up.contains(&status.code()), "{status:?}");
            late += 1;
        }
    }
    assert!(late > 0, "each was answered within its few milliseconds");
    let answer = timeless(translate(&server, to_english(article())).await);
    assert_eq!(answer, expected);
}

#[test]
fn a_size_that_is_none_is_refused_by_name() {
    let (code, told) = start_and_fail(&["--cache-bytes", "much"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains("--cache-bytes") && told.contains("much"),
        "{told}"
    );
    let refused = depeche()
        .env("DEPECHE_CACHE_BYTES", "-1")
        .args(["serve", "--listen", "127.0.0.1:0", "--admin", "none"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).to_lowercase();
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(
        told.contains("cache_bytes") && told.contains("-1"),
        "{told}"
    );
}
