//! A response whose body is read as a stream. The SDK's wrapper has no `body-stream`, so this uses the bindings below it.

use astrid_sdk::SysError;
use astrid_sdk::astrid_sys::astrid::http1_1_0::host::{
    HttpMethod, HttpRequestData, HttpStream, RequestOptions, http_stream_start_opts,
};
use astrid_sdk::astrid_sys::astrid::io::streams::{InputStream, StreamError};

/// Bytes asked for at a time.
const PIECE: u64 = 256 << 10;

/// A download under way. Dropping it closes the connection.
pub struct Download {
    // The body goes before the response it belongs to.
    body: InputStream,
    length: Option<u64>,
    _response: HttpStream,
}

impl Download {
    /// Asks for `url`, and answers once the header of the response is there.
    pub fn start(url: &str) -> Result<Self, SysError> {
        let request =
            HttpRequestData { url: url.to_owned(), method: HttpMethod::Get, headers: Vec::new(), body: None };
        let response = http_stream_start_opts(&request, &defaults())
            .map_err(|error| SysError::ApiError(format!("{url}: {error:?}")))?;
        let status = response.status();
        if !(200..300).contains(&status) {
            return Err(SysError::ApiError(format!("{url}: the server answered {status}")));
        }
        let length = response.headers().into_iter().find(|field| field.key == "content-length");
        Ok(Self {
            body: response.body_stream(),
            length: length.and_then(|field| field.value.parse().ok()),
            _response: response,
        })
    }

    /// The length the server announced, if it did.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Waits for the next bytes; nothing at the end.
    pub fn next(&self) -> Result<Option<Vec<u8>>, SysError> {
        match self.body.blocking_read(PIECE) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StreamError::Closed) => Ok(None),
            Err(StreamError::LastOperationFailed(error)) => Err(SysError::ApiError(error.to_debug_string())),
        }
    }
}

/// Everything as the operator set it.
fn defaults() -> RequestOptions {
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
