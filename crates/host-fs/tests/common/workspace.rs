//! A workspace that alice and bob change for themselves, and what a tree looks like.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use astrid_host_context::Principal;
use astrid_host_fs::{
    Change, Direct, Directories, Error, FsView, Overlay, OverlayError, Overlays, arms::V1_0 as Arm,
};
use astrid_host_testkit::FakeHost;

use crate::common::{State, state};

/// A lower tree, and where changes to it are kept.
pub(crate) struct Bench {
    pub(crate) directory: tempfile::TempDir,
}

/// The overlays of one opening, and a host over them.
pub(crate) struct Opened {
    pub(crate) overlays: Arc<Overlays>,
    pub(crate) host: State,
}

impl Bench {
    /// `(path, content)`; a path that ends with `/` is a directory, content that begins with `->` makes a link.
    pub(crate) fn new(tree: &[(&str, &str)]) -> Self {
        let bench = Self { directory: tempfile::tempdir().unwrap() };
        std::fs::create_dir(bench.lower()).unwrap();
        plant(&bench.lower(), tree);
        bench
    }

    pub(crate) fn lower(&self) -> PathBuf {
        self.directory.path().join("workspace")
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.lower().join(path)
    }

    pub(crate) fn open(&self) -> Opened {
        self.open_by(true)
    }

    pub(crate) fn open_by(&self, openat2: bool) -> Opened {
        let lower = Arc::new(Direct::builder().openat2(openat2).open(&self.lower()).unwrap());
        let kept = self.directory.path().join("overlay");
        let overlays = Overlays::new(lower, move |who| Some(kept.join(who.as_str())));
        let overlays = Arc::new(overlays);
        let mounts = Directories::new().overlays(overlays.clone());
        let mut host = state(FakeHost::builder(), Arc::new(mounts));
        host.fake.serve("alice");
        Opened { overlays, host }
    }

    /// Closes alice's overlay. What threads of the pool have not let go of yet keeps it in use for a moment.
    pub(crate) async fn close(&self, open: Opened) {
        drop(open);
        while matches!(self.open().overlays.of(&"alice".parse().unwrap()), Err(OverlayError::InUse)) {
            tokio::task::yield_now().await;
        }
    }
}

pub(crate) fn plant(root: &Path, tree: &[(&str, &str)]) {
    for (path, content) in tree {
        let at = root.join(path);
        if path.ends_with('/') {
            std::fs::create_dir_all(at).unwrap();
            continue;
        }
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        match content.strip_prefix("->") {
            Some(target) => std::os::unix::fs::symlink(target, at).unwrap(),
            None => std::fs::write(at, content).unwrap(),
        }
    }
}

impl Opened {
    pub(crate) fn of(&self, who: &str) -> Arc<Overlay> {
        self.overlays.of(&Principal::parse(who).unwrap()).unwrap().unwrap()
    }

    pub(crate) async fn write(&mut self, path: &str, content: &str) {
        self.host.fs().write_file(path.into(), content.into()).await.unwrap();
    }

    pub(crate) async fn read(&mut self, path: &str) -> Result<String, Arm> {
        let read = self.host.fs().read_file(path.into()).await;
        read.map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|error| Arm::from(&error))
    }

    pub(crate) async fn list(&mut self, path: &str) -> Vec<String> {
        self.host.fs().read_dir(path.into()).await.unwrap()
    }

    pub(crate) fn changes(&self, who: &str) -> Vec<String> {
        let said = |change: Change| format!("{} {}", change.kind, change.path);
        self.of(who).changes().unwrap().into_iter().map(said).collect()
    }
}

pub(crate) fn arm<T>(result: Result<T, Error>) -> Result<T, Arm> {
    result.map_err(|error| Arm::from(&error))
}

/// Every path of a tree with all that a change would alter; times of files only.
pub(crate) fn snapshot(root: &Path) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let mode = meta.permissions().mode();
            let said = if meta.is_dir() {
                waiting.push(path);
                format!("{mode:o}")
            } else if meta.is_symlink() {
                format!("-> {}", std::fs::read_link(&path).unwrap().display())
            } else {
                let content = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
                format!("{mode:o} {} {}.{} {content}", meta.nlink(), meta.mtime(), meta.mtime_nsec())
            };
            seen.insert(name, said);
        }
    }
    seen
}
