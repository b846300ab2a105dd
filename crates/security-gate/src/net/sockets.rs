//! The four lists of raw sockets as one table.

use astrid_capsule_manifest::CapabilitiesDef;

use super::endpoint::Endpoints;
use super::host::Host;
use super::name::Lookup;
use crate::InvalidEntry;

/// What a capsule may listen on, connect to and send to.
#[derive(Debug, Clone, Default)]
pub(crate) struct SocketRules {
    /// Some entry of `net_bind` is for the socket that the host provides.
    pub(crate) unix: bool,
    tcp: Endpoints,
    connect: Endpoints,
    udp_bind: Endpoints,
    udp_peers: Endpoints,
}

impl SocketRules {
    pub(crate) fn parse(held: &CapabilitiesDef) -> Result<Self, InvalidEntry> {
        let mut rules = Self::default();
        for entry in &held.net_bind {
            match entry.starts_with("unix:") {
                true => rules.unix = true,
                false => insert(&mut rules.tcp, "net_bind", entry, entry)?,
            }
        }
        for entry in &held.net_tcp_bind {
            insert(&mut rules.tcp, "net_tcp_bind", entry, entry)?;
        }
        for entry in &held.net_connect {
            insert(&mut rules.connect, "net_connect", entry, entry)?;
        }
        for entry in &held.net_udp {
            match entry.strip_prefix("bind:") {
                Some(local) => insert(&mut rules.udp_bind, "net_udp", entry, local)?,
                None => {
                    let peer = entry.strip_prefix("send:").unwrap_or(entry);
                    insert(&mut rules.udp_peers, "net_udp", entry, peer)?;
                }
            }
        }
        Ok(rules)
    }

    pub(crate) fn may_listen(&self, host: &str, port: u16) -> bool {
        covers(&self.tcp, host, port)
    }

    pub(crate) fn may_connect(&self, host: &str, port: u16) -> bool {
        covers(&self.connect, host, port)
    }

    pub(crate) fn may_bind_udp(&self, host: &str, port: u16) -> bool {
        covers(&self.udp_bind, host, port)
    }

    pub(crate) fn may_send_to(&self, host: &str, port: u16) -> bool {
        covers(&self.udp_peers, host, port)
    }

    /// A name that may be connected or sent to may be looked up.
    pub(crate) fn may_look_up(&self, name: &str) -> bool {
        Lookup::parse(name).is_some_and(|Lookup { host, port }| {
            self.connect.cover(&host, port) || self.udp_peers.cover(&host, port)
        })
    }
}

fn insert(to: &mut Endpoints, key: &str, entry: &str, endpoint: &str) -> Result<(), InvalidEntry> {
    to.insert(endpoint).ok_or_else(|| {
        let setting = format!("[capabilities].{key}");
        InvalidEntry::new(&setting, entry, "is no endpoint", "host:port, host:*")
    })
}

fn covers(endpoints: &Endpoints, host: &str, port: u16) -> bool {
    Host::parse(host).is_some_and(|host| endpoints.cover(&host, Some(port)))
}
