//! Servers that hold next to nothing themselves.

use std::convert::Infallible;

use async_compression::tokio::write::DeflateEncoder;
use bytes::{Bytes, BytesMut};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::meter::MIB;

static CHUNK: [u8; 64 * 1024] = [7; 64 * 1024];

/// `/bytes/N` gives N bytes, `/digest` the SHA-256 of what it gets.
pub(crate) async fn serve() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = hyper::server::conn::http1::Builder::new();
            tokio::spawn(server.serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
    url
}

async fn answer(request: Request<Incoming>) -> Result<Response<BoxBody<Bytes, Infallible>>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let body = match path.strip_prefix("/bytes/") {
        Some(count) => {
            let chunks = count.parse::<usize>().unwrap() / CHUNK.len();
            let frames =
                std::iter::repeat_n((), chunks).map(|()| Ok(Frame::data(Bytes::from_static(&CHUNK))));
            StreamBody::new(futures_util::stream::iter(frames)).boxed()
        }
        None => {
            let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
            let mut body = request.into_body();
            while let Some(frame) = body.frame().await {
                digest.update(frame?.data_ref().unwrap());
            }
            Full::new(Bytes::copy_from_slice(digest.finish().as_ref())).boxed()
        }
    };
    Ok(Response::new(body))
}

/// A port behind which everything is thrown away.
pub(crate) async fn drain() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 64 * 1024];
        while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
    });
    port
}

/// A URL whose body is `length` zeroes in gzip, about a thousandth of that on the wire.
pub(crate) async fn bomb(length: u64) -> String {
    // Deflate of zeroes up to a flush can be repeated: each part only looks back at zeroes.
    let mut encoder = DeflateEncoder::new(Vec::new());
    encoder.write_all(&vec![0; MIB as usize]).await.unwrap();
    encoder.flush().await.unwrap();
    let mebibyte = Bytes::from(encoder.get_ref().clone());
    let mut last = DeflateEncoder::new(Vec::new());
    last.write_all(&vec![0; (length % MIB) as usize]).await.unwrap();
    last.shutdown().await.unwrap();
    let last = Bytes::from(last.into_inner());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mebibyte, last) = (mebibyte.clone(), last.clone());
            tokio::spawn(async move {
                let mut head = BytesMut::new();
                while !head.ends_with(b"\r\n\r\n") {
                    stream.read_buf(&mut head).await.unwrap();
                }
                let start = b"HTTP/1.1 200 X\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03";
                let mut sent = stream.write_all(start).await.is_ok();
                for _ in 0..length / MIB {
                    sent = sent && stream.write_all(&mebibyte).await.is_ok();
                }
                // The checksum behind it is never reached.
                let _ = sent && stream.write_all(&last).await.is_ok();
            });
        }
    });
    url
}
