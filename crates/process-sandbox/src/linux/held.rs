//! A process of the host's own that is never forgotten: the wrapper or the shim.

use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::Arc;

use rustix::process::{Pid, PidfdFlags, Signal};
use tokio::io::unix::AsyncFd;

use super::spawner::Spawner;

/// A child that is reaped when this is dropped, and killed where that is enough.
#[derive(Debug)]
pub(super) struct Held {
    child: Option<Child>,
    /// Readable once it has ended.
    over: AsyncFd<OwnedFd>,
    /// Whether all that it started dies with it.
    takes_all: bool,
    spawner: Arc<Spawner>,
}

impl Held {
    /// Within a tokio runtime.
    pub(super) fn new(child: Child, spawner: Arc<Spawner>) -> std::io::Result<Self> {
        let over = rustix::process::pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
        match over.map_err(Into::into).and_then(crate::raw::watch) {
            Ok(over) => Ok(Self { child: Some(child), over, takes_all: true, spawner }),
            Err(error) => {
                let mut child = child;
                let _ = child.kill();
                spawner.reap(child);
                Err(error)
            }
        }
    }

    /// From now on a guest's program runs below it; `takes_all` says whether that dies with it.
    pub(super) fn runs(&mut self, takes_all: bool) {
        self.takes_all = takes_all;
    }

    /// Waits for its end. Done again and again after.
    pub(super) async fn over(&self) {
        let _ = self.over.readable().await;
    }

    /// Kills it if nothing is left behind then. Otherwise it has to kill the rest itself, and does once its
    /// line ends.
    pub(super) fn end(&self) {
        if self.takes_all {
            let _ = rustix::process::pidfd_send_signal(self.over.get_ref(), Signal::KILL);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if matches!(child.try_wait(), Ok(None)) {
            self.end();
            self.spawner.reap(child);
        }
    }
}
