//! Directories on disk, removed with the value.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use astrid_host_fs::{Direct, Directories, Error, Mounts, Overlays, Places, arms::V1_0 as Arm};
use astrid_host_testkit::FakeHostBuilder;

use crate::common::{State, state};

/// A workspace, and homes for alice and bob.
pub(crate) struct Place {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) openat2: bool,
    pub(crate) entries: u64,
    /// Whether the workspace is one that everybody changes for himself.
    pub(crate) overlaid: bool,
    pub(crate) opened: AtomicU32,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("workspace")).unwrap();
        Self { directory, openat2: true, entries: 100_000, overlaid: false, opened: AtomicU32::new(0) }
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    pub(crate) fn mounts(&self) -> Arc<dyn Mounts> {
        let workspace = Direct::builder().openat2(self.openat2).open(&self.at("workspace")).unwrap();
        let root = self.directory.path().to_owned();
        let places = move |who: &astrid_host_context::Principal, capsule: &astrid_host_context::CapsuleId| {
            let home = root.join("home").join(who.as_str());
            let tmp = home.join(".local/tmp").join(capsule.as_str());
            (!who.is_anonymous()).then_some(Places { home, tmp })
        };
        let mounts = if self.overlaid {
            // The changes of before may still be open.
            let kept = self.at(&format!("changes/{}", self.opened.fetch_add(1, Ordering::Relaxed)));
            let overlays = Overlays::new(Arc::new(workspace), move |who| Some(kept.join(who.as_str())));
            Directories::new().overlays(Arc::new(overlays))
        } else {
            Directories::new().workspace(Arc::new(workspace))
        };
        let mounts = mounts.places(places);
        Arc::new(mounts.openat2(self.openat2).entries(self.entries))
    }

    pub(crate) fn host(&self, fake: FakeHostBuilder) -> State {
        state(fake, self.mounts())
    }
}

/// The arm a guest sees.
pub(crate) fn arm<T>(result: Result<T, Error>) -> Result<T, Arm> {
    result.map_err(|error| Arm::from(&error))
}
