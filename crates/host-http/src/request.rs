//! A request as a guest gives it, in plain types, and the checks that need nobody else.

use hyper::Method;

use crate::Error;
use crate::fields::{Field, check_fields};
use crate::integrity::Integrity;
use crate::limits::{MAX_METHOD, MAX_REQUEST_BODY};
use crate::target::HttpUrl;

/// What a guest asks for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Where it goes.
    pub url: String,
    /// The method's name; the faces spell the standard ones in capitals.
    pub method: String,
    /// Header fields in order.
    pub headers: Vec<(String, String)>,
    /// The body; uploads ignore it.
    pub body: Option<Vec<u8>>,
}

/// Time limits in milliseconds; `None` is the host's default, 0 fails at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Resolve, connect and secure, for every hop.
    pub connect_ms: Option<u64>,
    /// From the end of the request to the beginning of the response, for every hop.
    pub first_byte_ms: Option<u64>,
    /// From one piece of the body to the next.
    pub between_bytes_ms: Option<u64>,
    /// Everything, redirects included.
    pub total_ms: Option<u64>,
}

/// What happens when a response redirects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectPolicy {
    /// The host follows.
    Follow,
    /// The request fails.
    Error,
    /// The redirect is the response.
    Manual,
}

/// What a request may change about its handling; `None` is the host's default.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Time limits.
    pub timeouts: Timeouts,
    /// Redirects.
    pub redirect: Option<RedirectPolicy>,
    /// Redirects followed at most.
    pub max_redirects: Option<u32>,
    /// Delivered body bytes at most.
    pub max_response_bytes: Option<u64>,
    /// Decoded body bytes at most.
    pub max_decompressed_bytes: Option<u64>,
    /// Whether codings are undone.
    pub auto_decompress: Option<bool>,
    /// Whether `http` is refused, on redirects too.
    pub https_only: Option<bool>,
    /// The digest the body must have, `sha256-`, `sha384-` or `sha512-` and base64.
    pub integrity: Option<String>,
}

/// A request that passed the checks of its form.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    pub(crate) method: Method,
    pub(crate) url: HttpUrl,
    pub(crate) fields: Vec<Field>,
    pub(crate) body: Vec<u8>,
    /// What the caller said the length of an upload would be.
    pub(crate) declared_length: Option<u64>,
    pub(crate) integrity: Option<Integrity>,
}

impl Checked {
    /// Checks method, URL, fields, body and digest, in the contract's order.
    pub(crate) fn parse(request: Request, options: &Options) -> Result<Self, Error> {
        let method = method(&request.method)?;
        let url = HttpUrl::parse(&request.url)?;
        url.allow_scheme(options.https_only.unwrap_or(false))?;
        let checked = check_fields(&request.headers, &url)?;
        let body = request.body.unwrap_or_default();
        if body.len() > MAX_REQUEST_BODY {
            return Err(Error::Invalid("the body is too large; at most 10485760 bytes, more by an upload"));
        }
        let integrity = options.integrity.as_deref().map(Integrity::parse).transpose()?;
        Ok(Self {
            method,
            url,
            fields: checked.fields,
            body,
            declared_length: checked.declared_length,
            integrity,
        })
    }
}

fn method(name: &str) -> Result<Method, Error> {
    let invalid =
        Error::Invalid("the method is not valid; allowed: a token of 1 to 32 characters but CONNECT");
    if name.len() > MAX_METHOD || name.eq_ignore_ascii_case("connect") {
        return Err(invalid);
    }
    Method::from_bytes(name.as_bytes()).map_err(|_| invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    // http case 5
    #[test]
    fn a_method_is_a_token_of_1_to_32_characters_and_never_connect() {
        for bad in ["CONNECT", "connect", "CoNnEcT", "", "A B", "a\r", "é", &"x".repeat(33)] {
            assert!(method(bad).is_err(), "{bad:?}");
        }
        for good in ["PROPFIND", "TRACE", "get", &"x".repeat(32)] {
            assert_eq!(method(good).unwrap().as_str(), good);
        }
    }
}
