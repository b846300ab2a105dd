//! Answers to questions that were put to people, and do not count.

use std::collections::HashSet;
use std::sync::Mutex;

use crate::lock::locked;
use crate::{Entry, Failure, Op, Principal, Uuid};

/// Senders recorded for one question; beyond it they are ignored unrecorded, so that a flood of names cannot
/// fill the records.
const MAX_SENDERS: usize = 64;

/// Who sent an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sender {
    /// The publishing capsule's session id, nil for the host.
    pub source: Uuid,
    /// Whom the sender speaks for, or says so.
    pub principal: Option<Principal>,
}

/// The answers to one question that do not count: one record for each sender.
#[derive(Debug, Default)]
pub struct Rejections(Mutex<HashSet<Sender>>);

impl Rejections {
    /// Records an answer to the question `request` that `asking` put, unless one of this sender is recorded
    /// already. The record is one of `op` that ended with `why`.
    pub fn record<E: Failure>(
        &self,
        asking: &Entry,
        op: &'static Op,
        request: Uuid,
        sender: Sender,
        why: impl FnOnce() -> E,
    ) {
        let mut known = locked(&self.0);
        if known.len() >= MAX_SENDERS || known.contains(&sender) {
            return;
        }
        let record = Entry::new(asking.call(), asking.services(), op);
        record.fact("request", || request.to_string());
        record.fact("source", || sender.source.to_string());
        record.fact("sender", || sender.principal.as_ref().map_or("none", Principal::as_str).to_owned());
        let why = why();
        tracing::warn!(
            target: "astrid.security",
            request = %request,
            source = %sender.source,
            domain = op.domain,
            why = why.operator_detail(),
            "an answer to a question does not count"
        );
        // The record is the effect.
        let _: Result<(), E> = record.run_always(|| Err(why));
        known.insert(sender);
    }
}
