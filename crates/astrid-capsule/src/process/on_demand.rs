//! The sandbox, looked for when the first capsule is loaded that may start processes: trying what a machine has takes
//! some ten milliseconds, for which no other start of a host should wait.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use astrid_host_process::{BoxFuture, Grade, Launch, LaunchError, Launcher, NoLauncher, Running, Unconfined};
use astrid_process_sandbox::{BuildError, Isolation, Sandbox};

use crate::{Config, Home};

pub(crate) struct OnDemand {
    scratch: PathBuf,
    /// What no process sees.
    mask: PathBuf,
    isolation: Isolation,
    found: OnceLock<Arc<dyn Launcher>>,
}

impl OnDemand {
    pub(super) fn new(home: &Home, config: &Config) -> Arc<Self> {
        Arc::new(Self {
            scratch: home.state().join("processes"),
            mask: home.root().to_owned(),
            isolation: config.process_sandbox,
            found: OnceLock::new(),
        })
    }

    /// Looks for it, the first time.
    pub(crate) async fn find(self: &Arc<Self>) {
        if self.found.get().is_some() {
            return;
        }
        let this = self.clone();
        let looking = tokio::task::spawn_blocking(move || {
            this.found.get_or_init(|| this.look());
        });
        if looking.await.is_err() {
            tracing::error!("looking for a sandbox for processes ended early; none is started");
        }
    }

    /// A host that cannot start processes runs every capsule all the same, and tells those that want to.
    fn look(&self) -> Arc<dyn Launcher> {
        let sandbox = Sandbox::builder(&self.scratch).isolation(self.isolation).mask(&self.mask);
        match sandbox.build() {
            Ok(sandbox) => Arc::new(sandbox),
            Err(error @ BuildError::NoShim) => {
                tracing::debug!(%error, "no process is started");
                Arc::new(NoLauncher::new("this program is not its own shim"))
            }
            Err(error) => {
                tracing::error!(%error, "no process is started");
                Arc::new(NoLauncher::new("it could not be set up"))
            }
        }
    }
}

impl Launcher for OnDemand {
    fn grade(&self) -> Result<Grade, Unconfined> {
        let not_looked_for = || Unconfined("no capsule that may start processes was loaded".to_owned());
        self.found.get().ok_or_else(not_looked_for)?.grade()
    }

    fn start(&self, launch: Launch) -> BoxFuture<'_, Result<Running, LaunchError>> {
        match self.found.get() {
            Some(found) => found.start(launch),
            None => Box::pin(async { Err(self.grade().err().map_or(LaunchError::TimedOut, Into::into)) }),
        }
    }
}
