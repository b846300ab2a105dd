//! The whole environment of a command.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Host;
use crate::plan::Raw;

/// What is in it, the last word of each in force.
#[derive(Debug)]
pub(super) struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// What the host passes on, with `search` for its `PATH`.
    pub(super) fn passed(host: &Host, search: &[PathBuf], home: &Path, scratch: &Path) -> Self {
        let mut all: BTreeMap<_, _> = host.settings.environment.iter().cloned().collect();
        let path = std::env::join_paths(search).unwrap_or_default();
        all.insert("PATH".into(), path);
        all.insert("HOME".into(), home.into());
        all.insert("TMPDIR".into(), scratch.into());
        Self(all)
    }

    /// One more, or another value.
    pub(super) fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.0.insert(name.into(), value.into());
    }

    pub(super) fn into_plan(self) -> Vec<(Raw, Raw)> {
        self.0.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
    }
}
