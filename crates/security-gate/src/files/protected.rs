//! What no pattern opens: the host's own files, and other principals' homes.

use std::path::Path;

use super::Access;
use super::place::{Mount, Place};
use crate::Roots;

/// Directories of `$ASTRID_HOME` that hold keys, configuration, sockets, secrets, code, logs and
/// everybody's stored data.
const OF_THE_HOST: [&str; 8] = ["keys", "etc", "run", "secrets", "cache", "bin", "log", "state"];

const HOST: &str = "the path is the host's own, whatever is declared";
const OTHERS: &str = "the path is another principal's home, whatever is declared";

/// How the workspace lies to `$ASTRID_HOME`. A workspace that contains it does not open it.
#[derive(Debug, Clone)]
pub(crate) enum Protected {
    /// Neither contains the other, or one of them is not known.
    Apart,
    /// The names that lead from the workspace to `$ASTRID_HOME`.
    HomeInside(Vec<String>),
    /// The names that lead from `$ASTRID_HOME` to the workspace.
    WorkspaceInside(Vec<String>),
}

impl Protected {
    pub(crate) fn new(roots: &Roots) -> Self {
        let (Some(workspace), Some(home)) = (&roots.workspace, &roots.astrid_home) else {
            return Self::Apart;
        };
        let names = |path: &Path| path.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        match (home.strip_prefix(workspace), workspace.strip_prefix(home)) {
            (Ok(inside), _) => Self::HomeInside(names(inside)),
            (_, Ok(inside)) => Self::WorkspaceInside(names(inside)),
            _ => Self::Apart,
        }
    }

    /// Why the place is closed, if it is.
    pub(crate) fn refuses(&self, place: &Place<'_>, access: Access<'_>) -> Option<&'static str> {
        let names = place.rest.split('/').filter(|name| !name.is_empty());
        match (place.mount, self) {
            (Mount::Tmp, _) | (Mount::Workspace, Self::Apart) => None,
            (Mount::Home, _) => in_home(place.rest, access.writes),
            (Mount::Workspace, Self::HomeInside(prefix)) => below(prefix, names, access),
            (Mount::Workspace, Self::WorkspaceInside(prefix)) => {
                in_astrid_home(prefix.iter().map(String::as_str).chain(names), access)
            }
        }
    }
}

fn below<'a>(
    prefix: &[String],
    mut names: impl Iterator<Item = &'a str>,
    access: Access<'_>,
) -> Option<&'static str> {
    for step in prefix {
        match names.next() {
            Some(name) if name == step => {}
            Some(_) => return None,
            // Renaming a directory above it would give the host's files another name.
            None => return access.writes.then_some(HOST),
        }
    }
    in_astrid_home(names, access)
}

fn in_astrid_home<'a>(mut names: impl Iterator<Item = &'a str>, access: Access<'_>) -> Option<&'static str> {
    match names.next() {
        None => access.writes.then_some(HOST),
        Some(name) if OF_THE_HOST.contains(&name) => Some(HOST),
        Some("home") => match names.next() {
            None => access.writes.then_some(HOST),
            Some(whose) if access.principal.is_none_or(|own| own.as_str() != whose) => Some(OTHERS),
            Some(_) => match (names.next(), names.next()) {
                // Through the workspace nobody needs to make these, and moving them would open them.
                (None | Some(".config"), None) => access.writes.then_some(HOST),
                (first, second) => reserved(first, second, access.writes),
            },
        },
        Some(_) => None,
    }
}

/// Why a path of the invoking principal's own home is closed, if it is.
pub(super) fn in_home(rest: &str, writes: bool) -> Option<&'static str> {
    let mut names = rest.split('/');
    reserved(names.next(), names.next(), writes)
}

/// `.local`, `.config/env` and `.config/secrets` are the host's. Installed capsules may be read: shipped
/// ones look each other's manifests up there.
fn reserved(first: Option<&str>, second: Option<&str>, writes: bool) -> Option<&'static str> {
    match (first, second) {
        (Some(".local"), Some("capsules")) if !writes => None,
        (Some(".local"), _) | (Some(".config"), Some("env" | "secrets")) => Some(HOST),
        _ => None,
    }
}
