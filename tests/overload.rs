//! More work than can be done, from outside: what is refused and how it is told, and whose turn it is.

mod common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use common::{Server, phrases, to_english};
use depeche::rpc::proto::v1::{
    StreamTranslateRequest, TranslateBatchRequest, TranslateRequest,
    stream_translate_response::Event, translate_batch_response::Result as BatchResult,
};
use futures::{StreamExt, stream};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// So many sentences, a paragraph each.
fn book(sentences: usize) -> String {
    let phrases = phrases();
    let lines: Vec<&str> = phrases
        .iter()
        .map(String::as_str)
        .cycle()
        .take(sentences)
        .collect();
    lines.join("\n\n")
}

fn french(text: &str) -> TranslateRequest {
    TranslateRequest {
        source_language: "fr".to_owned(),
        ..to_english(text)
    }
}

fn streamed(text: &str) -> StreamTranslateRequest {
    StreamTranslateRequest {
        document: Some(french(text)),
    }
}

fn of<M>(client: &'static str, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("x-client-id", client.parse().unwrap());
    request
}

fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .unwrap()
        .reason
        .clone()
}

#[tokio::test]
async fn a_refusal_tells_when_to_come_again_in_its_details_and_in_its_metadata() {
    let server = Server::start_with(&["--queue-tokens", "100"]);
    let mut client = server.translation().await;
    let mut books = Vec::new();
    // Two fill the room, for a book counts half of it at the most.
    for _ in 0..2 {
        let book = client.stream_translate(streamed(&book(2000))).await;
        let mut book = book.unwrap().into_inner();
        assert!(book.message().await.unwrap().is_some());
        books.push(book);
    }
    assert!(client.translate(french("Le chat dort.")).await.is_ok());
    let refused = client.translate(french(&book(2000))).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert_eq!(reason(&refused), "OVERLOADED");
    let details = refused.get_error_details();
    let wait = details.retry_info().unwrap().retry_delay.unwrap();
    let pushback = refused.metadata().get(PUSHBACK).unwrap().to_str().unwrap();
    let pushback: u128 = pushback.parse().unwrap();
    assert!(wait > Duration::ZERO);
    assert_eq!(pushback, wait.as_millis());
    assert!(server.page("/livez").contains("200 OK"));
    assert!(server.page("/readyz").contains("200 OK"));
    // What nobody waits for any more makes room.
    drop(books);
    while client.translate(french(&book(20))).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(server.metric("depeche_saved_tokens_total") > 0.0);
}

#[tokio::test]
async fn work_that_cannot_be_done_in_time_is_refused_before_anything_is_computed() {
    let server = Server::start();
    let mut client = server.translation().await;
    let mut request = Request::new(french(&book(8000)));
    request.set_timeout(Duration::from_secs(2));
    let refused = client.translate(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert_eq!(reason(&refused), "DEADLINE_TOO_SOON");
    // Not to be tried again: alone it would be late, too.
    assert_eq!(refused.metadata().get(PUSHBACK).unwrap(), "-1");
    assert!(refused.get_error_details().retry_info().is_none());
    assert_eq!(server.metric("depeche_fidelity_checks_total"), 0.0);
    assert_eq!(server.metric("depeche_shed_requests_total"), 1.0);
}

#[tokio::test]
async fn a_client_with_two_thousand_sentences_does_not_hold_up_one_with_one() {
    let server = Server::start_with(&["--trusted-peers", "all"]);
    let book = book(2000);
    let mut large = server.translation().await;
    let request = of("printer", streamed(&book));
    let mut events = large.stream_translate(request).await.unwrap().into_inner();
    let mut small = server.translation().await;
    assert!(events.message().await.unwrap().is_some());
    let request = of("desk", french("Le chat dort."));
    let translated = small.translate(request).await.unwrap().into_inner();
    assert!(translated.translations[0].text.contains("cat"));
    // It was answered with more than half of the book yet to come; six checks a sentence.
    let computed = server.metric("depeche_fidelity_checks_total") / 6.0;
    assert!(computed < 1000.0, "{computed} sentences before the one");
    let mut given = 0;
    while let Some(message) = events.message().await.unwrap() {
        given += usize::from(matches!(message.event, Some(Event::Delta(_))));
    }
    assert!(given >= 2000);
}

#[tokio::test]
async fn a_batch_goes_on_beside_others_and_gives_every_document() {
    let server = Server::start();
    let mut batch = server.translation().await;
    let documents = phrases().into_iter().take(60).enumerate();
    let documents: Vec<_> = documents
        .map(|(id, text)| TranslateBatchRequest {
            id: id.to_string(),
            document: Some(french(&text)),
        })
        .collect();
    let expected = documents.len();
    let mut results = batch
        .translate_batch(stream::iter(documents))
        .await
        .unwrap()
        .into_inner();
    let mut other = server.translation().await;
    assert!(other.translate(french("Le chat dort.")).await.is_ok());
    let mut translated = 0;
    while let Some(result) = results.next().await {
        assert!(matches!(
            result.unwrap().result,
            Some(BatchResult::Translation(_))
        ));
        translated += 1;
    }
    assert_eq!(translated, expected);
}

#[tokio::test]
async fn a_long_document_of_a_batch_is_not_passed_by_short_ones_for_ever() {
    // The long one is larger than all that batches may have, a few of the short ones fill it.
    let server = Server::start_with(&["--queue-tokens", "100"]);
    let document = |id: usize, text: &str| TranslateBatchRequest {
        id: id.to_string(),
        document: Some(french(text)),
    };
    let mut short = server.translation().await;
    let steady = stream::iter(0..).map(move |id| document(id, "Le chat dort sur le tapis."));
    let mut steady = short.translate_batch(steady).await.unwrap().into_inner();
    assert!(steady.next().await.unwrap().is_ok());
    let steady = tokio::spawn(async move { while steady.next().await.is_some() {} });
    let mut long = server.translation().await;
    let documents = stream::iter([document(0, &book(20))]);
    let mut results = long.translate_batch(documents).await.unwrap().into_inner();
    let result = results.next().await.unwrap().unwrap().result;
    assert!(matches!(result, Some(BatchResult::Translation(_))));
    assert!(!steady.is_finished());
    steady.abort();
}

#[tokio::test]
async fn beams_and_models_on_the_way_count_in_a_quota() {
    let config = common::scratch("quota").join("depeche.toml");
    let quotas = "trusted_peers = \"all\"\n[quotas.default]\ntokens_per_second = 1\n";
    std::fs::write(&config, quotas).unwrap();
    let students = common::path("tests/golden/students");
    let server = Server::start_with(&[
        "--config",
        config.to_str().unwrap(),
        "--models",
        students.to_str().unwrap(),
    ]);
    let mut client = server.translation().await;
    // Thirty-one tokens.
    let text = "Le comité d'organisation a présenté au public un accord signé avec 12 entreprises de la ville et de sa région hier soir.";
    let [plain, wide, far] = [
        french(text),
        TranslateRequest {
            beam_size: Some(16),
            ..french(text)
        },
        TranslateRequest {
            target_languages: vec!["ja".to_owned()],
            ..french(text)
        },
    ];
    // How long each account is told to wait after its request, in seconds: a second a token that it owes, up
    // to half as long again, a minute at the most before that.
    let mut owed = Vec::new();
    for (account, request) in [("plain", plain), ("wide", wide), ("far", far)] {
        client.translate(of(account, request)).await.unwrap();
        let next = client.translate(of(account, french("Non."))).await;
        owed.push(next.err().map_or(Duration::ZERO, |refused| {
            assert_eq!(reason(&refused), "QUOTA");
            let details = refused.get_error_details();
            details.retry_info().unwrap().retry_delay.unwrap()
        }));
    }
    let [plain, wide, far] = owed[..] else {
        panic!("{owed:?}")
    };
    assert!(plain <= Duration::from_secs(44), "{owed:?}");
    assert!(far > Duration::from_secs(45), "{owed:?}");
    assert!(wide >= Duration::from_secs(60), "{owed:?}");
}

#[tokio::test]
async fn a_client_that_stops_reading_gives_its_place_back_at_the_servers_own_deadline() {
    let server = Server::start_with(&["--max-request-duration", "1s"]);
    let mut client = server.translation().await;
    let unread = client.stream_translate(streamed(&book(8000))).await;
    // Not read and not dropped; the deadline of the server may also have come first.
    while server.metric("depeche_admitted_tokens") > 0.0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(unread);
    assert!(client.translate(french("Le chat dort.")).await.is_ok());
}

#[tokio::test]
async fn a_call_under_way_outlives_its_connections_age() {
    let server = Server::start_with(&["--max-connection-age", "200ms"]);
    let mut client = server.translation().await;
    let mut events = client
        .stream_translate(streamed(&book(500)))
        .await
        .unwrap()
        .into_inner();
    let mut last = None;
    while let Some(message) = events.message().await.unwrap() {
        last = message.event;
    }
    assert!(matches!(last, Some(Event::End(_))), "{last:?}");
}

#[test]
fn a_client_of_an_old_connection_is_told_before_it_is_cut() {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const GOAWAY: u8 = 7;
    let server = Server::start_with(&[
        "--max-connection-age",
        "100ms",
        "--max-connection-grace",
        "2s",
    ]);
    let mut connection = TcpStream::connect(&server.grpc).unwrap();
    connection
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .unwrap();
    connection.write_all(&SETTINGS).unwrap();
    // Frames: three bytes of length, the type, flags, four bytes of stream; then as many as the length.
    let mut kinds = Vec::new();
    let mut header = [0; 9];
    while connection.read_exact(&mut header).is_ok() {
        let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
        let mut frame = vec![0; length as usize];
        connection.read_exact(&mut frame).unwrap();
        kinds.push(header[3]);
    }
    assert!(kinds.contains(&GOAWAY), "{kinds:?}");
}
