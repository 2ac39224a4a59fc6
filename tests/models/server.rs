//! A server of files over HTTP that keeps to the protocol, and breaks it where a test says so.

use std::{
    collections::{HashMap, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

/// What a path answers with once, before it is good again.
#[derive(Clone, Debug)]
pub enum Fault {
    /// So many bytes of the body, then the end.
    Cut(usize),
    /// So many bytes of the body, then nothing until [`Server::release`].
    Stall(usize),
    Status(u16, Vec<(&'static str, String)>),
    /// Another body.
    Instead(Vec<u8>),
}

#[derive(Clone, Debug, Default)]
pub struct Request {
    pub path: String,
    headers: HashMap<String, String>,
}

impl Request {
    /// A header, by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

#[derive(Default)]
struct State {
    files: Mutex<HashMap<String, Vec<u8>>>,
    faults: Mutex<HashMap<String, VecDeque<Fault>>>,
    requests: Mutex<Vec<Request>>,
    released: Mutex<bool>,
    changed: Condvar,
}

pub struct Server {
    pub port: u16,
    state: Arc<State>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                // A client that went away in the middle is what some tests are about.
                thread::spawn(move || drop(serve(stream, &state)));
            }
        });
        Server { port, state }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn put(&self, path: &str, bytes: &[u8]) {
        let mut files = self.state.files.lock().unwrap();
        files.insert(path.to_owned(), bytes.to_vec());
    }

    /// The path's next answers.
    pub fn fail(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        let mut all = self.state.faults.lock().unwrap();
        all.entry(path.to_owned()).or_default().extend(faults);
    }

    /// The path is good again.
    pub fn heal(&self, path: &str) {
        self.state.faults.lock().unwrap().remove(path);
    }

    pub fn requests(&self, path: &str) -> Vec<Request> {
        let requests = self.state.requests.lock().unwrap();
        requests
            .iter()
            .filter(|request| request.path == path)
            .cloned()
            .collect()
    }

    pub fn all_requests(&self) -> usize {
        self.state.requests.lock().unwrap().len()
    }

    /// Lets the stalled answers go on.
    pub fn release(&self) {
        *self.state.released.lock().unwrap() = true;
        self.state.changed.notify_all();
    }
}

/// Of the file's content, so that it changes with it.
fn etag(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("\"{sum:x}\"")
}

fn serve(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut request = Request {
        path: first.split(' ').nth(1).unwrap_or_default().to_owned(),
        ..Request::default()
    };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        let value = value.trim().to_owned();
        request.headers.insert(name.to_ascii_lowercase(), value);
    }
    if request.path.is_empty() {
        return Ok(());
    }
    state.requests.lock().unwrap().push(request.clone());
    let fault = {
        let mut faults = state.faults.lock().unwrap();
        faults.get_mut(&request.path).and_then(VecDeque::pop_front)
    };
    let file = state.files.lock().unwrap().get(&request.path).cloned();
    let file = match (&fault, file) {
        (Some(Fault::Status(status, headers)), _) => {
            let headers: String = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
            return send(
                &mut stream,
                &format!("{status} So"),
                &headers,
                b"",
                None,
                state,
            );
        }
        (Some(Fault::Instead(bytes)), _) => bytes.clone(),
        (_, Some(file)) => file,
        (_, None) => return send(&mut stream, "404 Not Found", "", b"", None, state),
    };
    let etag = etag(&file);
    let tag = format!("ETag: {etag}\r\n");
    if request.header("if-none-match") == Some(&etag) {
        return send(&mut stream, "304 Not Modified", &tag, b"", None, state);
    }
    let same = request.header("if-range").is_none_or(|known| known == etag);
    let start = request.header("range").filter(|_| same).and_then(|range| {
        range
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    });
    let total = file.len();
    match start {
        Some(start) if start >= total => {
            let range = format!("Content-Range: bytes */{total}\r\n");
            send(
                &mut stream,
                "416 Range Not Satisfiable",
                &range,
                b"",
                None,
                state,
            )
        }
        Some(start) => {
            let range = format!(
                "{tag}Content-Range: bytes {start}-{}/{total}\r\n",
                total - 1
            );
            send(
                &mut stream,
                "206 Partial Content",
                &range,
                &file[start..],
                fault,
                state,
            )
        }
        None => send(&mut stream, "200 OK", &tag, &file, fault, state),
    }
}

fn send(
    stream: &mut TcpStream,
    status: &str,
    headers: &str,
    body: &[u8],
    fault: Option<Fault>,
    state: &State,
) -> std::io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes())?;
    match fault {
        Some(Fault::Cut(bytes)) => stream.write_all(&body[..bytes])?,
        Some(Fault::Stall(bytes)) => {
            stream.write_all(&body[..bytes])?;
            let mut released = state.released.lock().unwrap();
            while !*released {
                released = state.changed.wait(released).unwrap();
            }
            stream.write_all(&body[bytes..])?;
        }
        _ => stream.write_all(body)?,
    }
    stream.shutdown(Shutdown::Write)?;
    // Until the client has read it all: closing with something unread would take it back.
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let _ = stream.read(&mut [0; 64]);
    Ok(())
}
