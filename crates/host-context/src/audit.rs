//! Who hears what every host call did.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use crate::{Audit, CapsuleId, Op, Principal, Subject, Uuid};

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It ran and succeeded.
    Allowed,
    /// It was admitted and failed; the class is the WIT arm.
    Failed(&'static str),
    /// It was refused before any effect.
    Denied(&'static str),
    /// It ended by cancellation, deadline or because its store went away.
    Cancelled(&'static str),
}

impl Outcome {
    /// The word of the record: `allowed`, `failed`, `denied` or `cancelled`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Failed(_) => "failed",
            Self::Denied(_) => "denied",
            Self::Cancelled(_) => "cancelled",
        }
    }

    /// The class within the word, `None` for [`Outcome::Allowed`].
    #[must_use]
    pub fn class(self) -> Option<&'static str> {
        match self {
            Self::Allowed => None,
            Self::Failed(class) | Self::Denied(class) | Self::Cancelled(class) => Some(class),
        }
    }
}

/// One host call, complete. Never holds payload bytes or secrets.
#[derive(Debug, Clone)]
pub struct AuditEvent {
    /// The function.
    pub op: &'static Op,
    /// The capsule that called.
    pub capsule: CapsuleId,
    /// Its session id.
    pub capsule_uuid: Uuid,
    /// The effective principal at call time.
    pub principal: Option<Principal>,
    /// The invocation it belongs to.
    pub invocation: u64,
    /// What it was done to, in the capsule's own spelling.
    pub target: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// For operators: why it was refused and what would allow it.
    pub detail: Option<String>,
    /// Further facts the domain's chapter asks for: a count, a digest, a length.
    pub facts: Vec<(&'static str, String)>,
    /// Bytes actually moved.
    pub bytes: u64,
    /// When it began.
    pub at: SystemTime,
    /// How long it took, waits included.
    pub elapsed: Duration,
}

/// Takes audit records. Called on runtime workers: an implementation never waits and is bounded in memory.
pub trait AuditSink: Send + Sync {
    /// Takes one event, [`Audit::Event`] and above.
    fn record(&self, event: AuditEvent);

    /// Takes one call of an [`Audit::Counted`] function.
    fn count(&self, op: &'static Op, subject: &Subject<'_>, bytes: u64) {
        let _ = (op, subject, bytes);
    }

    /// Resolves once what was taken so far outlives this process: for effects whose record must be there
    /// before them, whatever happens next. The future may be dropped.
    fn written(&self) -> Written {
        Box::pin(std::future::ready(()))
    }

    /// BLAKE3 of bytes that a function stores, in hex, for its record. A sink that keeps records for long
    /// gives it, as `JsonLines` does; one that does not saves the hashing, which for a
    /// mebibyte costs more than storing it in memory.
    fn digest(&self, bytes: &[u8]) -> Option<String> {
        let _ = bytes;
        None
    }

    /// Whether a record of this class would be taken now; asked before the effect of an
    /// [`Audit::Required`] function.
    fn accepts(&self, class: Audit) -> bool {
        let _ = class;
        true
    }
}

/// What [`AuditSink::written`] waits for.
pub type Written = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Records nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAudit;

impl AuditSink for NoAudit {
    fn record(&self, _: AuditEvent) {}
}
