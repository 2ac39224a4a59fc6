//! The end of a server, from outside: what it still does, what it leaves to others.

mod common;

use std::{collections::BTreeSet, net::TcpStream};

use common::{Server, phrases, to_english};
use depeche::rpc::proto::v1::{
    StreamTranslateRequest, TranslateBatchRequest, TranslateBatchResponse, TranslateRequest,
    stream_translate_response::Event, translate_batch_response::Result as BatchResult,
};
use futures::channel::mpsc::{UnboundedSender, unbounded};
use tonic::{Code, Streaming};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt;

fn document(id: impl ToString, text: &str) -> TranslateBatchRequest {
    TranslateBatchRequest {
        id: id.to_string(),
        document: Some(TranslateRequest {
            source_language: "fr".to_owned(),
            ..to_english(text)
        }),
    }
}

/// Much work.
fn long(id: impl ToString) -> TranslateBatchRequest {
    document(id, &phrases()[..40].join("\n\n"))
}

/// On a machine with much else to do, too.
const PATIENT: [&str; 2] = ["--drain-timeout", "10m"];

type Batch = (
    UnboundedSender<TranslateBatchRequest>,
    Streaming<TranslateBatchResponse>,
);

async fn batch(server: &Server) -> Batch {
    let (send, documents) = unbounded();
    let results = server.translation().await.translate_batch(documents).await;
    (send, results.unwrap().into_inner())
}

/// The id of the next document that was translated.
async fn next(results: &mut Streaming<TranslateBatchResponse>) -> Option<String> {
    let result = results.message().await.unwrap()?;
    assert!(matches!(result.result, Some(BatchResult::Translation(_))));
    Some(result.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_as_far_as_it_had_come_and_the_rest_is_for_another_server() {
    let (mut first, second) = (Server::start_with(&PATIENT), Server::start());
    let (send, mut results) = batch(&first).await;
    for id in 0..6 {
        send.unbounded_send(long(id)).unwrap();
    }
    // Documents come in order: when the last one is answered, all have come.
    send.unbounded_send(document("short", "Le chat dort."))
        .unwrap();
    let mut answered = BTreeSet::new();
    while !answered.contains("short") {
        answered.insert(next(&mut results).await.unwrap());
    }
    assert!(answered.len() < 7, "nothing was left to do");
    first.signal("TERM");
    first.wait_for("draining");
    for id in ["late", "later"] {
        send.unbounded_send(document(id, "Le chien court."))
            .unwrap();
    }
    let end = loop {
        match results.message().await {
            Ok(Some(result)) => {
                assert!(matches!(result.result, Some(BatchResult::Translation(_))));
                assert!(answered.insert(result.id), "answered twice");
            }
            Ok(None) => panic!("it ended as if it were whole"),
            Err(status) => break status,
        }
    };
    assert_eq!(end.code(), Code::Unavailable, "{end}");
    assert_eq!(end.get_details_error_info().unwrap().reason, "DRAINING");
    let expected = ["0", "1", "2", "3", "4", "5", "short"];
    assert_eq!(answered, expected.map(str::to_owned).into());
    drop((send, results));
    assert!(first.wait().success());

    let (send, mut results) = batch(&second).await;
    for id in ["late", "later"] {
        send.unbounded_send(document(id, "Le chien court."))
            .unwrap();
    }
    drop(send);
    let mut rest = BTreeSet::new();
    while let Some(id) = next(&mut results).await {
        rest.insert(id);
    }
    assert_eq!(rest, ["late", "later"].map(str::to_owned).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_had_come_whole_is_answered_whole() {
    let mut server = Server::start_with(&PATIENT);
    let (send, mut results) = batch(&server).await;
    for id in 0..6 {
        send.unbounded_send(long(id)).unwrap();
    }
    send.unbounded_send(document("short", "Le chat dort."))
        .unwrap();
    drop(send);
    let mut answered = 0;
    while next(&mut results).await.unwrap() != "short" {
        answered += 1;
    }
    server.signal("TERM");
    server.wait_for("draining");
    while next(&mut results).await.is_some() {
        answered += 1;
    }
    assert_eq!(answered, 6);
    drop(results);
    assert!(server.wait().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_at_once_new_connections_are_refused_and_idle_streams_end() {
    let mut server = Server::start_with(&PATIENT);
    let (send, mut results) = batch(&server).await;
    send.unbounded_send(document(1, "Le chat dort.")).unwrap();
    assert_eq!(next(&mut results).await.as_deref(), Some("1"));
    let channel = server.channel().await;
    let mut health = HealthClient::new(channel)
        .watch(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner();
    let mut told = async || {
        health
            .message()
            .await
            .ok()
            .flatten()
            .map(|said| said.status())
    };
    assert_eq!(told().await, Some(ServingStatus::Serving));
    // What keeps the server from ending before it was looked at.
    let mut client = server.translation().await;
    let request = StreamTranslateRequest {
        document: long("").document,
    };
    let mut events = client.stream_translate(request).await.unwrap().into_inner();
    assert!(events.message().await.unwrap().is_some());

    server.signal("TERM");
    server.wait_for("draining");
    assert_eq!(told().await, Some(ServingStatus::NotServing));
    assert!(server.page("/livez").contains("200 OK"));
    assert!(server.page("/readyz").contains("503"));
    assert_eq!(
        results.message().await.unwrap_err().code(),
        Code::Unavailable
    );
    // The listener is closed by a task of its own.
    while TcpStream::connect(&server.grpc).is_ok() {
        tokio::task::yield_now().await;
    }
    let mut last = None;
    while let Some(message) = events.message().await.unwrap() {
        last = message.event;
    }
    assert!(matches!(last, Some(Event::End(_))), "{last:?}");
    drop((events, client, results, send, health));
    assert!(server.wait().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_and_the_drain_timeout_end_what_is_still_under_way() {
    for second in [true, false] {
        let args = ["--drain-timeout", if second { "1h" } else { "1s" }];
        let mut server = Server::start_with(&args);
        let (send, mut results) = batch(&server).await;
        for id in 0..200 {
            send.unbounded_send(long(id)).unwrap();
        }
        assert!(next(&mut results).await.is_some());
        server.signal("TERM");
        server.wait_for("draining");
        if second {
            server.signal("TERM");
        }
        assert!(server.wait().success());
        let log = server.log();
        let told = if second {
            "second signal"
        } else {
            "drain_timeout"
        };
        assert!(log.contains(told), "{log}");
    }
}
