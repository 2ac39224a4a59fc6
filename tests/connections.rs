//! Connections that do nothing, that never come to anything, that send or read slowly: the server stays
//! ready, its memory bounded, and ends them.

mod common;

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use bytes::Bytes;
use common::{
    Server, limited_depeche, scratch,
    tls::{Authority, Files, client},
    to_english,
    wire::{self, TRANSLATE},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

const CONNECTIONS: usize = 10_000;
/// What one that does nothing may take of the server's memory.
const MOST_BYTES_EACH: f64 = 64.0 * 1024.0;

/// All three ways to ask, over connections of their own.
async fn is_ready(server: &Server) {
    assert!(server.page("/livez").contains("200 OK"));
    assert!(server.page("/readyz").contains("200 OK"));
    let mut health = HealthClient::new(server.channel().await);
    let health = health.check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(health.into_inner().status(), ServingStatus::Serving);
    let answer = server
        .translation()
        .await
        .translate(to_english("Le chat dort."))
        .await
        .unwrap();
    assert!(answer.into_inner().translations[0].text.contains("cat"));
}

fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        thread::sleep(Duration::from_millis(20));
    }
}

/// This process needs a file a connection, too.
fn may_open(files: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < files) {
        assert!(
            maximum.is_none_or(|most| most >= files),
            "this test needs {files} open files: raise the hard limit (ulimit -Hn)"
        );
        let raised = Rlimit {
            current: Some(files),
            maximum,
        };
        setrlimit(Resource::Nofile, raised).unwrap();
    }
}

#[tokio::test]
async fn ten_thousand_idle_connections_take_little_and_keep_nobody_from_being_served() {
    may_open(CONNECTIONS as u64 + 500);
    // The server raises the limit of its own files by itself.
    let server = Server::start_by(limited_depeche("ulimit -Sn 1024"), &[]);
    is_ready(&server).await;
    let before = server.metric("process_resident_memory_bytes");
    let idle: Vec<_> = (0..CONNECTIONS).map(|_| wire::greeted(&server)).collect();
    assert!(server.metric("depeche_connections") >= CONNECTIONS as f64);
    is_ready(&server).await;
    let each = (server.metric("process_resident_memory_bytes") - before) / CONNECTIONS as f64;
    println!("{each:.0} bytes of resident memory a connection");
    assert!(each < MOST_BYTES_EACH, "{each} bytes a connection");
    drop(idle);
    until(|| server.metric("depeche_connections") < 10.0);
    is_ready(&server).await;
}

#[tokio::test]
async fn more_connections_than_the_limit_are_closed_at_once_and_counted() {
    let server = Server::start_with(&["--max-connections", "3"]);
    let mut idle: Vec<_> = (0..3).map(|_| wire::greeted(&server)).collect();
    assert_eq!(server.metric("depeche_connections_limit"), 3.0);
    wire::wait_for_the_end(TcpStream::connect(&server.grpc).unwrap());
    assert_eq!(server.metric("depeche_connections_refused_total"), 1.0);
    assert!(server.page("/readyz").contains("200 OK"));
    idle.pop();
    until(|| server.metric("depeche_connections") < 3.0);
    let mut client = server.translation().await;
    assert!(client.translate(to_english("Le chat dort.")).await.is_ok());
}

#[test]
fn a_server_that_may_open_few_files_says_so_and_serves_as_many_connections_as_it_can() {
    let server = Server::start_by(limited_depeche("ulimit -n 300"), &[]);
    let told = server.log();
    let line = told.lines().find(|line| line.contains("open 300 files"));
    let line = line.unwrap_or_else(|| panic!("{told}"));
    assert!(line.contains("ulimit -Hn"), "{line}");
    let limit = server.metric("depeche_connections_limit");
    assert!((1.0..300.0).contains(&limit), "{limit}");
    let idle: Vec<_> = (0..limit as usize)
        .map(|_| wire::greeted(&server))
        .collect();
    wire::wait_for_the_end(TcpStream::connect(&server.grpc).unwrap());
    // There are files left for the admin port.
    assert!(server.page("/readyz").contains("200 OK"));
    drop(idle);
}

#[tokio::test]
async fn handshakes_that_never_end_are_ended_and_keep_nobody_waiting() {
    let ours = Authority::new();
    let files = Files::write(&scratch("connections-tls"), &ours.server(), &ours);
    let patient = ["--handshake-timeout", "1h"];
    let server = Server::start_with(&[&files.tls()[..], &patient].concat());
    let connect = || TcpStream::connect(&server.grpc).unwrap();
    let silent: Vec<_> = (0..1000).map(|_| connect()).collect();
    let mut client = client(&server, &ours.ca, None).await.unwrap();
    assert!(client.translate(to_english("Le chat dort.")).await.is_ok());
    drop(silent);

    let hasty = ["--handshake-timeout", "200ms"];
    let server = Server::start_with(&[&files.tls()[..], &hasty].concat());
    wire::wait_for_the_end(TcpStream::connect(&server.grpc).unwrap());
    assert!(
        server
            .page("/metrics")
            .contains("reason=\"tls_timeout\"} 1")
    );
}

#[tokio::test]
async fn a_connection_that_never_comes_to_its_preface_is_ended() {
    let server = Server::start_with(&["--handshake-timeout", "500ms"]);
    wire::wait_for_the_end(TcpStream::connect(&server.grpc).unwrap());
    // Nor does it help to send the preface bit by bit.
    let mut slow = TcpStream::connect(&server.grpc).unwrap();
    for byte in wire::PREFACE.iter().cycle() {
        if slow.write_all(&[*byte]).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    let page = server.page("/metrics");
    assert!(page.contains("reason=\"preface_timeout\"} 2"), "{page}");
    is_ready(&server).await;
}

#[tokio::test]
async fn a_client_that_vanished_or_never_ends_its_headers_is_ended() {
    let args = [
        "--keepalive-interval",
        "300ms",
        "--keepalive-timeout",
        "300ms",
    ];
    let server = Server::start_with(&args);
    wire::wait_for_the_end(wire::greeted(&server));
    // Headers of 2,000 bytes, one at a time: no answer to a ping can come between them.
    let mut slow = wire::greeted(&server);
    slow.write_all(&[0, 0x07, 0xd0, 1, 4, 0, 0, 0, 1]).unwrap();
    while slow.write_all(&[0]).is_ok() {
        thread::sleep(Duration::from_millis(20));
    }
    until(|| server.metric("depeche_connections") == 0.0);
    is_ready(&server).await;
}

#[tokio::test]
async fn a_body_that_dribbles_is_refused_after_a_time() {
    let server = Server::start_with(&["--receive-timeout", "300ms"]);
    let mut client = wire::with_window(&server, 65_535).await;
    let (response, mut body) = wire::begin(&mut client, TRANSLATE);
    tokio::spawn(async move {
        for byte in wire::framed(&to_english("Le chat dort. ".repeat(1000))) {
            if body.send_data(Bytes::from(vec![byte]), false).is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let response = response.await.unwrap();
    // DEADLINE_EXCEEDED
    assert_eq!(response.headers()["grpc-status"], "4");
    is_ready(&server).await;
}

#[tokio::test]
async fn the_limits_of_streams_and_headers_are_told_and_kept() {
    let args = [
        "--max-concurrent-streams",
        "7",
        "--max-header-bytes",
        "5000",
    ];
    let server = Server::start_with(&args);
    let mut connection = TcpStream::connect(&server.grpc).unwrap();
    connection.write_all(wire::PREFACE).unwrap();
    connection.write_all(&wire::EMPTY_SETTINGS).unwrap();
    let mut header = [0; 9];
    connection.read_exact(&mut header).unwrap();
    let mut settings = vec![0; usize::from(header[2])];
    connection.read_exact(&mut settings).unwrap();
    // RFC 9113, 6.5.2: two bytes of which, four of how much.
    let told = |id: u8| {
        let setting = settings.chunks(6).find(|setting| setting[..2] == [0, id])?;
        Some(u32::from_be_bytes(setting[2..].try_into().unwrap()))
    };
    const MAX_CONCURRENT_STREAMS: u8 = 3;
    const MAX_HEADER_LIST_SIZE: u8 = 6;
    assert_eq!(told(MAX_CONCURRENT_STREAMS), Some(7));
    assert_eq!(told(MAX_HEADER_LIST_SIZE), Some(5000));

    let mut client = server.translation().await;
    let mut request = tonic::Request::new(to_english("Le chat dort."));
    let large = "x".repeat(10_000).parse().unwrap();
    request.metadata_mut().insert("x-large", large);
    assert!(client.translate(request).await.is_err());
    is_ready(&server).await;
}

/// Answers wait for windows that are never opened: their memory is given back, and the others go on.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_read_are_dropped() {
    const READERS: usize = 10;
    const CALLS: usize = 5;
    let server = Server::start_with(&["--send-timeout", "500ms"]);
    let mut unread = Vec::new();
    let message = wire::framed(&to_english("Le chat dort. ".repeat(20)));
    for _ in 0..READERS {
        let mut client = wire::with_window(&server, 0).await;
        for _ in 0..CALLS {
            let (response, mut body) = wire::begin(&mut client, TRANSLATE);
            body.send_data(message.clone(), true).unwrap();
            unread.push(response.await.unwrap().into_body());
        }
    }
    is_ready(&server).await;
    // What is refused as overload has no text, and ends without a window.
    let refused = server.metric("depeche_shed_requests_total");
    let unread_answers = || server.metric("depeche_unread_answers_total");
    until(|| unread_answers() + refused == (READERS * CALLS) as f64);
    assert!(unread_answers() > 0.0);
    until(|| server.metric("depeche_requests_in_flight") == 0.0);
    drop(unread);
    is_ready(&server).await;
}

/// HTTP/2 rapid reset (CVE-2023-44487).
#[tokio::test]
async fn a_client_that_takes_its_requests_back_at_once_loses_its_connection() {
    let server = Server::start();
    let mut connection = wire::greeted(&server);
    // Clients number their streams by odd numbers.
    let flood: Vec<u8> = (0..5000_u32)
        .flat_map(|call| wire::taken_back(2 * call + 1))
        .collect();
    // It may be ended while it still sends.
    let _ = connection.write_all(&flood);
    wire::wait_for_the_end(connection);
    is_ready(&server).await;
}
