//! Where children work, which the kernel knows.

use std::path::PathBuf;

use astrid_host_context::CallContext;

use crate::{BoxFuture, Network};

/// The directories of one call's principal, and what its children reach.
#[derive(Debug, Clone)]
pub struct Ground {
    /// What `cwd://` is.
    pub workspace: PathBuf,
    /// What `home://` is, if the principal has a home. A child sees it only if the gate lets the capsule read it.
    pub home: Option<PathBuf>,
    /// What children reach.
    pub network: Network,
}

/// There is nowhere to work, in words for operators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoGround(pub String);

/// Says where the children of a call work. Asked once a start, after everything that could refuse it.
pub trait Grounds: Send + Sync {
    /// The call's directories. The future must not block a worker and may be dropped.
    fn of<'a>(&'a self, call: &'a CallContext) -> BoxFuture<'a, Result<Ground, NoGround>>;
}

/// The same ground for everybody: of hosts that serve one principal.
impl Grounds for Ground {
    fn of<'a>(&'a self, _: &'a CallContext) -> BoxFuture<'a, Result<Ground, NoGround>> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }
}
