//! Who puts questions to people.

use std::collections::HashSet;

use astrid_host_context::{CallContext, Entry, Principal, Uuid};
use parking_lot::Mutex;

use crate::op_table::REJECTED;
use crate::secrets::BoxFuture;
use crate::{Error, Question, Reply};

/// Senders of answers that do not count, recorded for one question; beyond it they are ignored unrecorded,
/// so that a flood of names cannot fill the records.
const MAX_SENDERS: usize = 64;

/// Why a question has no answer, other than that nobody gave one in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// Whoever was asked is gone.
    Withdrawn,
    /// It could not be put to anybody; for operators.
    NotPut(String),
}

/// Who sent an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sender {
    /// The publishing capsule's session id, nil for the host.
    pub source: Uuid,
    /// Whom the sender speaks for, or says so.
    pub principal: Option<Principal>,
}

/// A question that is to be put.
#[derive(Debug)]
pub struct Prompt<'a> {
    id: Uuid,
    owner: Option<Uuid>,
    question: &'a Question,
    entry: &'a Entry,
    rejected: Mutex<HashSet<Sender>>,
}

impl<'a> Prompt<'a> {
    pub(crate) fn new(id: Uuid, owner: Option<Uuid>, question: &'a Question, entry: &'a Entry) -> Self {
        Self { id, owner, question, entry, rejected: Mutex::default() }
    }

    /// Its number, random and fresh.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The connection it belongs to, so that nobody else answers it.
    #[must_use]
    pub fn owner(&self) -> Option<Uuid> {
        self.owner
    }

    /// What is asked.
    #[must_use]
    pub fn question(&self) -> &'a Question {
        self.question
    }

    /// Who asks: capsule, session and principal.
    #[must_use]
    pub fn call(&self) -> &CallContext {
        self.entry.call()
    }

    /// Records that an answer does not count, once for each sender.
    pub fn reject(&self, sender: Sender, why: &'static str) {
        let mut known = self.rejected.lock();
        if known.len() >= MAX_SENDERS || known.contains(&sender) {
            return;
        }
        let record = Entry::new(self.call(), self.entry.services(), &REJECTED);
        record.fact("request", || self.id.to_string());
        record.fact("source", || sender.source.to_string());
        record.fact("sender", || sender.principal.as_ref().map_or("none", Principal::as_str).to_owned());
        // The record is the effect.
        let _: Result<(), Error> = record.run_always(|| Err(Error::Rejected(why)));
        tracing::warn!(
            target: "astrid.security",
            request = %self.id,
            source = %sender.source,
            "an answer to a question does not count: {why}"
        );
        known.insert(sender);
    }
}

/// An answer, as soon as somebody gave one that counts.
pub type Asking<'a> = BoxFuture<'a, Result<Reply, Unanswered>>;

/// Puts questions to people.
///
/// An implementation listens for the answer before it says the question, counts answers of the question's
/// principal and owner alone, never one of the capsule that asks, and gives back the first that counts. Others
/// it names to [`Prompt::reject`]. Dropping the future withdraws the question. Whether the answer fits, and
/// how long is waited for it, is not its business.
pub trait Prompter: Send + Sync {
    /// Whether the connection with this id is open, so that somebody there can be asked.
    fn is_live(&self, owner: Uuid) -> bool;

    /// Puts one question.
    fn ask<'a>(&'a self, prompt: Prompt<'a>) -> Asking<'a>;
}
