//! TLS on the gRPC port, from outside.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{Server, scratch, to_english};
use depeche::rpc::proto::v1::translation_service_client::TranslationServiceClient;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

const NAME: &str = "depeche.test";

/// An authority, a certificate of it for the server and one for a client, each with its key.
struct Authority {
    ca: String,
    server: (String, String),
    client: (String, String),
}

fn authority() -> Authority {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let ca = rcgen::CertifiedIssuer::self_signed(params, key).unwrap();
    let signed = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        let cert = params.signed_by(&key, &ca).unwrap();
        (cert.pem(), key.serialize_pem())
    };
    Authority {
        ca: ca.pem(),
        server: signed(NAME),
        client: signed("a-client.test"),
    }
}

/// Writes the server's files; the paths of certificate and key.
fn write(folder: &Path, authority: &Authority) -> (PathBuf, PathBuf) {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    fs::write(&key, &authority.server.1).unwrap();
    fs::write(&cert, &authority.server.0).unwrap();
    (cert, key)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A client that trusts the authority, with a certificate of its own or without.
async fn client(
    server: &Server,
    authority: &Authority,
    identity: Option<&(String, String)>,
) -> Result<TranslationServiceClient<Channel>, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&authority.ca))
        .domain_name(NAME);
    if let Some((cert, key)) = identity {
        tls = tls.identity(Identity::from_pem(cert, key));
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", server.grpc))?;
    let channel = endpoint.tls_config(tls)?.connect().await?;
    Ok(TranslationServiceClient::new(channel))
}

/// Whether a call gets its answer.
async fn answers(mut client: TranslationServiceClient<Channel>) -> bool {
    let answer = client.translate(to_english("Le chat dort.")).await;
    answer.is_ok_and(|answer| answer.get_ref().translations[0].text.contains("cat"))
}

#[tokio::test]
async fn clients_that_trust_the_authority_are_served_and_others_are_not() {
    let folder = scratch("tls-server");
    let (ours, other) = (authority(), authority());
    let (cert, key) = write(&folder, &ours);
    let server = Server::start_with(&["--tls-cert", text(&cert), "--tls-key", text(&key)]);
    assert!(answers(client(&server, &ours, None).await.unwrap()).await);
    assert!(client(&server, &other, None).await.is_err());
    let plain = Endpoint::from_shared(server.url()).unwrap().connect().await;
    if let Ok(channel) = plain {
        assert!(!answers(TranslationServiceClient::new(channel)).await);
    }
    // Nor does a client without TLS stop the service for others.
    assert!(answers(client(&server, &ours, None).await.unwrap()).await);
}

#[tokio::test]
async fn with_client_authorities_a_client_needs_a_certificate_of_one() {
    let folder = scratch("tls-client");
    let (ours, other) = (authority(), authority());
    let (cert, key) = write(&folder, &ours);
    let ca = folder.join("ca.pem");
    fs::write(&ca, &ours.ca).unwrap();
    let arguments = [
        "--tls-cert",
        text(&cert),
        "--tls-key",
        text(&key),
        "--tls-client-ca",
        text(&ca),
    ];
    let server = Server::start_with(&arguments);
    assert!(answers(client(&server, &ours, Some(&ours.client)).await.unwrap()).await);
    // A refusal may come with the handshake or, in TLS 1.3, with the first call.
    for identity in [None, Some(&other.client)] {
        if let Ok(refused) = client(&server, &ours, identity).await {
            assert!(!answers(refused).await);
        }
    }
}

#[tokio::test]
async fn renewed_certificates_are_served_without_dropping_connections() {
    let folder = scratch("tls-renewed");
    let (before, after) = (authority(), authority());
    let (cert, key) = write(&folder, &before);
    let mut server = Server::start_with(&["--tls-cert", text(&cert), "--tls-key", text(&key)]);
    let old = client(&server, &before, None).await.unwrap();
    assert!(answers(old.clone()).await);

    // What is no certificate changes nothing.
    fs::write(&cert, "nonsense").unwrap();
    let told = server.wait_for("not");
    assert!(told.contains("cert.pem"), "{told}");
    assert!(answers(client(&server, &before, None).await.unwrap()).await);

    write(&folder, &after);
    // Between two writes the files may not fit each other, which is told as above.
    while client(&server, &after, None).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(answers(client(&server, &after, None).await.unwrap()).await);
    assert!(client(&server, &before, None).await.is_err());
    assert!(answers(old).await);
}

#[test]
fn files_that_are_no_certificates_keep_the_server_from_starting() {
    let folder = scratch("tls-wrong");
    let (ours, other) = (authority(), authority());
    let (cert, key) = write(&folder, &ours);
    fs::write(folder.join("other.pem"), &other.server.1).unwrap();
    fs::write(folder.join("empty.pem"), "").unwrap();
    let path = |name: &str| text(&folder.join(name)).to_owned();
    let cases = [
        (path("empty.pem"), text(&key).to_owned(), "empty.pem"),
        (text(&cert).to_owned(), path("missing.pem"), "missing.pem"),
        (text(&cert).to_owned(), path("other.pem"), "other.pem"),
    ];
    for (cert, key, named) in cases {
        let (code, told) = common::start_and_fail(&["--tls-cert", &cert, "--tls-key", &key]);
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains(named), "{told}");
    }
    let (code, told) = common::start_and_fail(&["--tls-cert", text(&cert)]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("tls_key"), "{told}");
}

#[tokio::test]
async fn a_clients_certificate_names_its_account() {
    let folder = scratch("tls-account");
    let ours = authority();
    let (cert, key) = write(&folder, &ours);
    let (ca, config) = (folder.join("ca.pem"), folder.join("depeche.toml"));
    fs::write(&ca, &ours.ca).unwrap();
    fs::write(
        &config,
        "[quotas.\"a-client.test\"]\ntokens_per_second = 1\n",
    )
    .unwrap();
    let server = Server::start_with(&[
        "--tls-cert",
        text(&cert),
        "--tls-key",
        text(&key),
        "--tls-client-ca",
        text(&ca),
        "--config",
        text(&config),
    ]);
    let mut client = client(&server, &ours, Some(&ours.client)).await.unwrap();
    let request = to_english("Le chat dort.");
    client.translate(request.clone()).await.unwrap();
    let refused = client.translate(request).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    assert!(refused.message().contains("a-client.test"), "{refused}");
}
