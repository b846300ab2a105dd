//! A host name or address, compared the way the contract says.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

/// Names are in lower case and ASCII, without the final dot; addresses compare as numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host<'a> {
    Name(Cow<'a, str>),
    Address(IpAddr),
}

impl<'a> Host<'a> {
    /// Allocates only for names that are not in their plain form already. `None` for what can be no host.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return inner.parse::<Ipv6Addr>().ok().map(|address| Self::Address(address.into()));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Address(address));
        }
        if !text.is_ascii() {
            return Self::parse_international(text);
        }
        let name = without_dot(text);
        if name.is_empty() {
            return None;
        }
        Some(Self::Name(match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(name.to_ascii_lowercase()),
            false => Cow::Borrowed(name),
        }))
    }

    fn parse_international(text: &str) -> Option<Self> {
        Self::from_url(url::Host::parse(text).ok()?)
    }

    /// A host that the URL parser made.
    pub(crate) fn from_url(host: url::Host<String>) -> Option<Self> {
        match host {
            url::Host::Ipv4(address) => Some(Self::Address(address.into())),
            url::Host::Ipv6(address) => Some(Self::Address(address.into())),
            url::Host::Domain(name) => {
                let name = without_dot(&name);
                (!name.is_empty()).then(|| Self::Name(Cow::Owned(name.to_owned())))
            }
        }
    }
}

pub(crate) fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}
