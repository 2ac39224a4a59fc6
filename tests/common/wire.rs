//! Clients that do not do what clients do: HTTP/2 by hand, as bytes or with windows of one's own.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use bytes::{BufMut, Bytes, BytesMut};
use h2::{
    SendStream,
    client::{Builder, ResponseFuture, SendRequest},
};
use prost::Message;
use tokio::net::TcpStream as AsyncStream;

use super::Server;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Length, type, flags, stream.
pub const EMPTY_SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
pub const TRANSLATE: &str = "/depeche.v1.TranslationService/Translate";

/// A connection that has said that it speaks HTTP/2, and nothing else.
pub fn greeted(server: &Server) -> TcpStream {
    let mut connection = TcpStream::connect(&server.grpc).unwrap();
    connection.write_all(PREFACE).unwrap();
    connection.write_all(&EMPTY_SETTINGS).unwrap();
    // The server's settings: it is there.
    let mut header = [0; 9];
    connection.read_exact(&mut header).unwrap();
    assert_eq!(header[3], 4);
    connection
}

/// Reads until the server ends the connection, which it may do in either way.
pub fn wait_for_the_end(mut connection: TcpStream) {
    let mut rest = [0; 4096];
    while matches!(connection.read(&mut rest), Ok(read) if read > 0) {}
}

/// A client whose window for each answer is so many bytes and never grows.
pub async fn with_window(server: &Server, bytes: u32) -> SendRequest<Bytes> {
    let stream = AsyncStream::connect(&server.grpc).await.unwrap();
    let (client, connection) = Builder::new()
        .initial_window_size(bytes)
        .handshake(stream)
        .await
        .unwrap();
    // Ends with the connection, in whatever way.
    tokio::spawn(async move { drop(connection.await) });
    client.ready().await.unwrap()
}

/// Begins a call.
pub fn begin(client: &mut SendRequest<Bytes>, path: &str) -> (ResponseFuture, SendStream<Bytes>) {
    let request = http::Request::post(format!("http://depeche.test{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    client.send_request(request, false).unwrap()
}

/// A message as gRPC frames it.
pub fn framed(message: &impl Message) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(message.encoded_len() as u32);
    message.encode(&mut framed).unwrap();
    framed.freeze()
}

/// Frames that begin a call and take it back.
pub fn taken_back(stream: u32) -> Vec<u8> {
    const HEADERS: u8 = 1;
    const RESET: u8 = 3;
    const END_HEADERS: u8 = 4;
    const CANCEL: u32 = 8;
    let mut fields = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", TRANSLATE),
        (":authority", "flood.test"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        // A literal that is not indexed, not packed (RFC 7541, 6.2.2).
        fields.push(0);
        for text in [name, value] {
            fields.push(text.len() as u8);
            fields.extend_from_slice(text.as_bytes());
        }
    }
    let begin = frame(HEADERS, END_HEADERS, stream, &fields);
    [begin, frame(RESET, 0, stream, &CANCEL.to_be_bytes())].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}
