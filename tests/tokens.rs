//! Bearer tokens, from outside.

mod common;

use std::{fs, path::PathBuf};

use common::{Server, run, scratch, start_and_fail, to_english};
use depeche::rpc::proto::v1::{ListModelsRequest, SummarizeRequest};
use tonic::{Code, Request, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};

/// A new token and its entry.
fn new(args: &[&str]) -> (String, String) {
    let output = run(&[&["token", "new"], args].concat(), b"");
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    let (token, entry) = told.split_once("\n\n").unwrap();
    assert!(!entry.contains(token.trim_start_matches("depeche_")));
    (token.to_owned(), entry.to_owned())
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = scratch(name).join("tokens.toml");
    fs::write(&path, text).unwrap();
    path
}

fn with<M>(token: &str, message: M) -> Request<M> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

async fn translate(server: &Server, token: Option<&str>) -> Result<(), Status> {
    let message = to_english("Le chat dort.");
    let request = match token {
        Some(token) => with(token, message),
        None => Request::new(message),
    };
    server
        .translation()
        .await
        .translate(request)
        .await
        .map(drop)
}

async fn reflect(channel: Channel, token: Option<&str>) -> Code {
    let asked = futures::stream::iter([ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    }]);
    let request = match token {
        Some(token) => with(token, asked),
        None => Request::new(asked),
    };
    let mut client = ServerReflectionClient::new(channel);
    match client.server_reflection_info(request).await {
        Ok(_) => Code::Ok,
        Err(status) => status.code(),
    }
}

#[tokio::test]
async fn a_token_opens_what_it_is_for_and_nothing_else() {
    let (desk, desk_entry) = new(&["desk", "--allow", "translate"]);
    let (operator, operator_entry) = new(&["operator", "--allow", "admin"]);
    let path = file("tokens-permissions", &(desk_entry + &operator_entry));
    let server = Server::start_with(&["--tokens-file", path.to_str().unwrap()]);

    let refused = translate(&server, None).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(
        refused.message().contains("authorization: Bearer"),
        "{refused}"
    );
    let refused = translate(&server, Some("depeche_guess")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    translate(&server, Some(&desk)).await.unwrap();

    let summarize = SummarizeRequest {
        text: "Le chat dort.".to_owned(),
        ..SummarizeRequest::default()
    };
    let mut client = server.summarization().await;
    let refused = client.summarize(with(&desk, summarize)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let told = refused.message();
    assert!(
        told.contains("desk") && told.contains("summarize"),
        "{told}"
    );
    let refused = translate(&server, Some(&operator)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    let mut catalog = server.catalog().await;
    let models = ListModelsRequest::default();
    assert!(catalog.list_models(with(&operator, models)).await.is_ok());
    assert_eq!(
        catalog.list_models(models).await.unwrap_err().code(),
        Code::Unauthenticated
    );

    assert_eq!(
        reflect(server.channel().await, Some(&operator)).await,
        Code::Ok
    );
    assert_eq!(
        reflect(server.channel().await, Some(&desk)).await,
        Code::PermissionDenied
    );
    assert_eq!(
        reflect(server.channel().await, None).await,
        Code::Unauthenticated
    );

    let mut health = HealthClient::new(server.channel().await);
    let request = HealthCheckRequest {
        service: "depeche.v1.TranslationService".to_owned(),
    };
    assert!(health.check(request).await.is_ok());
}

#[tokio::test]
async fn tokens_are_read_again_when_their_file_changes() {
    let (first, first_entry) = new(&["first"]);
    let (second, second_entry) = new(&["second"]);
    let path = file("tokens-renewed", &first_entry);
    let mut server = Server::start_with(&["--tokens-file", path.to_str().unwrap()]);
    translate(&server, Some(&first)).await.unwrap();

    // A file that is not as it should be leaves what was before.
    fs::write(&path, "[[tokens]]\nname = \"half\"\n").unwrap();
    server.wait_for("not");
    translate(&server, Some(&first)).await.unwrap();

    fs::write(&path, second_entry).unwrap();
    server.wait_for("renewed");
    translate(&server, Some(&second)).await.unwrap();
    let refused = translate(&server, Some(&first)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_tokens_quota_is_its_own() {
    let (small, small_entry) = new(&["small"]);
    let (large, large_entry) = new(&["large"]);
    let entries = small_entry.trim_end().to_owned() + "\ntokens_per_second = 1\n\n" + &large_entry;
    let path = file("tokens-quota", &entries);
    let server = Server::start_with(&["--tokens-file", path.to_str().unwrap()]);
    translate(&server, Some(&small)).await.unwrap();
    let refused = translate(&server, Some(&small)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("token/small"), "{refused}");
    assert!(refused.metadata().get("grpc-retry-pushback-ms").is_some());
    translate(&server, Some(&large)).await.unwrap();
}

#[tokio::test]
async fn reflection_and_the_admin_port_can_be_left_out() {
    let server = Server::start_with(&["--reflection", "false", "--admin", "none"]);
    assert_eq!(server.admin, "none");
    assert_eq!(
        reflect(server.channel().await, None).await,
        Code::Unimplemented
    );
    translate(&server, None).await.unwrap();
}

#[test]
fn a_damaged_tokens_file_is_told_at_the_start() {
    let path = file(
        "tokens-damaged",
        "[[tokens]]\nname = \"a\"\nsha256 = \"1\"\nallow = []\n",
    );
    let (code, told) = start_and_fail(&["--tokens-file", path.to_str().unwrap()]);
    assert_ne!(code, Some(0));
    assert!(
        told.contains("tokens.toml") && told.contains("token a"),
        "{told}"
    );
}
