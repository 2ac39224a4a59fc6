use super::{client::retry_after, *};
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    sync::Mutex,
    thread,
    time::{Duration, SystemTime},
};
use url::Url;

/// Keeps what it is told.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Progress for Notes {
    fn begin(&self, _: &str, _: Option<u64>) {}
    fn file(&self, _: &str) {}
    fn position(&self, _: u64, _: Option<u64>) {}
    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
    fn end(&self) {}
}

/// Answers connections with the scripts, one each, and keeps them open; the requests, when asked.
fn scripted(scripts: Vec<&'static str>) -> (Url, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/file", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let mut open = Vec::new();
        let mut requests = Vec::new();
        for script in scripts {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 2048];
            let read = stream.read(&mut buffer).unwrap();
            requests.push(String::from_utf8_lossy(&buffer[..read]).into_owned());
            stream.write_all(script.as_bytes()).unwrap();
            open.push(stream);
        }
        requests
    });
    (Url::parse(&url).unwrap(), serving)
}

fn impatient() -> Patience {
    Patience {
        idle: Duration::from_millis(200),
        first_wait: Duration::from_millis(1),
        attempts: 3,
        ..Patience::default()
    }
}

fn fetch(url: Url, name: &str, sha256: Option<&str>) -> (Result<(), FetchError>, Vec<u8>) {
    let part = std::env::temp_dir().join(format!("depeche-fetch-{}-{name}", std::process::id()));
    discard(&part);
    let facts = Facts {
        name,
        bytes: None,
        sha256,
    };
    let client = Client::new(&[], impatient());
    let address = Address::open(url);
    let result = download(&client, &address, &part, facts, &Notes::default());
    let bytes = fs::read(&part).unwrap_or_default();
    discard(&part);
    (result, bytes)
}

#[test]
fn a_silent_source_is_left_and_asked_again() {
    let (url, serving) = scripted(vec![
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nETag: \"a\"\r\n\r\nabc",
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\nContent-Range: bytes 3-5/6\r\n\r\ndef",
    ]);
    let (result, bytes) = fetch(url, "silent", None);
    result.unwrap();
    assert_eq!(bytes, b"abcdef");
    let requests = serving.join().unwrap();
    let second = requests[1].to_ascii_lowercase();
    assert!(
        second.contains("range: bytes=3-") && second.contains("if-range: \"a\""),
        "{second}"
    );
}

#[test]
fn without_anything_to_tell_that_it_is_the_same_file_it_begins_anew() {
    for tag in ["", "ETag: W/\"weak\"\r\n"] {
        let cut = format!("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n{tag}\r\nabc");
        let (url, serving) = scripted(vec![
            Box::leak(cut.into_boxed_str()),
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nABCDEF",
        ]);
        let (result, bytes) = fetch(url, "untagged", None);
        result.unwrap();
        assert_eq!(bytes, b"ABCDEF");
        assert!(
            !serving.join().unwrap()[1]
                .to_ascii_lowercase()
                .contains("\r\nrange:")
        );
    }
}

#[test]
fn an_answer_with_another_part_than_asked_for_is_not_joined() {
    let (url, serving) = scripted(vec![
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nETag: \"a\"\r\n\r\nabc",
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 6\r\nContent-Range: bytes 0-5/6\r\n\r\nabcdef",
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef",
    ]);
    let (result, bytes) = fetch(url, "another-part", None);
    result.unwrap();
    assert_eq!(bytes, b"abcdef");
    serving.join().unwrap();
}

#[test]
fn a_source_without_tls_is_asked_only_where_someone_said_so() {
    let address = Address::open(Url::parse("http://mirror.example/file").unwrap());
    let refused = Client::new(&[], impatient()).get(&address, &[]);
    assert!(matches!(
        refused,
        Err(Attempt::Final(FetchError::Plain { .. }))
    ));
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    for (value, expected) in [
        ("7", Some(7)),
        ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
        ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
        ("soon", None),
    ] {
        assert_eq!(
            retry_after(value, now),
            expected.map(Duration::from_secs),
            "{value}"
        );
    }
}
