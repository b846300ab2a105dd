//! What the host adds to a request: `cargo bench -p astrid-host-http`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot set up must fail")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use astrid_airlock::{Airlock, LocalEgress};
use astrid_host_context::{CapsuleId, HostContext, HostCx};
use astrid_host_http::limits::REQUESTS;
use astrid_host_http::{HttpClient, HttpCtx, HttpCtxView, HttpView, Options, Request};
use astrid_host_io::{IoCtx, IoCtxView, IoView};
use astrid_host_testkit::FakeHost;
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

const REQUESTS_EACH: u32 = 2000;
const STREAM_BYTES: usize = 256 << 20;
static CHUNK: [u8; 64 * 1024] = [7; 64 * 1024];

struct Store {
    fake: FakeHost,
    http: HttpCtx,
    io: IoCtx,
}

impl HostContext for Store {
    fn host(&mut self) -> HostCx<'_> {
        self.fake.cx()
    }
}

impl HttpView for Store {
    fn http(&mut self) -> HttpCtxView<'_> {
        HttpCtxView { ctx: &mut self.http, host: self.fake.cx() }
    }
}

impl IoView for Store {
    fn io(&mut self) -> IoCtxView<'_> {
        IoCtxView { ctx: &mut self.io, host: self.fake.cx() }
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let url = serve().await;
        keep_alive(&url).await;
        streams(&url).await;
    });
}

async fn serve() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|request: hyper::Request<Incoming>| async move {
                let body: BoxBody<Bytes, Infallible> = if request.uri().path() == "/big" {
                    let frames = std::iter::repeat_n((), STREAM_BYTES / CHUNK.len());
                    let frames = frames.map(|()| Ok(Frame::data(Bytes::from_static(&CHUNK))));
                    StreamBody::new(futures_util::stream::iter(frames)).boxed()
                } else {
                    Full::new(Bytes::from_static(b"a short answer")).boxed()
                };
                Ok::<_, Infallible>(hyper::Response::new(body))
            });
            let _ = stream.set_nodelay(true);
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    url
}

fn store() -> Store {
    let mut rules = LocalEgress::new();
    rules.allow(&CapsuleId::parse("fake").unwrap(), "127.0.0.1:*").unwrap();
    let client = HttpClient::builder(Arc::new(Airlock::builder().rules(rules).build())).build().unwrap();
    let fake = FakeHost::builder().limit(&REQUESTS, 1_000_000).build();
    Store { fake, http: HttpCtx::builder(client).build(), io: IoCtx::new() }
}

fn get(url: String) -> Request {
    Request { url, method: "GET".to_owned(), ..Request::default() }
}

/// Rounds take turns, so that a busy machine slows both alike.
async fn keep_alive(url: &str) {
    let mut store = store();
    let raw = reqwest::Client::new();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let start = Instant::now();
        for _ in 0..REQUESTS_EACH {
            raw.get(format!("{url}/")).send().await.unwrap().bytes().await.unwrap();
        }
        theirs.push(start.elapsed() / REQUESTS_EACH);
        let start = Instant::now();
        for _ in 0..REQUESTS_EACH {
            store.http().request(get(format!("{url}/")), &Options::default()).await.unwrap();
        }
        ours.push(start.elapsed() / REQUESTS_EACH);
        store.fake.recorder().clear();
    }
    let best = |times: &[Duration]| times.iter().min().copied().unwrap_or_default();
    let (ours, theirs) = (best(&ours), best(&theirs));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("keep-alive GET: {ours:?} here, {theirs:?} by reqwest, ratio {ratio:.2} (target 1.3)");
}

async fn streams(url: &str) {
    let before = resident();
    let (peak, stop) = (Arc::new(AtomicU64::new(before)), Arc::new(AtomicBool::new(false)));
    let (high, ended) = (peak.clone(), stop.clone());
    let sampler = std::thread::spawn(move || {
        while !ended.load(Ordering::Relaxed) {
            high.fetch_max(resident(), Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    let start = Instant::now();
    let readers = (0..4).map(|_| {
        let url = format!("{url}/big");
        tokio::spawn(async move {
            let mut store = store();
            let stream = store.http().stream_start(get(url), &Options::default()).await.unwrap();
            let input = store.http().body_stream(&stream).unwrap();
            let mut total = 0;
            while let Ok(bytes) = store.io().blocking_read(&input, 64 * 1024).await {
                total += bytes.len();
            }
            assert_eq!(total, STREAM_BYTES);
        })
    });
    for reader in readers.collect::<Vec<_>>() {
        reader.await.unwrap();
    }
    let elapsed = start.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    sampler.join().unwrap();
    let growth = (peak.load(Ordering::Relaxed) - before) >> 10;
    println!(
        "4 streams of 256 MiB: {:.0} MiB/s, resident memory +{growth} MiB (target 16)",
        1024.0 / elapsed
    );
}

/// Kibibytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
