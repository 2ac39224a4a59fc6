//! Many clients at once: requests share batches, never answers.

mod common;

use std::sync::Arc;

use common::{Server, article, phrases, to_english};
use depeche::rpc::proto::v1::{
    DigestRequest, StreamTranslateRequest, TranslateRequest, Translation,
    stream_translate_response::Event,
};
use futures::future::join_all;
use tokio::sync::Barrier;

const CLIENTS: usize = 200;
const SENTENCES_EACH: usize = 3;

/// Articles that differ, though they share sentences: a mix-up of requests would show.
fn articles() -> Vec<String> {
    let phrases = phrases();
    let article = |client: usize| {
        let picked: Vec<&str> = (0..SENTENCES_EACH)
            .map(|n| phrases[(client * (2 * n + 1) + 7 * n) % phrases.len()].as_str())
            .collect();
        format!("Dépêche numéro {client}.\n\n{}\n", picked.join(" "))
    };
    (0..CLIENTS).map(article).collect()
}

async fn translate(server: &Server, text: &str) -> Translation {
    let request = TranslateRequest {
        source_language: "fr".to_owned(),
        ..to_english(text)
    };
    let response = server.translation().await.translate(request).await.unwrap();
    response.into_inner().translations.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_at_once_get_what_each_gets_alone() {
    let server = Arc::new(Server::start_with(&["--log", "warn,depeche::server=info"]));
    let articles = articles();
    let mut alone = Vec::with_capacity(CLIENTS);
    for article in &articles {
        alone.push(translate(&server, article).await);
    }
    let barrier = Arc::new(Barrier::new(CLIENTS));
    let clients = articles.iter().cloned().map(|article| {
        let (server, barrier) = (server.clone(), barrier.clone());
        tokio::spawn(async move {
            barrier.wait().await;
            translate(&server, &article).await
        })
    });
    let together = join_all(clients).await;
    for (client, (together, alone)) in together.into_iter().zip(&alone).enumerate() {
        let together = together.unwrap();
        assert_eq!(&together, alone, "client {client}");
        assert!(
            together.text.contains(&client.to_string()),
            "{}",
            together.text
        );
        assert_eq!(
            together.text.matches("\n\n").count(),
            1,
            "{}",
            together.text
        );
    }
}

#[tokio::test]
async fn the_pieces_of_a_stream_are_the_whole_translation() {
    let server = Server::start();
    let whole = translate(&server, &article()).await;
    let document = TranslateRequest {
        source_language: "fr".to_owned(),
        ..to_english(article())
    };
    let request = StreamTranslateRequest {
        document: Some(document),
    };
    let mut events = server
        .translation()
        .await
        .stream_translate(request)
        .await
        .unwrap()
        .into_inner();
    let (mut text, mut sentences, mut started, mut ended) = (String::new(), Vec::new(), 0, 0);
    while let Some(response) = events.message().await.unwrap() {
        match response.event.unwrap() {
            Event::Start(start) => {
                assert!(text.is_empty());
                assert_eq!(start.detected_language, "fr");
                assert_eq!(start.targets[0].route, whole.route);
                started += 1;
            }
            Event::Delta(delta) => {
                text.push_str(&delta.text);
                sentences.extend(delta.sentence);
            }
            Event::End(end) => {
                assert_eq!(end.usage.unwrap().sentences as usize, sentences.len());
                ended += 1;
            }
        }
    }
    assert_eq!((started, ended), (1, 1));
    assert_eq!(text, whole.text);
    assert_eq!(sentences, whole.sentences);
    for sentence in &sentences {
        let span = sentence.target_span.unwrap();
        assert_eq!(text[span.start as usize..span.end as usize], sentence.text);
    }
}

#[tokio::test]
async fn a_digest_translates_as_translate_does_and_quotes_the_translation() {
    let server = Server::start();
    let whole = translate(&server, &article()).await;
    let request = DigestRequest {
        text: article(),
        source_language: "fr".to_owned(),
        target_languages: vec!["en".to_owned()],
        ..DigestRequest::default()
    };
    let digest = server
        .articles()
        .await
        .digest(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(digest.translations, std::slice::from_ref(&whole));
    let [own, english] = digest.summaries.as_slice() else {
        panic!("{:?}", digest.summaries)
    };
    assert_eq!(
        (own.language.as_str(), english.language.as_str()),
        ("fr", "en")
    );
    assert_eq!(own.sentences.len(), english.sentences.len());
    for (own, english) in own.sentences.iter().zip(&english.sentences) {
        let span = own.source_span.unwrap();
        assert_eq!(own.source_span, english.source_span);
        assert_eq!(article()[span.start as usize..span.end as usize], own.text);
        assert!(
            whole
                .sentences
                .iter()
                .any(|sentence| sentence.text == english.text)
        );
    }
}

#[tokio::test]
async fn a_server_told_to_end_finishes_what_is_under_way() {
    let mut server = Server::start();
    let document = TranslateRequest {
        source_language: "fr".to_owned(),
        ..to_english(article())
    };
    let request = StreamTranslateRequest {
        document: Some(document),
    };
    let mut client = server.translation().await;
    let mut events = client.stream_translate(request).await.unwrap().into_inner();
    assert!(matches!(
        events.message().await.unwrap().unwrap().event,
        Some(Event::Start(_))
    ));
    server.signal("TERM");
    server.wait_for("draining");
    let mut last = None;
    while let Some(response) = events.message().await.unwrap() {
        last = response.event;
    }
    assert!(matches!(last, Some(Event::End(_))), "{last:?}");
    drop((events, client));
    assert!(server.wait().success(), "{}", server.log());
}
