//! `host:port` entries of the socket lists.

use std::collections::HashMap;
use std::net::IpAddr;

use super::host::Host;
use super::ports::{self, Ports};

/// A set of endpoints. Names are whole: no entry covers subdomains.
#[derive(Debug, Clone, Default)]
pub(crate) struct Endpoints {
    anywhere: Ports,
    names: HashMap<Box<str>, Ports>,
    addresses: HashMap<IpAddr, Ports>,
}

impl Endpoints {
    /// Adds `host:port`, with `*` for either, or `*` alone. `None` if it is none of these.
    pub(crate) fn insert(&mut self, entry: &str) -> Option<()> {
        if entry == "*" {
            self.anywhere.insert(None);
            return Some(());
        }
        let (host, port) = entry.rsplit_once(':')?;
        let port = ports::parse(port)?;
        let found = match host {
            "*" => &mut self.anywhere,
            _ if host.contains('*') => return None,
            _ => match Host::parse(host)? {
                Host::Name(name) => self.names.entry(name.into()).or_default(),
                Host::Address(address) => self.addresses.entry(address).or_default(),
            },
        };
        found.insert(port);
        Some(())
    }

    /// Whether an entry names this host with this port, or with any port for `None`.
    pub(crate) fn cover(&self, host: &Host<'_>, port: Option<u16>) -> bool {
        let named = match host {
            Host::Name(name) => self.names.get(name.as_ref()),
            Host::Address(address) => self.addresses.get(address),
        };
        self.anywhere.cover(port) || named.is_some_and(|ports| ports.cover(port))
    }
}
