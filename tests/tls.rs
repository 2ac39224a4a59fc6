//! TLS on the gRPC port, from outside.

mod common;

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use common::{
    Server, scratch,
    tls::{Authority, Files, Validity, client, text},
    to_english,
};
use depeche::rpc::proto::v1::translation_service_client::TranslationServiceClient;
use tonic::transport::{Channel, Endpoint};

/// Whether a call gets its answer.
async fn answers(mut client: TranslationServiceClient<Channel>) -> bool {
    let answer = client.translate(to_english("Le chat dort.")).await;
    answer.is_ok_and(|answer| answer.get_ref().translations[0].text.contains("cat"))
}

#[tokio::test]
async fn clients_that_trust_the_authority_are_served_and_others_are_not() {
    let (ours, other) = (Authority::new(), Authority::new());
    let files = Files::write(&scratch("tls-server"), &ours.server(), &ours);
    let server = Server::start_with(&files.tls());
    assert!(answers(client(&server, &ours.ca, None).await.unwrap()).await);
    assert!(client(&server, &other.ca, None).await.is_err());
    let plain = Endpoint::from_shared(server.url()).unwrap().connect().await;
    if let Ok(channel) = plain {
        assert!(!answers(TranslationServiceClient::new(channel)).await);
    }
    // Nor does a client without TLS stop the service for others.
    assert!(answers(client(&server, &ours.ca, None).await.unwrap()).await);
}

#[tokio::test]
async fn with_client_authorities_a_client_needs_a_certificate_of_one_that_is_good() {
    let (ours, other) = (Authority::new(), Authority::new());
    let files = Files::write(&scratch("tls-client"), &ours.server(), &ours);
    let server = Server::start_with(&files.mutual());
    let refused = || server.metric("depeche_connections_refused_total");
    let right = ours.client();
    assert!(answers(client(&server, &ours.ca, Some(&right)).await.unwrap()).await);
    assert_eq!(refused(), 0.0);
    for (what, identity) in [
        ("no certificate", None),
        ("another authority", Some(other.client())),
        (
            "expired",
            Some(ours.sign("a-client.test", Validity::Expired)),
        ),
    ] {
        let before = refused();
        // A refusal may come with the handshake or, in TLS 1.3, with the first call.
        if let Ok(refused) = client(&server, &ours.ca, identity.as_ref()).await {
            assert!(!answers(refused).await, "{what}");
        }
        // It is counted when the refusal has been sent.
        while refused() <= before {
            tokio::task::yield_now().await;
        }
        assert!(answers(client(&server, &ours.ca, Some(&right)).await.unwrap()).await);
    }
}

#[tokio::test]
async fn a_server_with_an_expired_certificate_is_not_believed() {
    let ours = Authority::new();
    let expired = ours.sign(common::tls::NAME, Validity::Expired);
    let files = Files::write(&scratch("tls-expired"), &expired, &ours);
    let server = Server::start_with(&files.tls());
    assert!(client(&server, &ours.ca, None).await.is_err());
}

#[tokio::test]
async fn renewed_certificates_are_served_without_dropping_connections() {
    let (before, after) = (Authority::new(), Authority::new());
    let files = Files::write(&scratch("tls-renewed"), &before.server(), &before);
    let mut server = Server::start_with(&files.tls());
    let old = client(&server, &before.ca, None).await.unwrap();
    assert!(answers(old.clone()).await);

    // What is no certificate changes nothing.
    fs::write(&files.cert, "nonsense").unwrap();
    let told = server.wait_for("not");
    assert!(told.contains("cert.pem"), "{told}");
    assert!(answers(client(&server, &before.ca, None).await.unwrap()).await);

    files.renew(&after.server());
    // Between two writes the files may not fit each other, which is told as above.
    while client(&server, &after.ca, None).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(answers(client(&server, &after.ca, None).await.unwrap()).await);
    assert!(client(&server, &before.ca, None).await.is_err());
    assert!(answers(old).await);
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken_and_only_http_2_over_them() {
    use tokio_rustls::{TlsConnector, rustls::*};
    let ours = Authority::new();
    let files = Files::write(&scratch("tls-versions"), &ours.server(), &ours);
    let server = Server::start_with(&files.tls());
    let mut roots = RootCertStore::empty();
    let ca = pki_types::pem::PemObject::from_pem_slice(ours.ca.as_bytes()).unwrap();
    roots.add(ca).unwrap();
    for (version, protocol, expected) in [
        (&version::TLS12, "h2", Some(ProtocolVersion::TLSv1_2)),
        (&version::TLS13, "h2", Some(ProtocolVersion::TLSv1_3)),
        (&version::TLS13, "http/1.1", None),
    ] {
        let provider = std::sync::Arc::new(crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.into()];
        let connection = tokio::net::TcpStream::connect(&server.grpc).await.unwrap();
        let name = common::tls::NAME.try_into().unwrap();
        let connected = TlsConnector::from(Arc::new(config)).connect(name, connection);
        let spoken = connected
            .await
            .ok()
            .map(|stream| stream.get_ref().1.protocol_version());
        assert_eq!(spoken.flatten(), expected, "{protocol}");
    }
}

/// New connections and old ones, all with certificates of their own, while the server goes from one
/// authority's certificate to another's and back.
#[tokio::test(flavor = "multi_thread")]
async fn rotation_under_load_is_seen_by_no_client() {
    const CALLERS: usize = 4;
    let (one, two) = (Authority::new(), Authority::new());
    let files = Files::write(&scratch("tls-rotation"), &one.server(), &one);
    let server = Arc::new(Server::start_with(&files.mutual()));
    let trusted = Arc::new(format!("{}{}", one.ca, two.ca));
    let identity = Arc::new(one.client());
    let over = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (server, trusted) = (server.clone(), trusted.clone());
            let (identity, over) = (identity.clone(), over.clone());
            let answered = answered.clone();
            tokio::spawn(async move {
                let connect = async || client(&server, &trusted, Some(&identity)).await.unwrap();
                let old = connect().await;
                while !over.load(Ordering::Relaxed) {
                    assert!(answers(connect().await).await);
                    assert!(answers(old.clone()).await);
                    answered.fetch_add(2, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for authority in [&two, &one, &two] {
        files.renew(&authority.server());
        // Only who trusts this authority alone knows that its certificate is served.
        while client(&server, &authority.ca, Some(&identity))
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
        // … and then for some more calls.
        let enough = answered.load(Ordering::Relaxed) + 4 * CALLERS;
        while answered.load(Ordering::Relaxed) < enough && !callers.iter().any(|c| c.is_finished())
        {
            tokio::task::yield_now().await;
        }
    }
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
}

#[test]
fn files_that_are_no_certificates_keep_the_server_from_starting() {
    let folder = scratch("tls-wrong");
    let (ours, other) = (Authority::new(), Authority::new());
    let files = Files::write(&folder, &ours.server(), &ours);
    fs::write(folder.join("other.pem"), &other.server().key).unwrap();
    fs::write(folder.join("empty.pem"), "").unwrap();
    let path = |name: &str| text(&folder.join(name)).to_owned();
    let cases = [
        (path("empty.pem"), path("key.pem"), "empty.pem"),
        (path("cert.pem"), path("missing.pem"), "missing.pem"),
        (path("cert.pem"), path("other.pem"), "other.pem"),
    ];
    for (cert, key, named) in cases {
        let (code, told) = common::start_and_fail(&["--tls-cert", &cert, "--tls-key", &key]);
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains(named), "{told}");
    }
    let (code, told) = common::start_and_fail(&["--tls-cert", text(&files.cert)]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("tls_key"), "{told}");
}

#[tokio::test]
async fn a_clients_certificate_names_its_account() {
    let folder = scratch("tls-account");
    let ours = Authority::new();
    let files = Files::write(&folder, &ours.server(), &ours);
    let config = folder.join("depeche.toml");
    fs::write(
        &config,
        "[quotas.\"a-client.test\"]\ntokens_per_second = 1\n",
    )
    .unwrap();
    let server = Server::start_with(&[&files.mutual()[..], &["--config", text(&config)]].concat());
    let mut client = client(&server, &ours.ca, Some(&ours.client()))
        .await
        .unwrap();
    let request = to_english("Le chat dort.");
    client.translate(request.clone()).await.unwrap();
    let refused = client.translate(request).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    assert!(refused.message().contains("a-client.test"), "{refused}");
}
