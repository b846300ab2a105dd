//! What becomes of an event as a whole, for publishers that asked to hear of a failure.

use std::fmt;
use std::sync::Arc;

use astrid_event_bus::Message;
use parking_lot::Mutex;

use crate::core::Core;
use crate::outbox::{Notice, Outbox};
use crate::receipt;

/// Characters of a guest's reason that go into logs and receipts (guest chapter §2.3).
const REASON_CHARS: usize = 1_024;

/// Why an event failed, in the words of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    NoHandler,
    QueueFull,
    AccessDenied,
    Unloaded,
    Denied(String),
    Failed,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHandler => f.write_str("no handler"),
            Self::QueueFull => f.write_str("queue full"),
            Self::AccessDenied => f.write_str("access denied"),
            Self::Unloaded => f.write_str("capsule unloaded"),
            Self::Denied(reason) => write!(f, "denied: {reason}"),
            Self::Failed => f.write_str("failed"),
        }
    }
}

/// A guest's words, cut and without what could forge a log line.
pub(crate) fn sanitised(reason: &str) -> String {
    reason.chars().take(REASON_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Shared by everything that works on one event. When the last of it is gone and nobody succeeded,
/// the publisher is told; of an event that nobody asked about it holds nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fate(Option<Arc<Asked>>);

#[derive(Debug)]
struct Asked {
    message: Message,
    outbox: Outbox,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    succeeded: bool,
    reason: Option<Reason>,
}

impl Fate {
    pub(crate) fn of(core: &Core, message: &Message) -> Self {
        let asked = core.outbox.is_open() && receipt::is_wanted(message);
        Self(asked.then(|| {
            Arc::new(Asked { message: message.clone(), outbox: core.outbox.clone(), state: Mutex::default() })
        }))
    }

    /// One handler, or a chain as a whole, did its work.
    pub(crate) fn succeed(&self) {
        if let Some(asked) = &self.0 {
            asked.state.lock().succeeded = true;
        }
    }

    /// One handler failed, or a chain stopped. The first reason is the one that is told.
    pub(crate) fn fail(&self, reason: Reason) {
        if let Some(asked) = &self.0 {
            asked.state.lock().reason.get_or_insert(reason);
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        if !state.succeeded {
            let reason = state.reason.take().unwrap_or(Reason::Failed);
            self.outbox.send(Notice::Failed(self.message.clone(), reason));
        }
    }
}
