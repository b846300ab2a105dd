//! What an embedder keeps in its store data for this package.

use std::fmt;
use std::sync::Arc;

use astrid_host_context::{Action, Entry, Target};

use crate::fault::Fault;
use crate::path::is_temporary;
use crate::site::Site;
use crate::spent::Spent;
use crate::{BlockingPool, Directories, Error, Mounts, PathError, RESERVED, Scheme, VfsPath};

/// The package's state of one wasmtime store. Holds nothing of any principal: the mount is looked up
/// from the call in force, each time. A clone shares mounts, pool and counters.
#[derive(Clone)]
pub struct FsCtx {
    mounts: Arc<dyn Mounts>,
    pub(crate) pool: BlockingPool,
    pub(crate) spent: Spent,
}

impl FsCtx {
    /// Starts with no mounts at all and the process's own pool.
    #[must_use]
    pub fn builder() -> FsCtxBuilder {
        FsCtxBuilder { mounts: None, pool: None }
    }

    /// Everything that is decided before a file is touched: syntax, the climb above the root, the
    /// grant on the path as written, and whether there is such a place at all.
    pub(crate) async fn site(&self, entry: &Entry, action: Action, text: &str) -> Result<Site, Error> {
        let path = parse(entry, text)?;
        self.granted(entry, action, path).await
    }

    /// As [`FsCtx::site`], for a path that is parsed.
    pub(crate) async fn granted(&self, entry: &Entry, action: Action, path: VfsPath) -> Result<Site, Error> {
        entry.allow(action, Target::Path(path.spelling()))?;
        if path.scheme() == Scheme::Home && is_reserved(path.relative()) {
            return Err(Fault::Denied.into());
        }
        let (scope, scheme) = (entry.call().scope(), path.scheme());
        let mount = match self.mounts.ready(&scope, scheme) {
            Some(mount) => mount,
            None => {
                let mounts = self.mounts.clone();
                self.pool.run(entry, move || mounts.open(&scope, scheme)).await?
            }
        };
        let volume = mount.ok_or(Fault::Denied)?;
        if volume.withholds(path.relative()) {
            return Err(Fault::Denied.into());
        }
        if path.components().any(is_temporary) {
            return Err(Fault::NotFound.into());
        }
        Ok(Site::new(entry, action, path, volume))
    }
}

/// Parses, with a mark in the record if the text alone leads outside.
pub(crate) fn parse(entry: &Entry, text: &str) -> Result<VfsPath, Error> {
    VfsPath::parse(text).map_err(|error| {
        if error == PathError::Escape {
            alarm(entry);
        }
        error.into()
    })
}

/// Marks the record as one an operator should see.
pub(crate) fn alarm(entry: &Entry) {
    entry.fact("security_event", || "true".to_owned());
}

fn is_reserved(relative: &str) -> bool {
    RESERVED.iter().any(|reserved| {
        relative.strip_prefix(reserved).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

impl fmt::Debug for FsCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FsCtx").field("pool", &self.pool).finish_non_exhaustive()
    }
}

/// Builds an [`FsCtx`].
///
/// Limits are not set here: [`crate::HANDLES`], [`crate::BYTES_WRITTEN`] and [`crate::FILE_BYTES`] are
/// asked of [`astrid_host_context::Quota`] at each call; entries are the volumes' own.
pub struct FsCtxBuilder {
    mounts: Option<Arc<dyn Mounts>>,
    pool: Option<BlockingPool>,
}

impl FsCtxBuilder {
    /// Who finds the volumes.
    #[must_use]
    pub fn mounts(mut self, mounts: Arc<dyn Mounts>) -> Self {
        self.mounts = Some(mounts);
        self
    }

    /// The threads file work runs on, if not [`BlockingPool::shared`].
    #[must_use]
    pub fn pool(mut self, pool: BlockingPool) -> Self {
        self.pool = Some(pool);
        self
    }

    /// The finished state.
    #[must_use]
    pub fn build(self) -> FsCtx {
        FsCtx {
            mounts: self.mounts.unwrap_or_else(|| Arc::new(Directories::new())),
            pool: self.pool.unwrap_or_else(BlockingPool::shared),
            spent: Spent::default(),
        }
    }
}

impl fmt::Debug for FsCtxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FsCtxBuilder").field("mounts", &self.mounts.is_some()).finish()
    }
}
