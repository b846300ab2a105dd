//! `[[component]]`.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::code::Code;
use crate::cursor::Cursor;
use crate::section::capability::CapabilitiesDef;
use crate::section::capability_merge;
use crate::sink::{Faulted, Sink};
use crate::text::quote;
use crate::{hash, path};

/// What a component is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ComponentKind {
    /// The capsule's program; at most one.
    Executable,
    /// Compiled and hash-checked, reached through the `link` of another component.
    Library,
}

/// One WebAssembly component of the capsule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComponentDef {
    /// The name other components link by; empty when nobody needs to.
    pub id: String,
    /// Path of the component, without `..` and NUL. It may be absolute: whether such a path is accepted is for the
    /// loader to decide, since the content-addressed store and development installs need it.
    pub file: PathBuf,
    /// Pinned BLAKE3 digest, 64 lowercase hex digits.
    pub hash: Option<String>,
    /// Executable or library.
    pub kind: ComponentKind,
    /// Ids of the components this one may use.
    pub link: Vec<String>,
    /// What the component itself states; already part of the manifest's effective capabilities.
    pub capabilities: Option<CapabilitiesDef>,
}

/// Reads every component; links and the number of executables are for [`check_links`].
pub(crate) fn read(root: &Cursor<'_>, sink: &mut Sink<'_>) -> Vec<ComponentDef> {
    root.tables("component")
        .iter()
        .filter_map(|entry| read_one(entry, sink).ok())
        .collect()
}

fn read_one(entry: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<ComponentDef, Faulted> {
    let file = entry
        .get_any(&["file", "entrypoint"])
        .unwrap_or_else(|| entry.clone());
    let file = path::inside(&file, sink);
    let hash = entry
        .get("hash")
        .map(|found| read_hash(&found, sink))
        .transpose();
    Ok(ComponentDef {
        id: entry.string_at("id").unwrap_or_default(),
        file: file?,
        hash: hash?,
        kind: match entry.text_at("type") {
            Some("library") => ComponentKind::Library,
            _ => ComponentKind::Executable,
        },
        link: entry.strings_at("link"),
        capabilities: capability_merge::of_component(entry),
    })
}

fn read_hash(found: &Cursor<'_>, sink: &mut Sink<'_>) -> Result<String, Faulted> {
    let text = found.text().unwrap_or_default();
    hash::digest(text, false).map(str::to_owned).ok_or_else(|| {
        let problem = format!("{} is no BLAKE3 digest", quote(text));
        sink.fault(
            found,
            Code::BadHash,
            problem,
            "64 lowercase hex digits, optionally prefixed \"blake3:\"",
        )
    })
}

/// The rules between components: ids, links, and how many may be executable.
pub(crate) fn check_links(root: &Cursor<'_>, components: &[ComponentDef], sink: &mut Sink<'_>) {
    let entries = root.tables("component");
    let mut ids = HashSet::new();
    for (component, entry) in components.iter().zip(&entries) {
        if !component.id.is_empty() && !ids.insert(component.id.as_str()) {
            let problem = format!("id {} is given to two components", quote(&component.id));
            sink.fault(&entry.field("id"), Code::DuplicateComponent, problem, "");
        }
    }
    for (component, entry) in components.iter().zip(&entries) {
        for (target, place) in entry.texts_at("link") {
            let problem = if target == component.id {
                format!("{} links to itself", quote(target))
            } else if !ids.contains(target) {
                format!("{} is the id of no component", quote(target))
            } else {
                continue;
            };
            sink.fault(
                &place,
                Code::UnknownLink,
                problem,
                "the id of another component",
            );
        }
    }
    check_executables(components, &entries, sink);
}

fn check_executables(components: &[ComponentDef], entries: &[Cursor<'_>], sink: &mut Sink<'_>) {
    let pairs = components.iter().zip(entries);
    let executables = pairs.filter(|(component, _)| component.kind == ComponentKind::Executable);
    let executables: Vec<&Cursor<'_>> = executables.map(|(_, entry)| entry).collect();
    match (executables.as_slice(), entries.first()) {
        ([], Some(first)) => {
            let problem = "every component is a library, so the capsule has no program";
            sink.fault(
                &first.get("type").unwrap_or_else(|| first.clone()),
                Code::NoExecutableComponent,
                problem,
                "one component of type executable",
            );
        }
        ([first, second, ..], _) => {
            let problem = format!("{} and {} are both executable", first.path, second.path);
            sink.fault(
                *second,
                Code::MultipleExecutables,
                problem,
                "one component of type executable, others of type library",
            );
        }
        _ => {}
    }
}
