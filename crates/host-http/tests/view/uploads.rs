//! Requests written piece by piece.

use astrid_host_http::{Error, HttpUpload, HttpView, MAY_REQUEST, Options, Timeouts};
use astrid_host_io::{IoView, OutputStream, Pollable};
use astrid_host_testkit::FakeHost;
use tokio::io::AsyncReadExt;
use wasmtime::component::Resource;

use crate::common::server::{Manual, Server, answer, gone};
use crate::common::*;

async fn upload(
    store: &mut Store,
    url: String,
    headers: &[(&str, &str)],
) -> (Resource<HttpUpload>, Resource<OutputStream>) {
    let request = with_headers(post(url, b"ignored"), headers);
    let upload = store.http().upload_start(request, &plain()).await.unwrap();
    let sink = store.http().body_sink(&upload).unwrap();
    (upload, sink)
}

// http case 36
#[tokio::test]
async fn what_the_sink_takes_is_what_the_server_gets() {
    let server = Server::start(|seen| answer(200, &[], &blake3::hash(&seen.body).as_bytes()[..])).await;
    let mut store = World::new().alice();
    let (upload, sink) = upload(&mut store, server.url("/"), &[]).await;
    let mut hasher = blake3::Hasher::new();
    for n in 0..256u32 {
        let piece = vec![n.to_le_bytes()[0]; 64 * 1024];
        hasher.update(&piece);
        store.io().blocking_write_and_flush(&sink, piece.into()).await.unwrap();
    }
    let stream = store.http().finish(&upload).await.unwrap();
    assert_eq!(store.http().read_chunk(&stream).await.unwrap(), &hasher.finalize().as_bytes()[..]);
    assert!(matches!(store.http().finish(&upload).await, Err(Error::Closed)));
    assert!(store.io().check_write(&sink).is_err());
    assert_eq!(server.requests()[0].one("transfer-encoding").unwrap(), "chunked");
}

// http case 37
#[tokio::test]
async fn a_declared_length_is_held_to() {
    let server = Server::start(|seen| answer(200, &[], &seen.body)).await;
    let mut store = World::new().alice();
    let ten = [("content-length", "10")];
    let (whole, sink) = upload(&mut store, server.url("/"), &ten).await;
    store.io().blocking_write_and_flush(&sink, (&b"0123456789"[..]).into()).await.unwrap();
    let stream = store.http().finish(&whole).await.unwrap();
    assert_eq!(store.http().read_chunk(&stream).await.unwrap(), "0123456789");

    let (_over, sink) = upload(&mut store, server.url("/"), &ten).await;
    let error = store.io().blocking_write_and_flush(&sink, (&b"0123456789a"[..]).into()).await.unwrap_err();
    assert!(matches!(error, astrid_host_io::Error::Failed(_)), "{error:?}");

    let (short, sink) = upload(&mut store, server.url("/"), &ten).await;
    store.io().blocking_write_and_flush(&sink, (&b"012345678"[..]).into()).await.unwrap();
    let error = store.http().finish(&short).await.unwrap_err();
    assert!(matches!(error, Error::Protocol("request body shorter than content-length")), "{error:?}");
    assert_eq!(server.requests().len(), 1);
}

// http case 38
#[tokio::test]
async fn a_server_that_reads_nothing_pushes_back_and_then_times_out() {
    let mut server = Manual::start().await;
    let mut store = World::new().alice();
    let timeouts = Timeouts { between_bytes_ms: Some(3000), ..Timeouts::default() };
    let options = Options { timeouts, ..Options::default() };
    let upload = store.http().upload_start(post(server.url("/"), b""), &options).await.unwrap();
    let mut peer = server.accept().await;
    let sink = store.http().body_sink(&upload).unwrap();
    let writable = store.http().subscribe_writable(&upload).unwrap();
    let taken = fill(&mut store, &sink, &writable).await;
    assert!(taken < 32 << 20, "only buffers filled up");
    assert!(!store.io().ready(&writable).unwrap());
    let mut some = vec![0; taken / 2];
    peer.read_exact(&mut some).await.unwrap();
    store.io().block(&writable).await.unwrap();
    fill(&mut store, &sink, &writable).await;
    let error = store.http().finish(&upload).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    assert!(gone(&mut peer).await);
}

/// Writes until nothing more is taken.
async fn fill(store: &mut Store, sink: &Resource<OutputStream>, writable: &Resource<Pollable>) -> usize {
    let mut taken = 0;
    loop {
        match usize::try_from(store.io().check_write(sink).unwrap()).unwrap() {
            0 => {
                let mut io = store.io();
                let room = io.block(writable);
                if tokio::time::timeout(std::time::Duration::from_millis(300), room).await.is_err() {
                    return taken;
                }
            }
            room => {
                store.io().write(sink, vec![0; room].into()).unwrap();
                taken += room;
            }
        }
    }
}

// http case 39
#[tokio::test]
async fn an_early_answer_closes_the_sink_and_is_the_answer() {
    let mut server = Manual::start().await;
    let mut store = World::new().alice();
    let (upload, sink) = upload(&mut store, server.url("/"), &[]).await;
    let _peer = server.say(b"HTTP/1.1 401 X\r\ncontent-length: 2\r\n\r\nno").await;
    loop {
        if store.io().blocking_write_and_flush(&sink, vec![0; 64 * 1024].into()).await.is_err() {
            break;
        }
    }
    let stream = store.http().finish(&upload).await.unwrap();
    assert_eq!(store.http().status(&stream).unwrap(), 401);
    assert_eq!(store.http().read_chunk(&stream).await.unwrap(), "no");
    assert!(matches!(store.http().finish(&upload).await, Err(Error::Closed)));
}

// http case 39
#[tokio::test]
async fn an_upload_that_is_dropped_is_broken_off() {
    let mut server = Manual::start().await;
    let mut store = World::new().alice();
    let (upload, _sink) = upload(&mut store, server.url("/"), &[]).await;
    let mut peer = server.accept().await;
    store.http().drop_upload(upload).unwrap();
    assert!(gone(&mut peer).await);
    let records = store.fake.recorder().audited();
    let last = records.iter().rfind(|r| r.op.function == "wire-response").unwrap();
    assert_eq!(last.outcome.class(), Some("abandoned"));
    let held = store.held(&astrid_host_http::limits::STREAMS);
    assert_eq!(held, 0);
}

// http case 40
#[tokio::test]
async fn errors_of_the_start_are_typed_and_redirects_need_no_body() {
    let server = Server::start(|seen| match seen.path() {
        "/end" => answer(200, &[], seen.method().as_bytes()),
        path => answer(path[1..].parse().unwrap(), &[("location", "/end")], b""),
    })
    .await;
    let world = World::new();
    let mut denied = world.store(FakeHost::builder().deny(MAY_REQUEST, "*"));
    let error = denied.http().upload_start(post(server.url("/"), b""), &plain()).await.unwrap_err();
    assert!(matches!(error, Error::Refused(_)));
    let mut store = world.alice();
    let error = store.http().upload_start(post("http://10.0.0.1/", b""), &plain()).await.unwrap_err();
    assert!(matches!(error, Error::Airlock(_)));
    let error = store.http().upload_start(post("http://127.0.0.1:1/", b""), &plain()).await.unwrap_err();
    assert!(matches!(error, Error::Connection(_)));
    let (again, _) = upload(&mut store, server.url("/307"), &[]).await;
    assert!(matches!(store.http().finish(&again).await, Err(Error::RedirectBlocked(_))));
    let (get, _) = upload(&mut store, server.url("/303"), &[]).await;
    let stream = store.http().finish(&get).await.unwrap();
    assert_eq!(store.http().read_chunk(&stream).await.unwrap(), "GET");
}

// http case 40
#[tokio::test]
async fn a_certificate_nobody_signed_fails_the_start_of_an_upload() {
    let identity = tls::identity("localhost", false);
    let server = tls::serve(identity, false).await;
    let url = format!("https://localhost:{}/", server.port);
    let error = World::new().alice().http().upload_start(post(url, b""), &plain()).await.unwrap_err();
    assert!(matches!(error, Error::Tls(_)), "{error:?}");
}

// http case 41
#[tokio::test]
async fn nothing_written_is_an_empty_body() {
    let server = Server::start(|_| answer(200, &[], b"")).await;
    let mut store = World::new().alice();
    let (upload, _) = upload(&mut store, server.url("/"), &[]).await;
    let stream = store.http().finish(&upload).await.unwrap();
    assert_eq!(store.http().status(&stream).unwrap(), 200);
    assert!(server.requests()[0].body.is_empty());
}
