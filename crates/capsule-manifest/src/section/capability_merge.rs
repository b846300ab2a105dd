//! Reading the capability tables of a document, and merging them into the effective set.

use indexmap::IndexSet;

use crate::code::Code;
use crate::cursor::Cursor;
use crate::section::capability::{CapabilitiesDef, IdentityOperation};
use crate::section::capability_syntax;
use crate::sink::{Sink, key_of};

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
    component.get("capabilities").map(|table| read(&table))
}

/// The effective set of the document.
pub(crate) fn effective(root: &Cursor<'_>, sink: &mut Sink<'_>) -> CapabilitiesDef {
    let tables = tables(root);
    for table in &tables {
        capability_syntax::check(table, sink);
    }
    let sets: Vec<_> = tables.iter().map(read).collect();
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

/// Reads one table, whose entries [`effective`] checks.
fn read(table: &Cursor<'_>) -> CapabilitiesDef {
    let flag = |key| table.bool_at(key).unwrap_or_default();
    CapabilitiesDef {
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
