//! The thread that moves the engine's epoch.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::Engine;

/// One epoch. A guest that never calls the host is looked at this often; shorter costs wake-ups,
/// longer makes deadlines coarse (guest chapter §4).
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// Ticks until dropped.
pub(super) struct Ticker {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(super) fn start(engine: &Engine) -> io::Result<Self> {
        let (stop, stopped) = sync_channel::<()>(0);
        let engine = engine.weak();
        let thread = std::thread::Builder::new().name("astrid-epoch".to_owned()).spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // Closing the channel wakes the thread at once; its panic has nobody left to tell.
            let _ = thread.join();
        }
    }
}
