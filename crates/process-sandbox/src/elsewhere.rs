//! Systems for which no sandbox is built: nothing is started.

use astrid_host_process::{Grade, Launch, LaunchError, Running, Unconfined};

use crate::builder::{BuildError, Settings};

/// What answers that nothing can be started.
#[derive(Debug)]
pub(crate) struct Inner;

impl Inner {
    #[expect(clippy::unnecessary_wraps, reason = "as on systems where it can fail")]
    pub(crate) fn new(_: Settings) -> Result<Self, BuildError> {
        Ok(Self)
    }

    #[expect(clippy::unused_self, reason = "as on systems that look")]
    pub(crate) fn grade(&self) -> Result<Grade, Unconfined> {
        Err(Unconfined("it is not built for this system".to_owned()))
    }

    pub(crate) async fn start(&self, _: Launch) -> Result<Running, LaunchError> {
        Err(self.grade().map_or_else(LaunchError::Unconfined, |_| LaunchError::TimedOut))
    }
}
