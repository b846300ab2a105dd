//! What a guest of 1.1.0 sees: the generated types, filled by the face.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::sync::Arc;

use astrid_airlock::{Airlock, LocalEgress};
use astrid_host_context::CapsuleId;
use astrid_host_http::{HttpClient, HttpCtx, HttpCtxView};
use astrid_host_http_v1_1::v1_1::astrid::http::host::*;
use astrid_host_testkit::FakeHost;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wasmtime::component::Resource;

struct Store {
    fake: FakeHost,
    http: HttpCtx,
}

impl Store {
    fn new() -> Self {
        let mut rules = LocalEgress::new();
        rules.allow(&CapsuleId::parse("fake").unwrap(), "127.0.0.1:*").unwrap();
        let client = HttpClient::builder(Arc::new(Airlock::builder().rules(rules).build())).build().unwrap();
        Self { fake: FakeHost::builder().build(), http: HttpCtx::builder(client).build() }
    }

    fn view(&mut self) -> HttpCtxView<'_> {
        HttpCtxView { ctx: &mut self.http, host: self.fake.cx() }
    }
}

/// Answers every connection's first bytes with `answer`.
async fn serve(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut some = [0; 4096];
            let _ = stream.read(&mut some).await;
            let _ = stream.write_all(answer).await;
        }
    });
    url
}

fn data(url: &str) -> HttpRequestData {
    HttpRequestData { url: url.to_owned(), method: HttpMethod::Get, headers: Vec::new(), body: None }
}

fn silent() -> RequestOptions {
    RequestOptions {
        timeouts: None,
        redirect: None,
        max_redirects: None,
        max_response_bytes: None,
        max_decompressed_bytes: None,
        auto_decompress: None,
        https_only: None,
        integrity: None,
    }
}

fn borrowed<T: 'static>(resource: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(resource.rep())
}

// http case 1
#[tokio::test]
async fn responses_carry_meta_and_options_count() {
    let url = serve(b"HTTP/1.1 302 X\r\nlocation: /x\r\ncontent-length: 2\r\n\r\nok").await;
    let mut store = Store::new();
    let options = RequestOptions { redirect: Some(RedirectPolicy::Manual), ..silent() };
    let response = Host::http_request_opts(&mut store.view(), data(&url), options).await.unwrap();
    assert_eq!((response.status, &response.body[..]), (302, &b"ok"[..]));
    assert_eq!(
        (response.meta.final_url, response.meta.redirect_count, response.meta.wire_bytes),
        (url, 0, 2)
    );
    assert!(response.headers.iter().any(|pair| pair.key == "location" && pair.value == "/x"));
}

#[tokio::test]
async fn streams_and_uploads_go_through_the_same_handles() {
    let url = serve(b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\nok").await;
    let mut store = Store::new();
    let mut view = store.view();
    let started = Host::http_stream_start_opts(&mut view, data(&url), silent()).await.unwrap();
    assert_eq!(HostHttpStream::status(&mut view, borrowed(&started)).unwrap(), 200);
    assert_eq!(HostHttpStream::read_chunk(&mut view, borrowed(&started)).await.unwrap(), b"ok");
    assert!(HostHttpStream::read_chunk(&mut view, borrowed(&started)).await.unwrap().is_empty());
    assert!(HostHttpStream::trailers(&mut view, borrowed(&started)).unwrap().is_none());
    HostHttpStream::drop(&mut view, started).unwrap();
    let upload = Host::http_upload_start(&mut view, data(&url), silent()).await.unwrap();
    let answer = HostHttpUpload::finish(&mut view, borrowed(&upload)).await.unwrap();
    assert_eq!(HostHttpStream::read_chunk(&mut view, answer).await.unwrap(), b"ok");
    HostHttpUpload::drop(&mut view, upload).unwrap();
}

#[tokio::test]
async fn errors_have_the_contracts_names() {
    let url = serve(b"HTTP/1.1 302 X\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n").await;
    let mut store = Store::new();
    let mut view = store.view();
    let zero =
        TimeoutConfig { connect_ms: None, first_byte_ms: None, between_bytes_ms: None, total_ms: Some(0) };
    let error = RedirectPolicy::Error;
    for (address, options, name) in [
        (url.as_str(), RequestOptions { redirect: Some(error), ..silent() }, "RedirectBlocked"),
        (&url, RequestOptions { max_redirects: Some(0), ..silent() }, "TooManyRedirects"),
        (&url, RequestOptions { https_only: Some(true), ..silent() }, "SchemeDenied"),
        (&url, RequestOptions { timeouts: Some(zero), ..silent() }, "Timeout"),
        (&url, RequestOptions { integrity: Some("md5-x".to_owned()), ..silent() }, "InvalidRequest"),
        ("http://10.0.0.1/", silent(), "AirlockRejected"),
        ("http://127.0.0.1:1/", silent(), "ConnectionError"),
    ] {
        let error = Host::http_request_opts(&mut view, data(address), options).await.unwrap_err();
        let arm = Host::convert_error_code(&mut view, error).unwrap();
        assert_eq!(format!("{arm:?}"), format!("ErrorCode::{name}"));
    }
}

// http case 51
#[tokio::test]
async fn streams_of_both_versions_come_out_of_one_budget() {
    use astrid_host_http::v1_0::astrid::http::host as old;
    let url = serve(b"HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\nok").await;
    let mut store = Store::new();
    let mut view = store.view();
    let first = || old::HttpRequestData {
        url: url.clone(),
        method: old::HttpMethod::Get,
        headers: Vec::new(),
        body: None,
    };
    for _ in 0..2 {
        old::Host::http_stream_start(&mut view, first()).await.unwrap();
        Host::http_stream_start(&mut view, data(&url)).await.unwrap();
    }
    let error = old::Host::http_stream_start(&mut view, first()).await.unwrap_err();
    let arm = old::Host::convert_error_code(&mut view, error).unwrap();
    assert_eq!(format!("{arm:?}"), "ErrorCode::Quota");
    let error = Host::http_stream_start(&mut view, data(&url)).await.unwrap_err();
    let arm = Host::convert_error_code(&mut view, error).unwrap();
    assert_eq!(format!("{arm:?}"), "ErrorCode::Quota");
}
