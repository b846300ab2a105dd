//! Who puts questions to people.

use astrid_host_context::{CallContext, Entry, Rejections, Sender, Uuid};

use crate::grants::BoxFuture;
use crate::op_table::REJECTED;
use crate::{Error, Wanted};

/// What a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// No.
    Deny,
    /// Yes, this once.
    Once,
    /// Yes, also to the family, while connected.
    Session,
    /// Yes, also to the family, for good.
    Always,
}

impl Reply {
    /// The contract's words for it; whatever else somebody says is no.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "approve" => Self::Once,
            "approve_session" => Self::Session,
            "approve_always" => Self::Always,
            _ => Self::Deny,
        }
    }
}

/// Why a question has no answer, other than that nobody gave one in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// The connection that was asked is gone: that is a no.
    OwnerGone,
    /// It could not be put to anybody; for operators.
    NotPut(String),
}

/// A question that is to be put.
#[derive(Debug)]
pub struct Prompt<'a> {
    id: Uuid,
    owner: Uuid,
    wanted: &'a Wanted,
    entry: &'a Entry,
    rejected: Rejections,
}

impl<'a> Prompt<'a> {
    pub(crate) fn new(id: Uuid, owner: Uuid, wanted: &'a Wanted, entry: &'a Entry) -> Self {
        Self { id, owner, wanted, entry, rejected: Rejections::default() }
    }

    /// Its number, random and fresh.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The connection or turn it belongs to, so that nobody else answers it.
    #[must_use]
    pub fn owner(&self) -> Uuid {
        self.owner
    }

    /// The family of actions, as it is shown.
    #[must_use]
    pub fn action(&self) -> &'a str {
        self.wanted.action.shown()
    }

    /// The action in full, as it is shown.
    #[must_use]
    pub fn resource(&self) -> &'a str {
        self.wanted.resource.shown()
    }

    /// The host's own words: who asks, and what was done to the guest's.
    #[must_use]
    pub fn reason(&self) -> String {
        format!("Capsule '{}' requests approval{}", self.call().capsule(), self.wanted.remarks())
    }

    /// Who asks: capsule, session and principal.
    #[must_use]
    pub fn call(&self) -> &CallContext {
        self.entry.call()
    }

    /// Records that an answer does not count, once for each sender.
    pub fn reject(&self, sender: Sender, why: &'static str) {
        self.rejected.record(self.entry, &REJECTED, self.id, sender, || Error::Rejected(why));
    }
}

/// An answer, as soon as somebody gave one that counts.
pub type Asking<'a> = BoxFuture<'a, Result<Reply, Unanswered>>;

/// Puts questions to people.
///
/// An implementation listens for the answer before it says the question, counts answers of the question's
/// principal and owner alone, never one of the capsule that asks, and gives back the first that counts. Others
/// it names to [`Prompt::reject`]. It says [`Unanswered::OwnerGone`] within 100 ms of the end of the connection.
/// Dropping the future withdraws the question. How long is waited is not its business.
pub trait Prompter: Send + Sync {
    /// Puts one question.
    fn ask<'a>(&'a self, prompt: Prompt<'a>) -> Asking<'a>;
}
