//! Servers that say exactly what a test wrote.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot_shim::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

/// std's mutex under the name used here; a poisoned one fails the test anyway.
mod parking_lot_shim {
    pub(crate) struct Mutex<T>(std::sync::Mutex<T>);
    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(std::sync::Mutex::new(value))
        }
        pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}

/// A request as it came over the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let of = |(n, v): &(String, Vec<u8>)| {
            (n.eq_ignore_ascii_case(name)).then(|| String::from_utf8_lossy(v).into_owned())
        };
        self.headers.iter().filter_map(of).collect()
    }

    pub(crate) fn one(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().next()
    }

    pub(crate) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }
}

type Script = dyn Fn(&Seen) -> Vec<u8> + Send + Sync;

/// A keep-alive HTTP/1.1 server whose answers are bytes.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) seen: Arc<Log>,
}

pub(crate) struct Log {
    requests: Mutex<VecDeque<Seen>>,
    pub(crate) connections: AtomicUsize,
    pub(crate) closed: Notify,
}

impl Server {
    /// Answers each request with what `script` makes of it. An answer that begins with `!` ends the
    /// connection after the rest of it.
    pub(crate) async fn start(script: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Log {
            requests: Mutex::new(VecDeque::new()),
            connections: AtomicUsize::new(0),
            closed: Notify::new(),
        });
        let (log, script): (_, Arc<Script>) = (seen.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                log.connections.fetch_add(1, Ordering::SeqCst);
                let (log, script) = (log.clone(), script.clone());
                tokio::spawn(async move {
                    serve(stream, &log, &*script).await;
                    log.closed.notify_one();
                });
            }
        });
        Self { port, seen }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.seen.requests.lock().iter().cloned().collect()
    }

    /// Forgets what was asked, for tests that ask very often.
    pub(crate) fn forget(&self) {
        self.seen.requests.lock().clear();
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, log: &Log, script: &Script) {
    let mut buffer = Vec::new();
    while let Some(seen) = read_request(&mut stream, &mut buffer).await {
        log.requests.lock().push_back(seen.clone());
        let answer = script(&seen);
        let (last, answer) = match answer.split_first() {
            Some((b'!', rest)) => (true, rest.to_vec()),
            _ => (false, answer),
        };
        if stream.write_all(&answer).await.is_err() || last {
            return;
        }
    }
}

/// One request with its body by length or chunks.
pub(crate) async fn read_request(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Option<Seen> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if !more(stream, buffer).await {
            return None;
        }
    };
    let head: Vec<u8> = buffer.drain(..end).collect();
    let mut lines = head.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    let mut seen =
        Seen { line: String::from_utf8_lossy(lines.next().unwrap()).into_owned(), ..Seen::default() };
    for line in lines.filter(|l| !l.is_empty()) {
        let colon = line.iter().position(|b| *b == b':').unwrap();
        let name = String::from_utf8_lossy(&line[..colon]).into_owned();
        seen.headers.push((name, line[colon + 1..].trim_ascii().to_vec()));
    }
    if let Some(length) = seen.one("content-length") {
        let length: usize = length.parse().unwrap();
        while buffer.len() < length {
            if !more(stream, buffer).await {
                return None;
            }
        }
        seen.body = buffer.drain(..length).collect();
    } else if seen.one("transfer-encoding").is_some() {
        loop {
            let at = loop {
                if let Some(at) = buffer.windows(2).position(|w| w == b"\r\n") {
                    break at;
                }
                if !more(stream, buffer).await {
                    return None;
                }
            };
            let size = usize::from_str_radix(std::str::from_utf8(&buffer[..at]).unwrap(), 16).unwrap();
            while buffer.len() < at + 2 + size + 2 {
                if !more(stream, buffer).await {
                    return None;
                }
            }
            seen.body.extend_from_slice(&buffer[at + 2..at + 2 + size]);
            buffer.drain(..at + 2 + size + 2);
            if size == 0 {
                break;
            }
        }
    }
    Some(seen)
}

async fn more(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> bool {
    let mut piece = [0; 64 * 1024];
    match stream.read(&mut piece).await {
        Ok(n) if n > 0 => {
            buffer.extend_from_slice(&piece[..n]);
            true
        }
        _ => false,
    }
}

/// A whole response with a length.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    for (name, value) in headers {
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

/// A server that hands each connection to the test, after nothing or after its first request.
pub(crate) struct Manual {
    pub(crate) port: u16,
    connections: mpsc::UnboundedReceiver<TcpStream>,
}

impl Manual {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (send, connections) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if send.send(stream).is_err() {
                    return;
                }
            }
        });
        Self { port, connections }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) async fn accept(&mut self) -> TcpStream {
        self.connections.recv().await.unwrap()
    }

    /// Accepts, reads one request without its body, and says `text`.
    pub(crate) async fn say(&mut self, text: &[u8]) -> TcpStream {
        let mut stream = self.accept().await;
        let mut byte = [0];
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            assert_eq!(stream.read(&mut byte).await.unwrap(), 1);
            head.push(byte[0]);
        }
        stream.write_all(text).await.unwrap();
        stream
    }
}

/// Reads until the peer is gone; true if it went, in order or by reset.
pub(crate) async fn gone(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> bool {
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return true,
            Ok(_) => {}
        }
    }
}
