//! `[capabilities]`: what a capsule asks to be granted, and what of it an operator has yet to approve.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What an identity entry allows; each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentityOperation {
    /// Look principals up.
    Resolve,
    /// Tie platform accounts to principals.
    Link,
    /// Create principals.
    Admin,
}

impl IdentityOperation {
    /// The word a manifest uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Link => "link",
            Self::Admin => "admin",
        }
    }
}

/// The capabilities of a component or, as [`CapsuleManifest::capabilities`](crate::CapsuleManifest::capabilities), the
/// union of the root's and all components'. The default denies everything. Serialises with the keys of the manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CapabilitiesDef {
    /// Trusted frontend: may register uplinks, send inbound messages and publish for a verified principal.
    pub uplink: bool,
    /// Outbound HTTP hosts: `host`, `host:port`, `*.host`, `*`.
    pub net: Vec<String>,
    /// Raw TCP peers: `host:port` or `host:*`.
    pub net_connect: Vec<String>,
    /// `unix:*` or `unix:<path>` for the host's socket, `host:port` or `host:*` for loopback TCP.
    pub net_bind: Vec<String>,
    /// Loopback TCP listeners, as the TCP entries of `net_bind`.
    pub net_tcp_bind: Vec<String>,
    /// UDP: `bind:<ip>:<port>`, `send:<host>:<port>` or the latter without its prefix; `*` for any host or port.
    pub net_udp: Vec<String>,
    /// Parallel run-loop workers for TCP listeners; absent means one.
    pub bind_workers: Option<u32>,
    /// Kept for display; every capsule has its own key-value namespace without asking.
    pub kv: Vec<String>,
    /// Path patterns that may be read.
    pub fs_read: Vec<String>,
    /// Path patterns that may be written.
    pub fs_write: Vec<String>,
    /// Native commands, as prefixes of whole words.
    pub host_process: Vec<String>,
    /// Processes may outlive the guest instance.
    pub allow_persistent: bool,
    /// Identity operations.
    pub identity: Vec<IdentityOperation>,
    /// May alter the system prompt.
    pub allow_prompt_injection: bool,
}

/// What one key holds.
enum Held<'c> {
    Flag(bool),
    List(&'c [String]),
    Words(&'c [IdentityOperation]),
}

impl Held<'_> {
    fn is_held(&self) -> bool {
        match self {
            Self::Flag(flag) => *flag,
            Self::List(entries) => !entries.is_empty(),
            Self::Words(words) => !words.is_empty(),
        }
    }

    fn entries(&self) -> Vec<&str> {
        match self {
            Self::Flag(flag) => flag.then_some("enabled").into_iter().collect(),
            Self::List(entries) => entries.iter().map(String::as_str).collect(),
            Self::Words(words) => words.iter().map(|word| word.as_str()).collect(),
        }
    }
}

impl CapabilitiesDef {
    /// Every key that grants something, sorted by name. Taking the struct apart makes a forgotten new field an error.
    fn keys(&self) -> [(&'static str, Held<'_>); 13] {
        let Self {
            uplink,
            net,
            net_connect,
            net_bind,
            net_tcp_bind,
            net_udp,
            bind_workers: _,
            kv,
            fs_read,
            fs_write,
            host_process,
            allow_persistent,
            identity,
            allow_prompt_injection,
        } = self;
        [
            ("allow_persistent", Held::Flag(*allow_persistent)),
            (
                "allow_prompt_injection",
                Held::Flag(*allow_prompt_injection),
            ),
            ("fs_read", Held::List(fs_read)),
            ("fs_write", Held::List(fs_write)),
            ("host_process", Held::List(host_process)),
            ("identity", Held::Words(identity)),
            ("kv", Held::List(kv)),
            ("net", Held::List(net)),
            ("net_bind", Held::List(net_bind)),
            ("net_connect", Held::List(net_connect)),
            ("net_tcp_bind", Held::List(net_tcp_bind)),
            ("net_udp", Held::List(net_udp)),
            ("uplink", Held::Flag(*uplink)),
        ]
    }

    /// The names of the keys that are true or not empty, ascending by bytes. `bind_workers` is a number and grants
    /// nothing by itself, so it is never among them.
    #[must_use]
    pub fn held_names(&self) -> Vec<&'static str> {
        self.keys()
            .into_iter()
            .filter(|(_, held)| held.is_held())
            .map(|(name, _)| name)
            .collect()
    }

    /// Whether `name` is one of [`held_names`](Self::held_names).
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.keys()
            .into_iter()
            .any(|(key, held)| key == name && held.is_held())
    }

    /// The number of run-loop workers asked for, at least one.
    #[must_use]
    pub fn workers(&self) -> u32 {
        self.bind_workers.unwrap_or(1).max(1)
    }

    /// What this set has beyond `approved`, by key: the new entries of lists, `enabled` for a flag that became true,
    /// `workers: N` for more workers. Empty when nothing was added; what was removed is no expansion.
    #[must_use]
    pub fn expansions_from(&self, approved: &Self) -> BTreeMap<&'static str, Vec<String>> {
        let pairs = self.keys().into_iter().zip(approved.keys());
        let mut expansions: BTreeMap<_, _> = pairs
            .map(|((name, ours), (_, theirs))| {
                let theirs = theirs.entries();
                let new = ours
                    .entries()
                    .into_iter()
                    .filter(|entry| !theirs.contains(entry))
                    .map(str::to_owned);
                (name, new.collect::<Vec<_>>())
            })
            .filter(|(_, new)| !new.is_empty())
            .collect();
        if self.workers() > approved.workers() {
            expansions.insert("bind_workers", vec![format!("workers: {}", self.workers())]);
        }
        expansions
    }
}
