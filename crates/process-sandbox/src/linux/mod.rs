//! Processes on Linux.

mod bubblewrap;
mod budget;
mod control;
mod environment;
mod errno;
mod ground;
mod held;
mod inject;
mod limits;
mod means;
mod path_list;
mod prepare;
mod scratch;
mod spawner;
mod start;
mod usage;

use std::sync::Arc;

use astrid_host_process::{Grade, Launch, LaunchError, Running, Unconfined};

use crate::builder::{BuildError, Settings};
use means::Means;
use scratch::Scratch;
use spawner::Spawner;

/// What all starts share.
#[derive(Debug)]
pub(crate) struct Inner {
    host: Arc<Host>,
}

#[derive(Debug)]
struct Host {
    settings: Settings,
    means: Result<Means, Unconfined>,
    shim: means::Shim,
    scratch: Scratch,
    spawner: Arc<Spawner>,
}

impl Inner {
    pub(crate) fn new(settings: Settings) -> Result<Self, BuildError> {
        let shim = means::Shim::find(settings.shim.as_deref())?;
        let spawner = Arc::new(Spawner::new().map_err(BuildError::Thread)?);
        let means = means::find(&settings, &shim)?;
        let scratch = Scratch::open(&settings.scratch).map_err(BuildError::Scratch)?;
        Ok(Self { host: Arc::new(Host { settings, means, shim, scratch, spawner }) })
    }

    pub(crate) fn grade(&self) -> Result<Grade, Unconfined> {
        self.host.means.as_ref().map(Means::grade).map_err(Clone::clone)
    }

    pub(crate) async fn start(&self, launch: Launch) -> Result<Running, LaunchError> {
        start::start(Arc::clone(&self.host), launch).await
    }
}
