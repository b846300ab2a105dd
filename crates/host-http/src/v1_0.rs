//! The face of `astrid:http@1.0.0`: generated bindings, and conversion to and from the engine.
#![expect(missing_docs, reason = "generated from the WIT file, which says what things are")]

use astrid_host_io::{InputStream, Pollable};
use wasmtime::component::Resource;

use self::astrid::http::host;
use crate::error::arms;
use crate::{Error, HttpCtxView, HttpStream, Options, Request};

wasmtime::component::bindgen!({
    path: "wit",
    interfaces: "import astrid:http/host@1.0.0;",
    imports: {
        "astrid:http/host@1.0.0.http-request": async | trappable,
        "astrid:http/host@1.0.0.http-stream-start": async | trappable,
        "astrid:http/host@1.0.0.[method]http-stream.read-chunk": async | trappable,
        default: trappable,
    },
    trappable_error_type: { "astrid:http/host@1.0.0.error-code" => crate::Error },
    with: {
        "astrid:io": astrid_host_io::v1_0::astrid::io,
        "astrid:http/host@1.0.0.http-stream": crate::HttpStream,
    },
});

impl host::Host for HttpCtxView<'_> {
    async fn http_request(
        &mut self,
        request: host::HttpRequestData,
    ) -> Result<host::HttpResponseData, Error> {
        let response = HttpCtxView::request(self, engine(request), &Options::default()).await?;
        let headers = response.headers.into_iter().map(pair).collect();
        Ok(host::HttpResponseData { status: response.status, headers, body: response.body })
    }

    async fn http_stream_start(
        &mut self,
        request: host::HttpRequestData,
    ) -> Result<Resource<HttpStream>, Error> {
        HttpCtxView::stream_start(self, engine(request), &Options::default()).await
    }

    fn convert_error_code(&mut self, error: Error) -> wasmtime::Result<host::ErrorCode> {
        arm(error.into())
    }
}

impl host::HostHttpStream for HttpCtxView<'_> {
    fn status(&mut self, this: Resource<HttpStream>) -> wasmtime::Result<u16> {
        Ok(HttpCtxView::status(self, &this)?)
    }

    fn headers(&mut self, this: Resource<HttpStream>) -> wasmtime::Result<Vec<host::KeyValuePair>> {
        Ok(HttpCtxView::headers(self, &this)?.into_iter().map(pair).collect())
    }

    async fn read_chunk(&mut self, this: Resource<HttpStream>) -> Result<Vec<u8>, Error> {
        Ok(HttpCtxView::read_chunk(self, &this).await?.into())
    }

    fn close(&mut self, this: Resource<HttpStream>) -> Result<(), Error> {
        HttpCtxView::close(self, &this)
    }

    fn subscribe_readable(&mut self, this: Resource<HttpStream>) -> wasmtime::Result<Resource<Pollable>> {
        Ok(HttpCtxView::subscribe_readable(self, &this)?)
    }

    fn body_stream(&mut self, this: Resource<HttpStream>) -> wasmtime::Result<Resource<InputStream>> {
        Ok(HttpCtxView::body_stream(self, &this)?)
    }

    fn drop(&mut self, this: Resource<HttpStream>) -> wasmtime::Result<()> {
        Ok(HttpCtxView::drop_stream(self, this)?)
    }
}

fn arm(arm: arms::V1_0) -> wasmtime::Result<host::ErrorCode> {
    Ok(match arm {
        arms::V1_0::CapabilityDenied => host::ErrorCode::CapabilityDenied,
        arms::V1_0::InvalidRequest => host::ErrorCode::InvalidRequest,
        arms::V1_0::DnsError => host::ErrorCode::DnsError,
        arms::V1_0::AirlockRejected => host::ErrorCode::AirlockRejected,
        arms::V1_0::TlsError => host::ErrorCode::TlsError,
        arms::V1_0::Timeout => host::ErrorCode::Timeout,
        arms::V1_0::ConnectionError => host::ErrorCode::ConnectionError,
        arms::V1_0::BodyTooLarge => host::ErrorCode::BodyTooLarge,
        arms::V1_0::Closed => host::ErrorCode::Closed,
        arms::V1_0::Quota => host::ErrorCode::Quota,
        arms::V1_0::Protocol(text) => host::ErrorCode::Protocol(text.to_owned()),
        arms::V1_0::Unknown(text) => host::ErrorCode::Unknown(text.to_owned()),
        arms::V1_0::Trap(error) => return Err(error.into()),
    })
}

fn engine(request: host::HttpRequestData) -> Request {
    let host::HttpRequestData { url, method, headers, body } = request;
    let headers = headers.into_iter().map(|pair| (pair.key, pair.value)).collect();
    Request { url, method: name(method), headers, body }
}

fn pair((key, value): (String, String)) -> host::KeyValuePair {
    host::KeyValuePair { key, value }
}

fn name(method: host::HttpMethod) -> String {
    match method {
        host::HttpMethod::Get => "GET".to_owned(),
        host::HttpMethod::Head => "HEAD".to_owned(),
        host::HttpMethod::Post => "POST".to_owned(),
        host::HttpMethod::Put => "PUT".to_owned(),
        host::HttpMethod::Delete => "DELETE".to_owned(),
        host::HttpMethod::Connect => "CONNECT".to_owned(),
        host::HttpMethod::Options => "OPTIONS".to_owned(),
        host::HttpMethod::Trace => "TRACE".to_owned(),
        host::HttpMethod::Patch => "PATCH".to_owned(),
        host::HttpMethod::Other(name) => name,
    }
}
