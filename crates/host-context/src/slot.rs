//! The one place of a store where the context in force lives.

use std::ops::Deref;

use crate::{CallContext, CallKind};

/// Holds the [`CallContext`] in force and gives read access to it.
///
/// The kernel exchanges the whole value ([`CallSlot::replace`], [`CallSlot::exchange`]); a receive in a
/// run loop exchanges it through [`CallSlot::adopt`], which does nothing while a handler runs. There is
/// no other way, and `xtask tidy` holds domain crates to that.
#[derive(Debug, Clone)]
pub struct CallSlot(CallContext);

impl CallSlot {
    /// A slot that starts with `call`.
    #[must_use]
    pub fn new(call: CallContext) -> Self {
        Self(call)
    }

    /// Puts `next` in force and returns what was. For kernels, at the begin and end of an invocation.
    pub fn replace(&mut self, next: CallContext) -> CallContext {
        next.progress().begin_invocation();
        std::mem::replace(&mut self.0, next)
    }

    /// Puts `other` in force and leaves there what was. For kernels whose stores serve the same calls again
    /// and again with the same two values.
    pub fn exchange(&mut self, other: &mut CallContext) {
        other.progress().begin_invocation();
        std::mem::swap(&mut self.0, other);
    }

    /// Puts the context of a received message in force, if this is a run loop. Inside a handler the
    /// identity stays that of the handler's own message, and false is returned.
    pub fn adopt(&mut self, next: CallContext) -> bool {
        let own_loop = self.0.kind() == CallKind::RunLoop;
        if own_loop {
            self.replace(next);
        }
        own_loop
    }
}

impl Deref for CallSlot {
    type Target = CallContext;

    fn deref(&self) -> &CallContext {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CapsuleId, Principal};

    fn call(name: &str, kind: CallKind) -> CallContext {
        CallContext::builder(CapsuleId::parse("c").unwrap())
            .principal(Principal::parse(name).unwrap())
            .kind(kind)
            .build()
    }

    #[test]
    fn a_receive_inside_a_handler_never_changes_who_is_served() {
        let mut slot = CallSlot::new(call("alice", CallKind::Interceptor));
        assert!(!slot.adopt(call("bob", CallKind::RunLoop)));
        assert_eq!(slot.principal().unwrap().as_str(), "alice");
    }

    #[test]
    fn a_receive_in_a_run_loop_puts_the_publisher_in_force() {
        let mut slot = CallSlot::new(call("owner", CallKind::RunLoop));
        assert!(slot.adopt(call("bob", CallKind::RunLoop)));
        assert_eq!(slot.principal().unwrap().as_str(), "bob");
    }
}
