//! Redirects between public origins. No test may dial one, so connections to servers of this machine
//! wait in the pool under public addresses.

use std::sync::Arc;

use astrid_airlock::{Airlock, Host, LocalEgress, Scripted};
use astrid_host_context::{CapsuleId, HostContext, HostCx, Scope};
use astrid_host_testkit::FakeHost;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::pool::{Key, Origin};
use crate::{
    Error, HttpClient, HttpCtx, HttpCtxView, HttpView, Options, Request, SecretAnswer, Secrets, arms,
};

struct Store {
    fake: FakeHost,
    http: HttpCtx,
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

struct Vault;

impl Secrets for Vault {
    fn declares(&self, name: &str) -> bool {
        name == "k"
    }

    fn get<'a>(&'a self, _: &'a Scope, _: &'a str) -> SecretAnswer<'a> {
        Box::pin(std::future::ready(Ok(Some(Zeroizing::new("hidden".to_owned())))))
    }
}

/// Redirects to what follows `/to/`, and answers anything else with 200. Keeps what it was sent.
struct Site {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Site {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = heads.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let log = log.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while let Ok(byte) = stream.read_u8().await {
                        head.push(byte);
                        if head.ends_with(b"\r\n\r\n") {
                            let text = String::from_utf8(std::mem::take(&mut head)).unwrap();
                            let path = text.split(' ').nth(1).unwrap().to_owned();
                            log.lock().push(text);
                            let answer = match path.strip_prefix("/to/") {
                                Some(target) => {
                                    format!(
                                        "HTTP/1.1 302 X\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n"
                                    )
                                }
                                None => "HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n".to_owned(),
                            };
                            stream.write_all(answer.as_bytes()).await.unwrap();
                        }
                    }
                });
            }
        });
        Self { port, heads }
    }

    /// Lets `scheme://name` be this site, for one connection.
    async fn stands_for(&self, client: &Arc<HttpClient>, https: bool, name: &str) {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let key = Key { https, host: Host::parse(name).unwrap(), port: if https { 443 } else { 80 } };
        let address = "93.184.215.14:80".parse().unwrap();
        let origin = Origin { address, owner: None, born: Instant::now() };
        client.http1(&key, origin, stream).await.unwrap().release();
    }

    fn last(&self) -> String {
        self.heads.lock().last().unwrap().clone()
    }
}

struct World {
    client: Arc<HttpClient>,
    store: Store,
}

/// A capsule that an operator admitted to `port` of this machine.
fn world(port: u16) -> World {
    let mut rules = LocalEgress::new();
    rules.allow(&CapsuleId::parse("fake").unwrap(), &format!("127.0.0.1:{port}")).unwrap();
    let dns = Scripted::new().answer("inner.test", ["10.0.0.1".parse().unwrap()]);
    let airlock = Airlock::builder().rules(rules).resolver(Arc::new(dns)).build();
    let client = HttpClient::builder(Arc::new(airlock)).build().unwrap();
    let http = HttpCtx::builder(client.clone()).secrets(Arc::new(Vault)).build();
    World { client, store: Store { fake: FakeHost::builder().build(), http } }
}

const CREDENTIALS: [(&str, &str); 10] = [
    ("authorization", "Bearer t"),
    ("cookie", "c=1"),
    ("x-api-key", "k"),
    ("api-key", "k"),
    ("x-goog-api-key", "k"),
    ("x-auth-token", "k"),
    ("x-amz-security-token", "k"),
    ("ocp-apim-subscription-key", "k"),
    ("x-signed", "{{secret:k}}"),
    ("x-keep", "kept"),
];

fn get(url: &str) -> Request {
    let headers = CREDENTIALS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Request { url: url.to_owned(), method: "GET".to_owned(), headers, body: None }
}

/// Which of the credentials a request carried.
fn carried(head: &str) -> Vec<&'static str> {
    let has = |name: &str| head.lines().any(|line| line.starts_with(&format!("{name}: ")));
    CREDENTIALS.iter().map(|(name, _)| *name).filter(|name| has(name)).collect()
}

// http case 19
#[tokio::test]
async fn credentials_stay_with_their_origin_and_do_not_come_back_with_it() {
    let (a, b) = (Site::start().await, Site::start().await);
    let World { client, mut store } = world(1);
    a.stands_for(&client, false, "a.test").await;
    a.stands_for(&client, true, "a.test").await;
    b.stands_for(&client, false, "b.test").await;
    let all: Vec<_> = CREDENTIALS.iter().map(|(name, _)| *name).collect();

    store.http().request(get("http://a.test/to/http://a.test/end"), &Options::default()).await.unwrap();
    assert_eq!(carried(&a.last()), all, "the origin is the same");
    assert!(a.last().contains("x-signed: hidden"));

    let round = "http://a.test/to/http://b.test/to/http://a.test/end";
    let response = store.http().request(get(round), &Options::default()).await.unwrap();
    assert_eq!(response.meta.redirect_count, 2);
    assert_eq!(carried(&b.last()), ["x-keep"]);
    assert!(a.last().starts_with("GET /end ") && carried(&a.last()) == ["x-keep"], "{}", a.last());
    assert!(!b.last().to_lowercase().contains("referer"));

    store.http().request(get("http://a.test/to/https://a.test/up"), &Options::default()).await.unwrap();
    assert!(a.last().starts_with("GET /up ") && carried(&a.last()) == ["x-keep"], "another scheme");
    let down = "https://a.test/to/http://a.test/down";
    store.http().request(get(down), &Options::default()).await.unwrap();
    assert!(a.last().starts_with("GET /down ") && carried(&a.last()) == ["x-keep"], "back to plain http");
}

// http case 43
#[tokio::test]
async fn what_the_url_signs_in_with_stays_with_its_origin_and_is_not_taken_from_a_redirect() {
    let (a, b) = (Site::start().await, Site::start().await);
    let World { client, mut store } = world(1);
    a.stands_for(&client, false, "a.test").await;
    b.stands_for(&client, false, "b.test").await;
    let request = Request {
        url: "http://u:p@a.test/to/http://x:y@b.test/end".to_owned(),
        method: "GET".to_owned(),
        ..Request::default()
    };
    let response = store.http().request(request, &Options::default()).await.unwrap();
    assert!(a.last().contains("authorization: Basic dTpw"), "{}", a.last());
    assert!(!b.last().contains("authorization"), "{}", b.last());
    assert_eq!(response.meta.final_url, "http://b.test/end");
}

// http case 20
#[tokio::test]
async fn a_redirect_leads_to_no_address_and_no_scheme_that_a_request_could_not() {
    let (a, local) = (Site::start().await, Site::start().await);
    let World { client, mut store } = world(local.port);
    for target in [
        "http://10.0.0.1/",
        "http://inner.test/",
        &format!("http://127.0.0.1:{}/", local.port),
        "http://[::1]/",
    ] {
        a.stands_for(&client, false, "a.test").await;
        let url = format!("http://a.test/to/{target}");
        let error = store.http().request(get(&url), &Options::default()).await.unwrap_err();
        assert!(matches!(error, Error::RedirectBlocked(_)), "{target}: {error:?}");
        assert!(matches!(arms::V1_0::from(error), arms::V1_0::AirlockRejected), "{target}");
    }
    assert_eq!(local.heads.lock().len(), 0);
    for target in ["ftp://b.test/", "file:///etc/passwd"] {
        let url = format!("http://a.test/to/{target}");
        let error = store.http().request(get(&url), &Options::default()).await.unwrap_err();
        assert!(matches!(error, Error::Scheme), "{target}: {error:?}");
    }
    let error =
        store.http().request(get("http://a.test/to/http://["), &Options::default()).await.unwrap_err();
    assert!(matches!(error, Error::Protocol(_)), "{error:?}");

    a.stands_for(&client, true, "a.test").await;
    let only = Options { https_only: Some(true), ..Options::default() };
    let error = store.http().request(get("https://a.test/to/http://a.test/"), &only).await.unwrap_err();
    assert!(matches!(error, Error::Scheme), "{error:?}");
}
