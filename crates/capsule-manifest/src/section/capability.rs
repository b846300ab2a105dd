//! `[capabilities]`: what a capsule asks to be granted.

use std::collections::BTreeMap;

use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::cursor::Cursor;
use crate::section::capability_syntax;
use crate::sink::{Sink, key_of};

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

    fn read(table: &Cursor<'_>) -> Self {
        let flag = |key| table.bool_at(key).unwrap_or_default();
        Self {
            uplink: flag("uplink"),
            net: table.strings_at("net"),
            net_connect: table.strings_at("net_connect"),
            net_bind: table.strings_at("net_bind"),
            net_tcp_bind: table.strings_at("net_tcp_bind"),
            net_udp: table.strings_at("net_udp"),
            bind_workers: table.u32_at("bind_workers"),
            kv: table.strings_at("kv"),
            fs_read: table.strings_at("fs_read"),
            fs_write: table.strings_at("fs_write"),
            host_process: table.strings_at("host_process"),
            allow_persistent: flag("allow_persistent"),
            identity: table
                .texts_at("identity")
                .into_iter()
                .filter_map(|(word, _)| operation(word))
                .collect(),
            allow_prompt_injection: flag("allow_prompt_injection"),
        }
    }
}

/// The union of several sets: lists concatenate without repeats, flags are or-ed, the last stated number of workers
/// counts.
fn union(sets: &[CapabilitiesDef]) -> CapabilitiesDef {
    let list = |field: fn(&CapabilitiesDef) -> &Vec<String>| merged(sets.iter().map(field));
    CapabilitiesDef {
        uplink: sets.iter().any(|set| set.uplink),
        net: list(|set| &set.net),
        net_connect: list(|set| &set.net_connect),
        net_bind: list(|set| &set.net_bind),
        net_tcp_bind: list(|set| &set.net_tcp_bind),
        net_udp: list(|set| &set.net_udp),
        bind_workers: sets.iter().rev().find_map(|set| set.bind_workers),
        kv: list(|set| &set.kv),
        fs_read: list(|set| &set.fs_read),
        fs_write: list(|set| &set.fs_write),
        host_process: list(|set| &set.host_process),
        allow_persistent: sets.iter().any(|set| set.allow_persistent),
        identity: merged(sets.iter().map(|set| &set.identity)),
        allow_prompt_injection: sets.iter().any(|set| set.allow_prompt_injection),
    }
}

fn merged<'l, T: Clone + Eq + std::hash::Hash + 'l>(
    lists: impl Iterator<Item = &'l Vec<T>>,
) -> Vec<T> {
    lists
        .flatten()
        .cloned()
        .collect::<IndexSet<T>>()
        .into_iter()
        .collect()
}

fn operation(word: &str) -> Option<IdentityOperation> {
    [
        IdentityOperation::Resolve,
        IdentityOperation::Link,
        IdentityOperation::Admin,
    ]
    .into_iter()
    .find(|operation| operation.as_str() == word)
}

/// The tables of capabilities in a document: the root's, then each component's.
pub(crate) fn tables<'t>(root: &Cursor<'t>) -> Vec<Cursor<'t>> {
    let components = root.tables("component");
    root.get("capabilities")
        .into_iter()
        .chain(components.iter().filter_map(|one| one.get("capabilities")))
        .collect()
}

/// The set at the key `capabilities` of a component, which [`effective`] has checked already.
pub(crate) fn of_component(component: &Cursor<'_>) -> Option<CapabilitiesDef> {
    component
        .get("capabilities")
        .map(|table| CapabilitiesDef::read(&table))
}

/// The effective set of the document.
pub(crate) fn effective(root: &Cursor<'_>, sink: &mut Sink<'_>) -> CapabilitiesDef {
    let tables = tables(root);
    for table in &tables {
        capability_syntax::check(table, sink);
    }
    let sets: Vec<_> = tables.iter().map(CapabilitiesDef::read).collect();
    let mut effective = union(&sets);
    imply_uplink(root, &mut effective, sink);
    let useless = effective.allow_persistent && effective.host_process.is_empty();
    let stated = tables
        .iter()
        .find_map(|table| table.get("allow_persistent"));
    if let Some(flag) = stated.filter(|_| useless) {
        let message = "\"allow_persistent\" does nothing without \"host_process\"";
        sink.warn(key_of(&flag), Code::UselessPersistent, message);
    }
    effective
}

/// Before publish and subscribe tables existed, an `[[uplink]]` was all that a frontend declared.
fn imply_uplink(root: &Cursor<'_>, effective: &mut CapabilitiesDef, sink: &mut Sink<'_>) {
    let legacy = root.get("publish").is_none() && root.get("subscribe").is_none();
    let Some(table) = root
        .get("uplink")
        .filter(|table| legacy && !table.elements().is_empty())
    else {
        return;
    };
    if !effective.uplink {
        effective.uplink = true;
        sink.warn(
            key_of(&table),
            Code::ImpliedUplink,
            "\"uplink\" tables of a legacy manifest count as the capability \"uplink = true\"",
        );
    }
}
