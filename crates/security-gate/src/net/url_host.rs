//! Host and port of a URL.

use url::Url;

use super::host::Host;

/// Longest URL; the http interface has the same limit.
const MAX_URL: usize = 8192;

const NOT_A_URL: &str = "not a valid URL";
const WRONG_SCHEME: &str = "the scheme must be http or https";

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlHost<'a> {
    pub(crate) host: Host<'a>,
    pub(crate) port: u16,
}

impl<'a> UrlHost<'a> {
    /// As the WHATWG parser sees it. A URL in its plain form, which is how redirects and most guests
    /// spell it, is read in place without allocating.
    pub(crate) fn parse(url: &'a str) -> Result<Self, &'static str> {
        if url.len() > MAX_URL {
            return Err(NOT_A_URL);
        }
        match Self::plain(url) {
            Some(found) => Ok(found),
            None => Self::parsed(url),
        }
    }

    /// `None` for every spelling in which the parser would see anything but what is written.
    fn plain(url: &'a str) -> Option<Self> {
        let (rest, default) = match url.strip_prefix("https://") {
            Some(rest) => (rest, 443),
            None => (url.strip_prefix("http://")?, 80),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let authority = rest.get(..end)?;
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, super::ports::number(port)?),
            None => (authority, default),
        };
        is_plain_name(host).then(|| Self { host: Host::Name(host.into()), port })
    }

    fn parsed(url: &str) -> Result<Self, &'static str> {
        let url = Url::parse(url).map_err(|_| NOT_A_URL)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(WRONG_SCHEME);
        }
        let host = url.host().and_then(|host| Host::from_url(host.to_owned())).ok_or(NOT_A_URL)?;
        Ok(Self { host, port: url.port_or_known_default().ok_or(NOT_A_URL)? })
    }
}

/// Lower-case labels that are neither punycode nor the end of a numeric address. A name too long for
/// DNS is left to the parser.
fn is_plain_name(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with("xn--")
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    let ends_in_letter = host.bytes().next_back().is_some_and(|b| b.is_ascii_lowercase());
    let last = host.rsplit('.').next().unwrap_or_default();
    host.len() <= 253
        && ends_in_letter
        && !last.starts_with(|c: char| c.is_ascii_digit())
        && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_short_way_never_sees_another_host_than_the_parser(url in "https?:(//|/|\\\\\\\\)[a-z0-9A-Z.@:_\\-\\[\\]\t%é/?#\\\\x]{0,24}") {
            if let Some(plain) = UrlHost::plain(&url) {
                prop_assert_eq!(Ok(plain), UrlHost::parsed(&url));
            }
        }

        #[test]
        fn nor_where_most_urls_are_plain(url in "https?://[a-z0-9.x_-]{1,16}(:[0-9]{0,6})?[/?#@]?[a-z@:.]{0,5}") {
            if let Some(plain) = UrlHost::plain(&url) {
                prop_assert_eq!(Ok(plain), UrlHost::parsed(&url));
            }
        }
    }

    #[test]
    fn plain_urls_take_the_short_way() {
        for url in ["https://api.github.com/v1?q=a@b", "http://localhost", "http://x_y.example:8080#f"] {
            let plain = UrlHost::plain(url).unwrap();
            assert_eq!(Ok(plain), UrlHost::parsed(url), "{url}");
        }
    }

    #[test]
    fn anything_else_goes_through_the_parser() {
        for url in [
            "http://api.github.com@127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
            "http://API.github.com/",
            "https://a.com\t.evil.io/",
            "https:\\\\a.com",
            "https://xn--bcher-kva.de/",
            "https://a.com./",
            "https://a..com/",
            "https://a.com:99999/",
            "https://a.com:/",
        ] {
            assert_eq!(UrlHost::plain(url), None, "{url}");
        }
    }
}
