//! What was decided, and by what.

use std::cell::Cell;

use astrid_host_context::Entry;

use crate::{Error, Lasting};

/// What a guest gets. All but the first permit the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Refused, or nobody may be asked.
    Denied,
    /// Permitted this once.
    Approved,
    /// Permitted, and remembered for the session.
    ApprovedSession,
    /// Permitted, and remembered until revoked: it is on disk.
    ApprovedAlways,
    /// Permitted by what is remembered. Nobody was asked.
    Allowance,
}

/// A decision with what its record says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    pub(crate) via: &'static str,
    pub(crate) scope: &'static str,
}

impl Decided {
    pub(crate) fn denied(via: &'static str) -> Self {
        Self { decision: Decision::Denied, via, scope: "once" }
    }

    pub(crate) fn remembered(lasting: Lasting) -> Self {
        let via = match lasting {
            Lasting::Session => "session_allowance",
            Lasting::Always => "remembered_consent",
        };
        Self { decision: Decision::Allowance, via, scope: lasting.as_str() }
    }

    /// By a person, and remembered so long.
    pub(crate) fn approved(lasting: Option<Lasting>) -> Self {
        let decision = match lasting {
            None => Decision::Approved,
            Some(Lasting::Session) => Decision::ApprovedSession,
            Some(Lasting::Always) => Decision::ApprovedAlways,
        };
        Self { decision, via: "user", scope: lasting.map_or("once", Lasting::as_str) }
    }
}

/// Puts the decision into a call's record, whatever becomes of the call.
pub(crate) struct Verdict<'a> {
    entry: &'a Entry,
    said: Cell<bool>,
}

impl<'a> Verdict<'a> {
    pub(crate) fn of(entry: &'a Entry) -> Self {
        Self { entry, said: Cell::new(false) }
    }

    pub(crate) fn say(&self, decided: &Result<Decided, Error>) {
        match decided {
            Ok(Decided { decision: Decision::Denied, via, scope }) => self.write("denied", via, scope),
            Ok(Decided { via, scope, .. }) => self.write("granted", via, scope),
            Err(error) => self.write("denied", error.via(), "once"),
        }
    }

    fn write(&self, decision: &'static str, via: &'static str, scope: &'static str) {
        self.said.set(true);
        for (name, value) in [("decision", decision), ("via", via), ("scope", scope)] {
            self.entry.fact(name, || value.to_owned());
        }
    }
}

impl Drop for Verdict<'_> {
    fn drop(&mut self) {
        if !self.said.get() {
            self.write("denied", "error", "once");
        }
    }
}
