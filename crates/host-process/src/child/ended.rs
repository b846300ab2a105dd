//! How a child's life ended, and through whom.

use tokio::time::Instant;

use crate::{Exit, Signal, Usage};

/// Why a child is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// By itself, or by somebody outside of the host.
    SelfExit,
    /// A guest stopped, killed or signalled it, or let go of it.
    Killed,
    /// Its time, or its time without use, was over.
    Ttl,
    /// The host stopped.
    Shutdown,
}

impl Reason {
    /// The contract's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SelfExit => "self-exit",
            Self::Killed => "killed",
            Self::Ttl => "reaped-ttl",
            Self::Shutdown => "reaped-shutdown",
        }
    }
}

/// What is known once a child has ended, the same for everybody who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    pub(crate) usage: Usage,
    pub(crate) reason: Reason,
    pub(crate) at: Instant,
}

/// Who brought an end about, decided by whoever came first.
#[derive(Debug, Default)]
pub(crate) struct Cause {
    reason: Option<Reason>,
    signalled: bool,
}

impl Cause {
    pub(crate) fn set(&mut self, reason: Reason) {
        self.reason.get_or_insert(reason);
    }

    /// A guest's signal is to blame only for an end by a signal.
    pub(crate) fn signalled(&mut self, signal: Signal) {
        self.signalled |= signal != Signal::Cont;
    }

    pub(crate) fn judge(&self, exit: Exit) -> Reason {
        let by_guest = self.signalled && exit.signal.is_some();
        self.reason.unwrap_or(if by_guest { Reason::Killed } else { Reason::SelfExit })
    }
}
