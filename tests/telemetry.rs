//! What an operator sees of a running server.

mod common;

use common::{Server, to_english};
use tonic::{Code, Request};

const SECRET: &str = "Zanzibar";

/// Translates a text with the secret, asks for something that is refused, and ends the server;
/// its whole log.
async fn log_of(arguments: &[&str]) -> String {
    let mut server = Server::start_with(arguments);
    let mut client = server.translation().await;
    let text = format!("Le train de {SECRET} arrive à midi.");
    client.translate(to_english(&text)).await.unwrap();
    let mut refused = to_english(text);
    refused.source_language = format!("not a tag {SECRET}");
    let refusal = client.translate(refused).await.unwrap_err();
    assert_eq!(refusal.code(), Code::InvalidArgument);
    server.signal("TERM");
    assert!(server.wait().success());
    // The reader of the log ends with the server.
    while !server.log().contains("draining") {
        tokio::task::yield_now().await;
    }
    server.log()
}

// Waiting for the server's end must not keep its client from closing the connection.
#[tokio::test(flavor = "multi_thread")]
async fn texts_are_in_the_log_only_where_the_operator_wants_them() {
    let filter = "debug,depeche=trace,depeche::content=trace";
    assert!(!log_of(&["--log", filter]).await.contains(SECRET));
    let shown = log_of(&["--log", filter, "--log-content", "true"]).await;
    let told: Vec<_> = shown.lines().filter(|line| line.contains(SECRET)).collect();
    assert!(told.len() >= 2, "{told:?}");
}

#[tokio::test]
async fn a_request_is_found_in_the_log_by_the_ids_that_its_client_knows() {
    let mut server = Server::start_with(&["--log-format", "text"]);
    let mut client = server.translation().await;
    let mut request = Request::new(to_english("Le chat dort."));
    let headers = request.metadata_mut();
    headers.insert("x-request-id", "edge-77".parse().unwrap());
    let b3 = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1";
    headers.insert("b3", b3.parse().unwrap());
    let response = client.translate(request).await.unwrap();
    let header = |name| response.metadata().get(name).unwrap().to_str().unwrap();
    assert_eq!(header("x-request-id"), "edge-77");
    let trace = &b3[..32];
    assert!(header("traceresponse").contains(trace));
    let line = server.wait_for("code=\"OK\"");
    assert!(line.contains("edge-77") && line.contains(trace), "{line}");

    // One that has no id is given one.
    let response = client.translate(to_english("Le chat dort.")).await.unwrap();
    let made = response.metadata().get("x-request-id").unwrap();
    let line = server.wait_for("code=\"OK\"");
    assert!(line.contains(made.to_str().unwrap()), "{line}");
}

#[tokio::test]
async fn the_log_tells_who_asked_by_the_names_that_turns_and_quotas_go_by() {
    for (trusted, name) in [("none", "address/127.0.0.1"), ("all", "id/desk-7")] {
        let flags = ["--log-format", "text", "--trusted-peers", trusted];
        let mut server = Server::start_with(&flags);
        let mut client = server.translation().await;
        let mut request = Request::new(to_english("Le chat dort."));
        let headers = request.metadata_mut();
        headers.insert("x-client-id", "desk-7".parse().unwrap());
        client.translate(request).await.unwrap();
        let line = server.wait_for("code=\"OK\"");
        assert!(line.contains(&format!("client=\"{name}\"")), "{line}");
    }
}
