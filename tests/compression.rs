//! Compressed requests and answers.

mod common;

use std::io::Write;

use bytes::{BufMut, Bytes, BytesMut};
use common::{
    Server, to_english,
    wire::{self, TRANSLATE},
};
use flate2::{Compression, write::GzEncoder};
use tonic::codec::CompressionEncoding::{Gzip, Zstd};

#[tokio::test]
async fn requests_may_be_compressed_and_answers_are_where_the_operator_wants_them_to_be() {
    let plain = Server::start();
    let compressing = Server::start_with(&["--compress-answers", "true"]);
    for (encoding, name) in [(Gzip, "gzip"), (Zstd, "zstd")] {
        for (server, expected) in [(&plain, None), (&compressing, Some(name))] {
            let mut client = server
                .translation()
                .await
                .send_compressed(encoding)
                .accept_compressed(encoding);
            let answer = client.translate(to_english("Le chat dort.")).await.unwrap();
            let used = answer.metadata().get("grpc-encoding");
            assert_eq!(used.map(|used| used.to_str().unwrap()), expected);
            assert!(answer.get_ref().translations[0].text.contains("cat"));
        }
    }
    // A client that reads neither gets what it can read.
    let mut client = compressing.translation().await;
    let answer = client.translate(to_english("Le chat dort.")).await.unwrap();
    assert!(answer.metadata().get("grpc-encoding").is_none());
}

/// Sends bytes as a compressed message; the code and the message of its status.
async fn send(server: &Server, packed: &[u8]) -> (String, String) {
    let mut client = wire::with_window(server, 65_535).await;
    let request = http::Request::post(format!("http://depeche.test{TRANSLATE}"))
        .header("content-type", "application/grpc")
        .header("grpc-encoding", "gzip")
        .body(())
        .unwrap();
    let (response, mut body) = client.send_request(request, false).unwrap();
    let mut framed = BytesMut::new();
    framed.put_u8(1);
    framed.put_u32(packed.len() as u32);
    framed.extend_from_slice(packed);
    body.send_data(framed.freeze(), true).unwrap();
    let response = response.await.unwrap();
    let header = |name| response.headers()[name].to_str().unwrap().to_owned();
    (header("grpc-status"), header("grpc-message"))
}

#[tokio::test]
async fn what_grows_too_large_or_cannot_be_unpacked_is_its_senders_mistake() {
    let server = Server::start();
    let before = server.metric("process_resident_memory_bytes");
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = Bytes::from(vec![0; 1 << 20]);
    for _ in 0..256 {
        packed.write_all(&zeros).unwrap();
    }
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 1 << 20);
    // INVALID_ARGUMENT
    let (code, message) = send(&server, &packed).await;
    assert_eq!(code, "3", "{message}");
    assert!(message.contains("too%20large"), "{message}");
    let grown = server.metric("process_resident_memory_bytes") - before;
    assert!(grown < (64 << 20) as f64, "{grown} bytes");
    let (code, message) = send(&server, b"no gzip").await;
    assert_eq!(code, "3", "{message}");
}
