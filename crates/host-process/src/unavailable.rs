//! The backend of a host that starts nothing.

use crate::{BoxFuture, Grade, Launch, LaunchError, Launcher, Running, Unconfined};

/// Starts nothing, and says why.
#[derive(Debug, Clone)]
pub struct NoLauncher(Unconfined);

impl NoLauncher {
    /// Every start fails with `process sandbox unavailable: ` and this reason.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self(Unconfined(reason.into()))
    }
}

impl Launcher for NoLauncher {
    fn grade(&self) -> Result<Grade, Unconfined> {
        Err(self.0.clone())
    }

    fn start(&self, _: Launch) -> BoxFuture<'_, Result<Running, LaunchError>> {
        Box::pin(std::future::ready(Err(self.0.clone().into())))
    }
}
