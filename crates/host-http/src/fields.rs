//! Header fields: what a guest may send, and what it gets to see.

use hyper::HeaderMap;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TE};

use crate::Error;
use crate::limits::{MAX_HEADER_BYTES, MAX_REQUEST_FIELDS, MAX_RESPONSE_FIELDS};
use crate::target::HttpUrl;

/// One field as the guest gave it; placeholders for secrets are still in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: HeaderName,
    pub(crate) value: String,
    /// Held a placeholder, so it never leaves its origin.
    pub(crate) secret: bool,
}

/// What the guest's fields come to.
#[derive(Debug)]
pub(crate) struct CheckedFields {
    pub(crate) fields: Vec<Field>,
    pub(crate) declared_length: Option<u64>,
}

/// Fields that belong to the connection: the host makes what is needed.
const CONNECTION: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "transfer-encoding",
    "upgrade",
    "expect",
    "content-length",
];

/// Fields that speak for somebody; they never leave their origin, and their values never reach a digest.
pub(crate) const CREDENTIALS: [&str; 9] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-auth-token",
    "x-amz-security-token",
    "ocp-apim-subscription-key",
];

impl Field {
    pub(crate) fn is_credential(&self) -> bool {
        self.secret || CREDENTIALS.contains(&self.name.as_str())
    }
}

/// Checks the form of all fields, then leaves out those that are the host's to make.
pub(crate) fn check_fields(given: &[(String, String)], url: &HttpUrl) -> Result<CheckedFields, Error> {
    if given.len() > MAX_REQUEST_FIELDS
        || given.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>() > MAX_HEADER_BYTES
    {
        return Err(Error::Invalid("the header is too large; at most 100 fields and 65536 bytes"));
    }
    let mut checked = CheckedFields { fields: Vec::with_capacity(given.len()), declared_length: None };
    for (name, value) in given {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::Invalid("a header name is not valid; allowed: a token"))?;
        HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            Error::Invalid("a header value is not valid; allowed: no control characters but tab")
        })?;
        if name == CONTENT_LENGTH {
            checked.declared_length = value.trim().parse().ok().filter(|_| checked.declared_length.is_none());
        }
        if name == HOST {
            same_authority(value, url)?;
        } else if !CONNECTION.contains(&name.as_str()) && (name != TE || is_trailers(value)) {
            checked.fields.push(Field { name, value: value.clone(), secret: false });
        }
    }
    Ok(checked)
}

fn is_trailers(value: &str) -> bool {
    value.trim().eq_ignore_ascii_case("trailers")
}

/// A guest may not ask one server for another's site.
fn same_authority(value: &str, url: &HttpUrl) -> Result<(), Error> {
    let authority = url.authority();
    let with_port = format!("{}:{}", url.host(), url.port());
    if value.trim().eq_ignore_ascii_case(&authority) || value.trim().eq_ignore_ascii_case(&with_port) {
        return Ok(());
    }
    Err(Error::Invalid("the host header is not the url's host; leave it out"))
}

/// A response's fields as guests see them: lower case, in order, never dropped.
pub(crate) fn to_guest(map: &HeaderMap) -> Vec<(String, String)> {
    map.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect()
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// Holds a response's header to its bounds.
pub(crate) fn check_response(map: &HeaderMap) -> Result<(), Error> {
    let bytes: usize = map.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if map.len() > MAX_RESPONSE_FIELDS || bytes > MAX_HEADER_BYTES {
        return Err(Error::Protocol("the response's header is too large"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[(&str, &str)]) -> Result<CheckedFields, Error> {
        let owned: Vec<_> = given.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        check_fields(&owned, &HttpUrl::parse("http://h:81/").unwrap())
    }

    // http case 6
    #[test]
    fn malformed_fields_and_a_foreign_host_are_invalid() {
        for (name, value) in
            [("a", "a\r\nb"), ("x y", "v"), ("", "v"), ("a", "\0"), ("host", "other"), ("host", "h")]
        {
            assert!(check(&[(name, value)]).is_err(), "{name:?}: {value:?}");
        }
        assert!(check(&[("Host", "H:81"), ("a", "b\tc"), ("a", "Café")]).is_ok());
        assert!(check(&[("a", "b"); 101]).is_err() && check(&[("a", &"b".repeat(65_536))]).is_err());
    }

    // http case 6
    #[test]
    fn what_belongs_to_the_connection_is_left_out() {
        let given = [
            ("Transfer-Encoding", "chunked"),
            ("connection", "close"),
            ("content-length", "7"),
            ("te", "gzip"),
            ("Cookie", "a"),
            ("te", "trailers"),
            ("cookie", "b"),
        ];
        let checked = check(&given).unwrap();
        let left: Vec<_> = checked.fields.iter().map(|f| (f.name.as_str(), f.value.as_str())).collect();
        assert_eq!(left, [("cookie", "a"), ("te", "trailers"), ("cookie", "b")]);
        assert_eq!(checked.declared_length, Some(7));
        assert_eq!(check(&[("content-length", "1"), ("content-length", "2")]).unwrap().declared_length, None);
    }

    // http case 7
    #[test]
    fn a_value_that_is_no_utf_8_is_read_as_latin_1() {
        let mut map = HeaderMap::new();
        map.append("x", HeaderValue::from_bytes(&[0xe9]).unwrap());
        map.append("x", HeaderValue::from_bytes("é".as_bytes()).unwrap());
        assert_eq!(to_guest(&map), [("x".to_owned(), "é".to_owned()), ("x".to_owned(), "é".to_owned())]);
    }
}
