//! Whose request it is: who may say so, and that nobody gains by saying more.

mod common;

use std::{collections::VecDeque, fs};

use common::{
    Server, phrases, run, scratch,
    tls::{Authority, Files, connect, text},
    to_english,
};
use depeche::rpc::proto::v1::{
    StreamTranslateRequest, TranslateRequest, stream_translate_response::Event,
    translation_service_client::TranslationServiceClient,
};
use futures::future::join_all;
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};

const QUOTA: &str = "[quotas.default]\ntokens_per_second = 1\n";

fn config(name: &str) -> String {
    let path = scratch(name).join("depeche.toml");
    fs::write(&path, QUOTA).unwrap();
    text(&path).to_owned()
}

/// Asks as somebody, with a token or without.
async fn ask(channel: &Channel, id: &str, token: Option<&str>) -> Result<(), Status> {
    // A debt that lasts for minutes, however slow the machine is.
    let mut request = Request::new(to_english("Le chat dort. ".repeat(50)));
    let headers = request.metadata_mut();
    headers.insert("x-client-id", id.parse().unwrap());
    if let Some(token) = token {
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    let mut client = TranslationServiceClient::new(channel.clone());
    client.translate(request).await.map(drop)
}

/// The account that a refusal names.
fn is_refused(outcome: Result<(), Status>, account: &str) {
    let refused = outcome.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(refused.message().contains(account), "{refused}");
}

#[tokio::test]
async fn names_that_a_client_gives_itself_get_it_no_quota() {
    let server = Server::start_with(&["--config", &config("clients-untrusted")]);
    let channel = server.channel().await;
    ask(&channel, "first", None).await.unwrap();
    is_refused(ask(&channel, "second", None).await, "address/127.0.0.1");
}

#[tokio::test]
async fn names_that_a_trusted_address_gives_have_quotas_of_their_own() {
    let config = config("clients-address");
    let trusted = ["--trusted-peers", "address/127.0.0.0/8"];
    let server = Server::start_with(&[&["--config", &config][..], &trusted].concat());
    let channel = server.channel().await;
    ask(&channel, "first", None).await.unwrap();
    ask(&channel, "second", None).await.unwrap();
    is_refused(ask(&channel, "first", None).await, "id/first");
}

#[tokio::test]
async fn only_the_token_that_is_trusted_names_clients() {
    let (mut tokens, mut entries) = (Vec::new(), String::new());
    for name in ["gateway", "desk"] {
        let told = String::from_utf8(run(&["token", "new", name], b"").stdout).unwrap();
        let (token, entry) = told.split_once("\n\n").unwrap();
        tokens.push(token.to_owned());
        entries.push_str(entry);
    }
    let file = scratch("clients-tokens").join("tokens.toml");
    fs::write(&file, entries).unwrap();
    let config = config("clients-token");
    let server = Server::start_with(&[
        "--config",
        &config,
        "--tokens-file",
        text(&file),
        "--trusted-peers",
        "token/gateway",
    ]);
    let channel = server.channel().await;
    let (gateway, desk) = (Some(tokens[0].as_str()), Some(tokens[1].as_str()));
    ask(&channel, "first", gateway).await.unwrap();
    ask(&channel, "second", gateway).await.unwrap();
    is_refused(ask(&channel, "first", gateway).await, "id/first");
    ask(&channel, "first", desk).await.unwrap();
    is_refused(ask(&channel, "third", desk).await, "token/desk");
}

#[tokio::test]
async fn only_the_certificate_that_is_trusted_names_clients() {
    let ours = Authority::new();
    let files = Files::write(&scratch("clients-tls"), &ours.server(), &ours);
    let config = config("clients-certificate");
    let trusted = [
        "--config",
        &config,
        "--trusted-peers",
        "spiffe://mesh/gateway",
    ];
    let server = Server::start_with(&[&files.mutual()[..], &trusted].concat());
    let pair = |name| ours.sign(name, common::tls::Validity::Good);
    let gateway = connect(&server, &ours.ca, Some(&pair("spiffe://mesh/gateway"))).await;
    let desk = connect(&server, &ours.ca, Some(&pair("spiffe://mesh/desk"))).await;
    let (gateway, desk) = (gateway.unwrap(), desk.unwrap());
    ask(&gateway, "first", None).await.unwrap();
    ask(&gateway, "second", None).await.unwrap();
    is_refused(ask(&gateway, "first", None).await, "id/first");
    ask(&desk, "first", None).await.unwrap();
    is_refused(ask(&desk, "third", None).await, "spiffe://mesh/desk");
}

#[test]
fn what_is_no_peer_keeps_the_server_from_starting() {
    let (code, told) = common::start_and_fail(&["--trusted-peers", "address/10.0.0.0/99"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains("trusted") && told.contains("10.0.0.0/99"),
        "{told}"
    );
}

/// Sentences of many requests under many names that were answered while another client waited for as many
/// of its own as one of those requests has.
async fn answered_meanwhile(trusted: &str) -> usize {
    const NAMES: usize = 20;
    const SENTENCES: usize = 100;
    // Nothing goes by the clock here, however slow the machine is.
    let patient = ["--queue-wait", "1h", "--receive-timeout", "1h"];
    let server = Server::start_with(&[&["--trusted-peers", trusted][..], &patient].concat());
    let text = phrases()[..SENTENCES].join("\n\n");
    let request = |id: &str| {
        let document = TranslateRequest {
            source_language: "fr".to_owned(),
            ..to_english(text.clone())
        };
        let mut request = Request::new(StreamTranslateRequest {
            document: Some(document),
        });
        request
            .metadata_mut()
            .insert("x-client-id", id.parse().unwrap());
        request
    };
    let greedy = server.translation().await;
    let begin = |name: usize| {
        let (mut client, request) = (greedy.clone(), request(&format!("name-{name}")));
        async move { client.stream_translate(request).await.unwrap().into_inner() }
    };
    let mut streams: VecDeque<_> = join_all((0..NAMES).map(begin)).await.into();
    let modest = Endpoint::from_shared(server.url())
        .unwrap()
        .local_address(Some("127.0.0.2".parse().unwrap()));
    let mut modest = TranslationServiceClient::new(modest.connect().await.unwrap());
    let events = modest.stream_translate(request("modest")).await;
    let mut events = events.unwrap().into_inner();
    let done = tokio::spawn(async move {
        while let Some(message) = events.message().await.unwrap() {
            if let Some(Event::End(_)) = message.event {
                return;
            }
        }
        panic!("no end");
    });
    // Reads from all in turn, so that none is held up by its window.
    let mut answered = 0;
    while !done.is_finished() {
        let Some(mut stream) = streams.pop_front() else {
            tokio::task::yield_now().await;
            continue;
        };
        if let Some(message) = stream.message().await.unwrap() {
            answered += usize::from(matches!(message.event, Some(Event::Delta(_))));
            streams.push_back(stream);
        }
    }
    done.await.unwrap();
    answered
}

#[tokio::test(flavor = "multi_thread")]
async fn many_names_are_many_turns_only_where_the_peer_is_trusted() {
    // Two clients take turns: about as many as the other's 100, and what was computed ahead.
    let untrusted = answered_meanwhile("none").await;
    assert!(untrusted < 700, "{untrusted}");
    // Twenty-one do: twenty sentences for each of the other's.
    let trusted = answered_meanwhile("all").await;
    assert!(trusted > 1200, "{trusted}");
}
