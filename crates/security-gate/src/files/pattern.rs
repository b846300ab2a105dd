//! One entry of `fs_read` or `fs_write`.

use std::path::Path;

use unicode_normalization::is_nfc;

use super::place::Mount;
use crate::roots::settled;
use crate::{InvalidEntry, Roots};

/// What an entry may be.
const ALLOWED: &str = "cwd://, workspace://, home://, tmp://, /tmp, a path without \"..\", *";
/// Which absolute paths mean something.
pub(super) const REACHABLE: &str = "an absolute path inside the workspace";

/// The mount and the node below it; nothing for an absolute path that no guest can reach.
pub(super) fn parse(
    setting: &str,
    entry: &str,
    roots: &Roots,
) -> Result<Option<(Mount, String)>, InvalidEntry> {
    let invalid = |problem| InvalidEntry::new(setting, entry, problem, ALLOWED);
    if entry.contains('\0') {
        return Err(invalid("holds a NUL"));
    }
    if !is_nfc(entry) {
        return Err(invalid("is not in Unicode normal form C"));
    }
    let (mount, rest) = match split(entry).ok_or_else(|| invalid("has an unknown scheme"))? {
        Spelling::In(mount, rest) => (mount, rest),
        Spelling::Absolute => return Ok(in_workspace(entry, roots).map(|node| (Mount::Workspace, node))),
    };
    let node = node(rest).ok_or_else(|| invalid("has a \"..\" segment"))?;
    Ok(Some((mount, node)))
}

enum Spelling<'a> {
    In(Mount, &'a str),
    Absolute,
}

fn split(entry: &str) -> Option<Spelling<'_>> {
    if let Some((scheme, rest)) = entry.split_once("://") {
        let mount = match scheme {
            "cwd" | "workspace" => Mount::Workspace,
            "home" => Mount::Home,
            "tmp" => Mount::Tmp,
            _ => return None,
        };
        return Some(Spelling::In(mount, rest));
    }
    Some(match entry {
        "*" => Spelling::In(Mount::Workspace, ""),
        "/tmp" => Spelling::In(Mount::Tmp, ""),
        _ => match entry.strip_prefix("/tmp/") {
            Some(rest) => Spelling::In(Mount::Tmp, rest),
            None if entry.starts_with('/') => Spelling::Absolute,
            None => Spelling::In(Mount::Workspace, entry),
        },
    })
}

fn node(rest: &str) -> Option<String> {
    let names: Vec<&str> = rest.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
    (!names.contains(&"..")).then(|| names.join("/"))
}

/// An absolute host path as a node of the workspace, links resolved on both sides.
fn in_workspace(entry: &str, roots: &Roots) -> Option<String> {
    node(entry)?;
    let root = roots.workspace.as_deref()?;
    let node = settled(Path::new(entry));
    let names: Option<Vec<&str>> = node.strip_prefix(root).ok()?.iter().map(|name| name.to_str()).collect();
    Some(names?.join("/"))
}
