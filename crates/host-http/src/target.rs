//! Where a request goes.

use astrid_airlock::Host;
use url::Url;

use crate::Error;
use crate::limits::MAX_URL;

/// A URL with a host, in the form a browser would use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpUrl {
    /// Without userinfo and fragment.
    url: Url,
    host: Host,
    port: u16,
    /// `user:password`, decoded, if there was any.
    userinfo: Option<Vec<u8>>,
}

impl HttpUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let invalid =
            || Error::Invalid("the url is not valid; give an absolute one of at most 8192 bytes with a host");
        let stray = |c: char| c.is_control() || c == ' ';
        if text.len() > MAX_URL || text.contains(stray) {
            return Err(invalid());
        }
        let url = Url::parse(text).map_err(|_| invalid())?;
        // A scheme that has no hosts is a scheme we do not speak.
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::Scheme);
        }
        Self::new(url).ok_or_else(invalid)
    }

    /// The target of a `Location`; userinfo in it is ignored.
    pub(crate) fn join(&self, location: &str) -> Result<Self, Error> {
        let unclear = Error::Protocol("the redirect's target is no url");
        let Ok(url) = self.url.join(location) else { return Err(unclear) };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::Scheme);
        }
        if url.as_str().len() > MAX_URL {
            return Err(unclear);
        }
        let mut next = Self::new(url).ok_or(unclear)?;
        next.userinfo = None;
        Ok(next)
    }

    fn new(mut url: Url) -> Option<Self> {
        let host = Host::parse(url.host_str()?).ok()?;
        let port = url.port_or_known_default()?;
        let userinfo = (!url.username().is_empty() || url.password().is_some()).then(|| {
            let mut joined = decode(url.username());
            joined.push(b':');
            joined.extend(decode(url.password().unwrap_or_default()));
            joined
        });
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        url.set_fragment(None);
        Some(Self { url, host, port, userinfo })
    }

    pub(crate) fn allow_scheme(&self, https_only: bool) -> Result<(), Error> {
        if https_only && !self.is_https() { Err(Error::Scheme) } else { Ok(()) }
    }

    pub(crate) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// The effective port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn userinfo(&self) -> Option<&[u8]> {
        self.userinfo.as_deref()
    }

    /// The whole, without userinfo and fragment.
    pub(crate) fn text(&self) -> &str {
        self.url.as_str()
    }

    /// `host` or `host:port` as the `host` field has it.
    pub(crate) fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Path and query, never empty.
    pub(crate) fn path(&self) -> &str {
        match &self.url[url::Position::BeforePath..url::Position::AfterQuery] {
            "" => "/",
            path => path,
        }
    }

    pub(crate) fn query_pairs(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let query = self.url.query().unwrap_or_default();
        query.split('&').filter(|pair| !pair.is_empty()).map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (pair, None),
        })
    }

    pub(crate) fn bare_path(&self) -> &str {
        self.url.path()
    }

    /// Scheme, host and effective port are the same.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        self.url.scheme() == other.url.scheme() && self.host == other.host && self.port == other.port
    }
}

/// Undoes percent-encoding, which userinfo has and Basic credentials have not.
fn decode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let Some((&first, rest)) = bytes.split_first() {
        let hex = rest.get(..2).and_then(|d| std::str::from_utf8(d).ok());
        match hex.and_then(|d| u8::from_str_radix(d, 16).ok()).filter(|_| first == b'%') {
            Some(byte) => {
                out.push(byte);
                bytes = rest.get(2..).unwrap_or_default();
            }
            None => {
                out.push(first);
                bytes = rest;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    // http case 4
    #[test]
    fn malformed_urls_are_invalid_and_other_schemes_are_denied() {
        let long = format!("http://h/{}", "a".repeat(MAX_URL - 8));
        for bad in ["", "x", "http://", "http://a b/", "http://h\0/", "http://h/\u{7f}", &long] {
            assert!(matches!(HttpUrl::parse(bad), Err(Error::Invalid(_))), "{bad:?}");
        }
        for denied in ["ftp://h/", "file:///etc/passwd", "ws://h/", "data:,x"] {
            assert!(matches!(HttpUrl::parse(denied), Err(Error::Scheme)), "{denied:?}");
        }
        assert!(HttpUrl::parse(&long[..MAX_URL]).is_ok());
        assert!(matches!(HttpUrl::parse("http://h/").unwrap().allow_scheme(true), Err(Error::Scheme)));
    }

    #[test]
    fn numeric_hosts_are_the_addresses_they_stand_for() {
        for text in
            ["http://2130706433:80/", "http://0x7f.1/", "http://0177.0.0.1/", "http://[::ffff:127.0.0.1]/"]
        {
            assert_eq!(*HttpUrl::parse(text).unwrap().host(), Host::parse("127.0.0.1").unwrap(), "{text}");
        }
        assert_eq!(
            *HttpUrl::parse("https://example.com@127.0.0.1/").unwrap().host(),
            Host::parse("127.0.0.1").unwrap()
        );
    }

    // http case 43
    #[test]
    fn userinfo_is_taken_out_of_the_url() {
        let url = HttpUrl::parse("http://u%40:p@h:81/a?b#c").unwrap();
        assert_eq!(url.userinfo(), Some(&b"u@:p"[..]));
        assert_eq!((url.text(), url.path(), url.authority().as_str()), ("http://h:81/a?b", "/a?b", "h:81"));
        assert_eq!(url.join("http://x:y@h:81/").unwrap().userinfo(), None);
    }

    // http case 20
    #[test]
    fn a_location_is_joined_or_told_apart() {
        let url = HttpUrl::parse("https://h/a/b").unwrap();
        assert_eq!(url.join("../c").unwrap().text(), "https://h/c");
        assert!(matches!(url.join("http://["), Err(Error::Protocol(_))));
        assert!(matches!(url.join("ftp://h/"), Err(Error::Scheme)));
        assert!(
            !url.same_origin(&url.join("http://h/").unwrap())
                && url.same_origin(&url.join("https://H:443").unwrap())
        );
    }
}
