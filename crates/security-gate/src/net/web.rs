//! `net` entries, and the egress lists of profiles, which share their grammar.

use std::collections::HashMap;
use std::net::IpAddr;

use super::host::{Host, without_dot};
use super::ports::{self, Ports};
use crate::InvalidEntry;

const ALLOWED: &str = "host, host:port, *.host, *";

/// Hosts that may be reached over HTTP. A name stands for itself and its subdomains, an address for itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct WebRules {
    any: bool,
    names: HashMap<Box<str>, NameRule>,
    addresses: HashMap<IpAddr, Ports>,
}

#[derive(Debug, Clone, Default)]
struct NameRule {
    itself: Ports,
    below: Ports,
}

impl WebRules {
    pub(crate) fn parse<'a>(
        setting: &str,
        entries: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidEntry> {
        let mut rules = Self::default();
        for entry in entries {
            let inserted = rules.insert(entry);
            inserted.ok_or_else(|| InvalidEntry::new(setting, entry, "is no host pattern", ALLOWED))?;
        }
        Ok(rules)
    }

    fn insert(&mut self, entry: &str) -> Option<()> {
        if entry == "*" {
            self.any = true;
            return Some(());
        }
        let (text, port) = split(entry)?;
        let (text, subdomains_alone) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        if text.contains('*') {
            return None;
        }
        match (parse_host(text)?, subdomains_alone) {
            (Host::Address(_), true) => return None,
            (Host::Address(address), false) => self.addresses.entry(address).or_default().insert(port),
            (Host::Name(name), subdomains_alone) => {
                let rule = self.names.entry(name.into()).or_default();
                rule.below.insert(port);
                if !subdomains_alone {
                    rule.itself.insert(port);
                }
            }
        }
        Some(())
    }

    /// Whether an entry covers the host at this port, or at any port for `None`.
    pub(crate) fn cover(&self, host: &Host<'_>, port: Option<u16>) -> bool {
        self.any
            || match host {
                Host::Address(address) => self.addresses.get(address).is_some_and(|ports| ports.cover(port)),
                Host::Name(name) => self.covers_name(name, port),
            }
    }

    fn covers_name(&self, name: &str, port: Option<u16>) -> bool {
        if self.names.get(name).is_some_and(|rule| rule.itself.cover(port)) {
            return true;
        }
        let parents = name.match_indices('.').filter_map(|(at, _)| name.get(at + 1..));
        parents.filter_map(|parent| self.names.get(parent)).any(|rule| rule.below.cover(port))
    }
}

/// The host and its port; without one, any.
fn split(entry: &str) -> Option<(&str, Option<u16>)> {
    if entry.parse::<IpAddr>().is_ok() || entry.ends_with(']') {
        return Some((entry, None));
    }
    match entry.rsplit_once(':') {
        Some((host, port)) => Some((host, ports::parse(port)?)),
        None => Some((entry, None)),
    }
}

/// As the URL parser reads the host of a request, so that both sides are normalised alike.
fn parse_host(text: &str) -> Option<Host<'static>> {
    let host = match text.parse::<IpAddr>() {
        Ok(address) => Host::Address(address),
        Err(_) => Host::from_url(url::Host::parse(without_dot(text)).ok()?)?,
    };
    Some(host)
}
