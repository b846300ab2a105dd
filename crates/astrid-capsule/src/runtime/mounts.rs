//! Which directories capsules see.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use astrid_host_fs::{Direct, Directories, Places};
use astrid_principals::Principals;

use super::overlay::Kept;
use crate::CapsuleError;

/// Looks at the workspace before anything is made for a run that cannot be.
pub(super) fn check(dir: &Path) -> Result<(), CapsuleError> {
    let found = std::fs::metadata(dir).map_err(|error| wrong(dir, &error))?;
    if found.is_dir() { Ok(()) } else { Err(wrong(dir, &"not a directory")) }
}

fn wrong(dir: &Path, what: &dyn std::fmt::Display) -> CapsuleError {
    CapsuleError::host(format!("workspace {}: {what}; allowed: an existing directory", dir.display()))
}

/// Opens the workspace at the start, so that a wrong one is said then and not at the first capsule that needs it.
pub(super) fn workspace(dir: &Path, ignore_file: bool) -> Result<Arc<Direct>, CapsuleError> {
    let opened = Direct::builder().ignore_file(ignore_file).open(dir);
    let failed = |error: std::io::Error| CapsuleError::host(format!("workspace {}: {error}", dir.display()));
    let workspace = Arc::new(opened.map_err(failed)?);
    // What a killed host left half-written is invisible to capsules; it need not be gone before they start.
    let swept = workspace.clone();
    let sweep = std::thread::Builder::new().name("astrid-fs-sweep".into()).spawn(move || swept.scan());
    sweep.map_err(failed)?;
    Ok(workspace)
}

/// The workspace, for everybody or with each one's changes over it; home and scratch for principals with a profile, made when first used.
pub(super) fn of(
    workspace: Arc<Direct>,
    overlays: Option<&Kept>,
    principals: &Arc<Principals>,
) -> Directories {
    let principals = principals.clone();
    let quota = principals.quota.clone();
    let mounts = match overlays {
        Some(kept) => Directories::new().overlays(kept.each.clone()),
        None => Directories::new().workspace(workspace),
    };
    mounts.quota(quota).places(move |principal, capsule| {
        let profile = principals.profiles.current(principal).ok()?.profile;
        let made = |dir: io::Result<Option<PathBuf>>| {
            dir.inspect_err(|error| tracing::warn!(%principal, %error, "a home cannot be made"))
                .ok()
                .flatten()
        };
        let home = made(principals.homes.home(principal, &profile))?;
        let tmp = made(principals.homes.tmp(principal, capsule, &profile))?;
        Some(Places { home, tmp })
    })
}
