//! What a guest may pass to `lookup-host`.

use std::net::IpAddr;

use super::host::Host;
use super::ports;

/// A host, with a port if the guest gave one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lookup<'a> {
    pub(crate) host: Host<'a>,
    pub(crate) port: Option<u16>,
}

impl<'a> Lookup<'a> {
    /// `name`, `name:port`, an address, `1.2.3.4:port`, `[::1]`, `[::1]:port`.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        // A bare IPv6 address is all colons and has no port.
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self { host: Host::Address(address), port: None });
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !text.ends_with(']') => {
                Some(Self { host: Host::parse(host)?, port: Some(ports::number(port)?) })
            }
            _ => Some(Self { host: Host::parse(text)?, port: None }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_told_from_an_address() {
        let port = |text| Lookup::parse(text).map(|found| found.port);
        for bare in ["h", "1.2.3.4", "::1", "[::1]"] {
            assert_eq!(port(bare), Some(None), "{bare}");
        }
        for with_port in ["h:443", "1.2.3.4:443", "[::1]:443"] {
            assert_eq!(port(with_port), Some(Some(443)), "{with_port}");
        }
        for bad in ["", ":443", "h:", "h:x", "h:+1", "h:70000", "[h]:1"] {
            assert_eq!(port(bad), None, "{bad}");
        }
    }
}
