//! Sizes, codings and digests of bodies held whole.

use astrid_host_http::{Error, HttpView, Options};
use async_compression::tokio::write::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use base64::Engine as _;
use tokio::io::AsyncWriteExt;

use crate::common::server::{Server, answer};
use crate::common::*;

macro_rules! encode {
    ($encoder:expr, $bytes:expr) => {{
        let mut encoder = $encoder;
        encoder.write_all($bytes).await.unwrap();
        encoder.shutdown().await.unwrap();
        encoder.into_inner()
    }};
}

async fn gzip(bytes: &[u8]) -> Vec<u8> {
    encode!(GzipEncoder::new(Vec::new()), bytes)
}

/// Serves one body under each path.
async fn serving(bodies: Vec<(&'static str, &'static str, Vec<u8>)>) -> Server {
    Server::start(move |seen| {
        let (_, coding, body) = bodies.iter().find(|(path, ..)| *path == seen.path()).unwrap();
        answer(200, &[("content-encoding", coding)], body)
    })
    .await
}

// http case 15
#[tokio::test]
async fn ten_mebibytes_fit_and_one_byte_more_does_not() {
    const CAP: usize = 10_485_760;
    let server = Server::start(|seen| {
        let (kind, size) = seen.path()[1..].split_once('/').unwrap();
        let size: usize = size.parse().unwrap();
        if kind == "length" {
            return answer(200, &[], &vec![7; size]);
        }
        let mut out =
            format!("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n{size:x}\r\n").into_bytes();
        out.extend(std::iter::repeat_n(7, size));
        out.extend_from_slice(b"\r\n0\r\n\r\n");
        out
    })
    .await;
    let mut store = World::new().alice();
    for kind in ["length", "chunked"] {
        let url = |size: usize| server.url(&format!("/{kind}/{size}"));
        for size in [CAP - 1, CAP] {
            assert_eq!(store.http().request(get(url(size)), &plain()).await.unwrap().body.len(), size);
        }
        for cap in [None, Some(u64::MAX)] {
            let options = Options { max_response_bytes: cap, ..Options::default() };
            let error = store.http().request(get(url(CAP + 1)), &options).await.unwrap_err();
            assert!(matches!(error, Error::BodyTooLarge(10_485_760)), "{error:?}");
        }
        let options = Options { max_response_bytes: Some(100), ..Options::default() };
        assert_eq!(store.http().request(get(url(100)), &options).await.unwrap().body.len(), 100);
        assert!(matches!(store.http().request(get(url(101)), &options).await, Err(Error::BodyTooLarge(100))));
    }
}

// http case 22
#[tokio::test]
async fn every_coding_is_undone_and_its_fields_go() {
    let text = b"a text that is worth being compressed, being compressed, being compressed".repeat(50);
    let zipped = gzip(&text).await;
    let bodies = vec![
        ("/gzip", "gzip", zipped.clone()),
        ("/x-gzip", "X-Gzip", zipped.clone()),
        ("/zlib", "deflate", encode!(ZlibEncoder::new(Vec::new()), &text)),
        ("/bare", "deflate", encode!(DeflateEncoder::new(Vec::new()), &text)),
        ("/br", "br", encode!(BrotliEncoder::new(Vec::new()), &text)),
        ("/zstd", "zstd", encode!(ZstdEncoder::new(Vec::new()), &text)),
        ("/two", "gzip, br", encode!(BrotliEncoder::new(Vec::new()), &zipped)),
    ];
    let sizes: Vec<_> = bodies.iter().map(|(path, _, body)| (*path, body.len() as u64)).collect();
    let server = serving(bodies).await;
    let mut store = World::new().alice();
    for (path, size) in sizes {
        let response = store.http().request(get(server.url(path)), &plain()).await.unwrap();
        assert_eq!((response.body == text, response.meta.wire_bytes), (true, size), "{path}");
        assert!(header(&response.headers, "content-encoding").is_none(), "{path}");
        assert!(header(&response.headers, "content-length").is_none(), "{path}");
    }
    let raw = Options { auto_decompress: Some(false), ..Options::default() };
    let response = store.http().request(get(server.url("/gzip")), &raw).await.unwrap();
    assert_eq!((response.body, header(&response.headers, "content-encoding")), (zipped, Some("gzip")));
    let own = with_headers(get(server.url("/gzip")), &[("accept-encoding", "identity")]);
    store.http().request(own, &plain()).await.unwrap();
    let asked: Vec<_> = server.requests().iter().map(|s| s.one("accept-encoding")).collect();
    assert_eq!(asked[0].as_deref(), Some("gzip, br, zstd, deflate"));
    assert_eq!((&asked[7], asked[8].as_deref()), (&None, Some("identity")));
}

// http case 23
#[tokio::test]
async fn a_bomb_is_stopped_within_a_block_of_its_limit() {
    let zeroes = gzip(&vec![0; 64 << 20]).await;
    let exact = gzip(&[0; 4096]).await;
    let over = gzip(&[0; 4097]).await;
    let server =
        serving(vec![("/bomb", "gzip", zeroes), ("/exact", "gzip", exact), ("/over", "gzip", over)]).await;
    let mut store = World::new().alice();
    let error = store.http().request(get(server.url("/bomb")), &plain()).await.unwrap_err();
    assert!(matches!(error, Error::BodyTooLarge(_)), "{error:?}");
    let tight = Options { max_decompressed_bytes: Some(4096), ..Options::default() };
    assert_eq!(store.http().request(get(server.url("/exact")), &tight).await.unwrap().body.len(), 4096);
    for path in ["/bomb", "/over"] {
        let error = store.http().request(get(server.url(path)), &tight).await.unwrap_err();
        assert!(matches!(error, Error::Bomb(4096)), "{error:?}");
    }
    let raw =
        Options { auto_decompress: Some(false), max_decompressed_bytes: Some(10), ..Options::default() };
    assert!(store.http().request(get(server.url("/over")), &raw).await.is_ok());
}

// http case 24
#[tokio::test]
async fn broken_codings_are_protocol_errors_and_unknown_ones_are_left_alone() {
    let text = vec![b'x'; 5000];
    let mut cut = gzip(&text).await;
    cut.truncate(cut.len() - 5);
    let mut brotli = encode!(BrotliEncoder::new(Vec::new()), &text);
    brotli.truncate(brotli.len() / 2);
    let mut zstd = encode!(ZstdEncoder::new(Vec::new()), &text);
    zstd.truncate(zstd.len() - 2);
    // A frame header that asks for a window of 64 MiB: descriptor 0, exponent 16.
    let window = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 16 << 3, 0x01, 0x00, 0x00];
    let bodies = vec![
        ("/gzip", "gzip", cut),
        ("/br", "br", brotli),
        ("/zstd", "zstd", zstd),
        ("/window", "zstd", window),
        ("/junk", "gzip", b"not gzip at all".to_vec()),
        ("/other", "rot13", b"uryyb".to_vec()),
        ("/empty", "gzip", Vec::new()),
    ];
    let server = serving(bodies).await;
    let mut store = World::new().alice();
    for path in ["/gzip", "/br", "/zstd", "/window", "/junk"] {
        let error = store.http().request(get(server.url(path)), &plain()).await.unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{path}: {error:?}");
    }
    let response = store.http().request(get(server.url("/other")), &plain()).await.unwrap();
    assert_eq!(
        (&response.body[..], header(&response.headers, "content-encoding")),
        (&b"uryyb"[..], Some("rot13"))
    );
    assert!(store.http().request(get(server.url("/empty")), &plain()).await.unwrap().body.is_empty());
}

// http case 25
#[tokio::test]
async fn the_digest_is_of_the_decoded_body() {
    let zipped = gzip(b"abc").await;
    let server = serving(vec![("/", "gzip", zipped)]).await;
    let mut store = World::new().alice();
    let digest = |name: &str, algorithm, padded: bool| {
        let hash = ring::digest::digest(algorithm, b"abc");
        let text = format!("{name}-{}", base64::engine::general_purpose::STANDARD.encode(hash));
        if padded { text } else { text.trim_end_matches('=').to_owned() }
    };
    for (name, algorithm) in [
        ("sha256", &ring::digest::SHA256),
        ("sha384", &ring::digest::SHA384),
        ("sha512", &ring::digest::SHA512),
    ] {
        for padded in [true, false] {
            let options = Options { integrity: Some(digest(name, algorithm, padded)), ..Options::default() };
            assert_eq!(store.http().request(get(server.url("/")), &options).await.unwrap().body, b"abc");
        }
    }
    let wrong = digest("sha256", &ring::digest::SHA256, true).replace("sha256-u", "sha256-v");
    let options = Options { integrity: Some(wrong), ..Options::default() };
    assert!(matches!(store.http().request(get(server.url("/")), &options).await, Err(Error::Integrity)));
    let asked = server.requests().len();
    let options = Options { integrity: Some("md5-AAAA".to_owned()), ..Options::default() };
    assert!(matches!(store.http().request(get(server.url("/")), &options).await, Err(Error::Invalid(_))));
    assert_eq!(server.requests().len(), asked);
}
