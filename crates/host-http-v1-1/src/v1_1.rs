//! Generated bindings, and conversion to and from the engine.
#![expect(missing_docs, reason = "generated from the WIT file, which says what things are")]

use astrid_host_http::{
    Error, HttpCtxView, HttpStream, HttpUpload, Options, RedirectPolicy, Request, Response, Timeouts, arms,
};
use astrid_host_io::{InputStream, OutputStream, Pollable};
use wasmtime::component::Resource;

use self::astrid::http::host;

wasmtime::component::bindgen!({
    path: "wit",
    interfaces: "import astrid:http/host@1.1.0;",
    imports: {
        "astrid:http/host@1.1.0.http-request": async | trappable,
        "astrid:http/host@1.1.0.http-request-opts": async | trappable,
        "astrid:http/host@1.1.0.http-stream-start": async | trappable,
        "astrid:http/host@1.1.0.http-stream-start-opts": async | trappable,
        "astrid:http/host@1.1.0.http-upload-start": async | trappable,
        "astrid:http/host@1.1.0.[method]http-upload.finish": async | trappable,
        "astrid:http/host@1.1.0.[method]http-stream.read-chunk": async | trappable,
        default: trappable,
    },
    trappable_error_type: { "astrid:http/host@1.1.0.error-code" => astrid_host_http::Error },
    with: {
        "astrid:io": astrid_host_io::v1_0::astrid::io,
        "astrid:http/host@1.1.0.http-stream": astrid_host_http::HttpStream,
        "astrid:http/host@1.1.0.http-upload": astrid_host_http::HttpUpload,
    },
});

impl host::Host for HttpCtxView<'_> {
    async fn http_request(
        &mut self,
        request: host::HttpRequestData,
    ) -> Result<host::HttpResponseData, Error> {
        let response = HttpCtxView::request(self, engine(request), &Options::default()).await?;
        Ok(whole(response))
    }

    async fn http_request_opts(
        &mut self,
        request: host::HttpRequestData,
        options: host::RequestOptions,
    ) -> Result<host::HttpResponseData, Error> {
        let response = HttpCtxView::request(self, engine(request), &opts(options)).await?;
        Ok(whole(response))
    }

    async fn http_stream_start(
        &mut self,
        request: host::HttpRequestData,
    ) -> Result<Resource<HttpStream>, Error> {
        HttpCtxView::stream_start(self, engine(request), &Options::default()).await
    }

    async fn http_stream_start_opts(
        &mut self,
        request: host::HttpRequestData,
        options: host::RequestOptions,
    ) -> Result<Resource<HttpStream>, Error> {
        HttpCtxView::stream_start(self, engine(request), &opts(options)).await
    }

    async fn http_upload_start(
        &mut self,
        request: host::HttpRequestData,
        options: host::RequestOptions,
    ) -> Result<Resource<HttpUpload>, Error> {
        HttpCtxView::upload_start(self, engine(request), &opts(options)).await
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

    fn trailers(&mut self, this: Resource<HttpStream>) -> Result<Option<Vec<host::KeyValuePair>>, Error> {
        let trailers = HttpCtxView::trailers(self, &this)?;
        Ok(trailers.map(|fields| fields.into_iter().map(pair).collect()))
    }

    fn drop(&mut self, this: Resource<HttpStream>) -> wasmtime::Result<()> {
        Ok(HttpCtxView::drop_stream(self, this)?)
    }
}

impl host::HostHttpUpload for HttpCtxView<'_> {
    fn body_sink(&mut self, this: Resource<HttpUpload>) -> wasmtime::Result<Resource<OutputStream>> {
        Ok(HttpCtxView::body_sink(self, &this)?)
    }

    fn subscribe_writable(&mut self, this: Resource<HttpUpload>) -> wasmtime::Result<Resource<Pollable>> {
        Ok(HttpCtxView::subscribe_writable(self, &this)?)
    }

    async fn finish(&mut self, this: Resource<HttpUpload>) -> Result<Resource<HttpStream>, Error> {
        HttpCtxView::finish(self, &this).await
    }

    fn drop(&mut self, this: Resource<HttpUpload>) -> wasmtime::Result<()> {
        Ok(HttpCtxView::drop_upload(self, this)?)
    }
}

fn arm(arm: arms::V1_1) -> wasmtime::Result<host::ErrorCode> {
    Ok(match arm {
        arms::V1_1::CapabilityDenied => host::ErrorCode::CapabilityDenied,
        arms::V1_1::InvalidRequest => host::ErrorCode::InvalidRequest,
        arms::V1_1::DnsError => host::ErrorCode::DnsError,
        arms::V1_1::AirlockRejected => host::ErrorCode::AirlockRejected,
        arms::V1_1::TlsError => host::ErrorCode::TlsError,
        arms::V1_1::Timeout => host::ErrorCode::Timeout,
        arms::V1_1::ConnectionError => host::ErrorCode::ConnectionError,
        arms::V1_1::BodyTooLarge => host::ErrorCode::BodyTooLarge,
        arms::V1_1::Closed => host::ErrorCode::Closed,
        arms::V1_1::Quota => host::ErrorCode::Quota,
        arms::V1_1::RedirectBlocked => host::ErrorCode::RedirectBlocked,
        arms::V1_1::TooManyRedirects => host::ErrorCode::TooManyRedirects,
        arms::V1_1::IntegrityMismatch => host::ErrorCode::IntegrityMismatch,
        arms::V1_1::SchemeDenied => host::ErrorCode::SchemeDenied,
        arms::V1_1::DecompressionBomb => host::ErrorCode::DecompressionBomb,
        arms::V1_1::Protocol(text) => host::ErrorCode::Protocol(text.to_owned()),
        arms::V1_1::Unknown(text) => host::ErrorCode::Unknown(text.to_owned()),
        arms::V1_1::Trap(error) => return Err(error.into()),
    })
}

fn engine(request: host::HttpRequestData) -> Request {
    let host::HttpRequestData { url, method, headers, body } = request;
    let headers = headers.into_iter().map(|pair| (pair.key, pair.value)).collect();
    Request { url, method: name(method), headers, body }
}

fn opts(options: host::RequestOptions) -> Options {
    let times = options.timeouts.map(|times| Timeouts {
        connect_ms: times.connect_ms,
        first_byte_ms: times.first_byte_ms,
        between_bytes_ms: times.between_bytes_ms,
        total_ms: times.total_ms,
    });
    Options {
        timeouts: times.unwrap_or_default(),
        redirect: options.redirect.map(|policy| match policy {
            host::RedirectPolicy::Follow => RedirectPolicy::Follow,
            host::RedirectPolicy::Error => RedirectPolicy::Error,
            host::RedirectPolicy::Manual => RedirectPolicy::Manual,
        }),
        max_redirects: options.max_redirects,
        max_response_bytes: options.max_response_bytes,
        max_decompressed_bytes: options.max_decompressed_bytes,
        auto_decompress: options.auto_decompress,
        https_only: options.https_only,
        integrity: options.integrity,
    }
}

fn whole(response: Response) -> host::HttpResponseData {
    let Response { status, headers, body, meta } = response;
    let meta = host::ResponseMeta {
        final_url: meta.final_url,
        redirect_count: meta.redirect_count,
        elapsed_ms: u64::try_from(meta.elapsed.as_millis()).unwrap_or(u64::MAX),
        wire_bytes: meta.wire_bytes,
    };
    host::HttpResponseData { status, headers: headers.into_iter().map(pair).collect(), body, meta }
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
