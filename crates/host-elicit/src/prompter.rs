//! Who puts questions to people.

use astrid_host_context::{CallContext, Entry, Rejections, Sender, Uuid};

use crate::op_table::REJECTED;
use crate::secrets::BoxFuture;
use crate::{Error, Question, Reply};

/// Why a question has no answer, other than that nobody gave one in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// Whoever was asked is gone.
    Withdrawn,
    /// It could not be put to anybody; for operators.
    NotPut(String),
}

/// A question that is to be put.
#[derive(Debug)]
pub struct Prompt<'a> {
    id: Uuid,
    owner: Option<Uuid>,
    question: &'a Question,
    entry: &'a Entry,
    rejected: Rejections,
}

impl<'a> Prompt<'a> {
    pub(crate) fn new(id: Uuid, owner: Option<Uuid>, question: &'a Question, entry: &'a Entry) -> Self {
        Self { id, owner, question, entry, rejected: Rejections::default() }
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
        self.rejected.record(self.entry, &REJECTED, self.id, sender, || Error::Rejected(why));
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
