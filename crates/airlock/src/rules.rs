//! What an operator admits in spite of the airlock.

use std::collections::HashMap;

use astrid_host_context::CapsuleId;

use crate::{Host, InvalidHost};

/// The operator's `[security.capsule_local_egress]`: which capsule may reach which `host:port`, or
/// `host:*`, although the address is not public. The manifest's own lists still apply.
///
/// An entry admits exactly the host it names: `127.0.0.1:80` does not admit `localhost:80`. It must
/// only ever be read from the operator's own configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalEgress {
    entries: HashMap<CapsuleId, Vec<(Host, Option<u16>)>>,
}

/// Why an entry is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// No port, or none that exists.
    #[error("local egress entry {0:?} is not valid; write host:port with a port of 1 to 65535, or host:*")]
    Port(String),
    /// The host is not valid.
    #[error(transparent)]
    Host(#[from] InvalidHost),
}

impl LocalEgress {
    /// Nobody may.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Admits `capsule` to an entry. IPv6 addresses are written `[::1]:80`.
    ///
    /// # Errors
    /// [`InvalidRule`], and nothing is admitted.
    pub fn allow(&mut self, capsule: &CapsuleId, entry: &str) -> Result<(), InvalidRule> {
        let bad_port = || InvalidRule::Port(entry.chars().take(300).collect());
        let (host, port) = entry.rsplit_once(':').ok_or_else(bad_port)?;
        let port = match port {
            "*" => None,
            digits => Some(digits.parse::<u16>().ok().filter(|p| *p > 0).ok_or_else(bad_port)?),
        };
        let rule = (Host::parse(host)?, port);
        let entries = self.entries.entry(capsule.clone()).or_default();
        if !entries.contains(&rule) {
            entries.push(rule);
        }
        Ok(())
    }

    /// Admits everything that `more` admits, too.
    pub fn merge(&mut self, more: Self) {
        for (capsule, rules) in more.entries {
            let entries = self.entries.entry(capsule).or_default();
            for rule in rules {
                if !entries.contains(&rule) {
                    entries.push(rule);
                }
            }
        }
    }

    /// Whether `capsule` was admitted to this host and port.
    #[must_use]
    pub fn names(&self, capsule: &CapsuleId, host: &Host, port: u16) -> bool {
        let entries = self.entries.get(capsule).map_or(&[][..], Vec::as_slice);
        entries.iter().any(|(named, at)| named == host && at.is_none_or(|at| at == port))
    }

    /// Whether nobody is admitted to anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
