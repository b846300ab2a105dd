//! Who is calling, as one immutable value.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{Caller, Cancellation, CapsuleId, Principal, Progress, Refusal, Standing, Uuid};

/// Which kind of guest execution a call comes from; it decides whether a received message may
/// become the new context ([`crate::CallSlot::adopt`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CallKind {
    /// A handler runs for one message; identity is fixed until it returns.
    #[default]
    Interceptor,
    /// The capsule's own loop; each received message re-scopes it.
    RunLoop,
}

/// Which lifecycle export runs, if any. Some functions (elicit) are admitted only there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecyclePhase {
    /// `astrid-install`.
    Install,
    /// `astrid-upgrade`.
    Upgrade,
}

/// Whose stored data a call reaches. Backends open their state by this and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// `None` is the neutral scope of a capsule that nobody owns: empty, not persistent, nobody's.
    pub principal: Option<Principal>,
    /// The capsule whose data it is.
    pub capsule: CapsuleId,
}

/// What one invocation of a store has of its own; everything else stays the store's.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// The effective principal.
    pub principal: Option<&'a Principal>,
    /// The message being served, shared with whoever else serves it.
    pub caller: Option<&'a Arc<Caller>>,
    /// When every wait of the call ends.
    pub deadline: Option<Instant>,
    /// The token in force.
    pub cancellation: &'a Cancellation,
    /// The kernel's number for it.
    pub number: u64,
}

/// Everything a host function may ask about the call it serves. Immutable; a clone is one reference count.
///
/// The kernel builds one per invocation ([`CallContext::builder`]), puts it into the store's
/// [`crate::CallSlot`], and takes it out again when the invocation ends. Domain state is resolved
/// *from* it, so that nothing of one principal can outlive the call.
#[derive(Debug, Clone)]
pub struct CallContext(Arc<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    capsule: CapsuleId,
    capsule_uuid: Uuid,
    principal: Option<Principal>,
    authority: bool,
    caller: Option<Arc<Caller>>,
    kind: CallKind,
    phase: Option<LifecyclePhase>,
    invocation: u64,
    deadline: Option<Instant>,
    cancellation: Cancellation,
    progress: Arc<Progress>,
}

impl CallContext {
    /// Starts a context for `capsule`: no principal, full authority, no caller, no deadline, a live token of its own.
    #[must_use]
    pub fn builder(capsule: CapsuleId) -> CallContextBuilder {
        CallContextBuilder(Inner {
            capsule,
            capsule_uuid: Uuid::nil(),
            principal: None,
            authority: true,
            caller: None,
            kind: CallKind::default(),
            phase: None,
            invocation: 0,
            deadline: None,
            cancellation: Cancellation::new(),
            progress: Arc::default(),
        })
    }

    /// Starts from this context, for a kernel that re-scopes it to another message.
    #[must_use]
    pub fn to_builder(&self) -> CallContextBuilder {
        CallContextBuilder(Inner::clone(&self.0))
    }

    /// Becomes the context of another invocation. The value it holds is used again if nobody kept a clone
    /// of it; a clone that was kept does not change.
    pub fn serve(&mut self, next: Invocation<'_>) {
        let Invocation { principal, caller, deadline, cancellation, number } = next;
        let inner = Arc::make_mut(&mut self.0);
        if inner.principal.as_ref() != principal {
            inner.principal = principal.cloned();
        }
        if !inner.cancellation.is(cancellation) {
            inner.cancellation = cancellation.clone();
        }
        // Whoever serves one message again and again has it already.
        if inner.caller.as_ref().map(Arc::as_ptr) != caller.map(Arc::as_ptr) {
            inner.caller = caller.cloned();
        }
        inner.deadline = deadline;
        inner.invocation = number;
    }

    /// The capsule that calls.
    #[must_use]
    pub fn capsule(&self) -> &CapsuleId {
        &self.0.capsule
    }

    /// The loaded capsule's session id, the `source-id` of what it publishes.
    #[must_use]
    pub fn capsule_uuid(&self) -> Uuid {
        self.0.capsule_uuid
    }

    /// The effective principal; `None` only for a capsule that nobody owns.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.0.principal.as_ref()
    }

    /// The message being served, if one is.
    #[must_use]
    pub fn caller(&self) -> Option<&Caller> {
        self.0.caller.as_deref()
    }

    /// Handler or run loop.
    #[must_use]
    pub fn kind(&self) -> CallKind {
        self.0.kind
    }

    /// The lifecycle export that runs, if any.
    #[must_use]
    pub fn phase(&self) -> Option<LifecyclePhase> {
        self.0.phase
    }

    /// The kernel's number for this invocation, unique within its process; ties audit records together.
    #[must_use]
    pub fn invocation(&self) -> u64 {
        self.0.invocation
    }

    /// When the invocation must have ended, on tokio's clock.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// The token in force for this call.
    #[must_use]
    pub fn cancellation(&self) -> &Cancellation {
        &self.0.cancellation
    }

    /// The store's marks for watchdog and loop guard.
    #[must_use]
    pub fn progress(&self) -> &Arc<Progress> {
        &self.0.progress
    }

    /// Whether a call may start or go on; a context built without authority counts as retired.
    #[must_use]
    pub fn standing(&self) -> Standing {
        if self.0.authority { self.0.cancellation.standing() } else { Standing::Retired }
    }

    /// Whose stored data this call reaches.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope { principal: self.0.principal.clone(), capsule: self.0.capsule.clone() }
    }

    /// The admission every host function begins with.
    ///
    /// # Errors
    /// [`Refusal::Retired`], [`Refusal::Cancelled`] or [`Refusal::DeadlineExceeded`], in this order.
    pub fn admit(&self) -> Result<(), Refusal> {
        match self.standing() {
            Standing::Retired => Err(Refusal::Retired),
            Standing::Cancelled => Err(Refusal::Cancelled),
            Standing::Live => match self.0.deadline {
                Some(at) if Instant::now() >= at => Err(Refusal::DeadlineExceeded),
                _ => Ok(()),
            },
        }
    }
}

/// Builds a [`CallContext`].
#[derive(Debug, Clone)]
pub struct CallContextBuilder(Inner);

impl CallContextBuilder {
    /// The effective principal.
    #[must_use]
    pub fn principal(mut self, principal: Principal) -> Self {
        self.0.principal = Some(principal);
        self
    }

    /// Takes the principal away again: the neutral scope of a capsule that nobody owns.
    #[must_use]
    pub fn no_principal(mut self) -> Self {
        self.0.principal = None;
        self
    }

    /// Marks a caller who could not be established (invalid name, unreadable profile): every gated
    /// call is refused, and no other principal's data is reached instead.
    #[must_use]
    pub fn without_authority(mut self) -> Self {
        self.0.authority = false;
        self
    }

    /// The capsule's session id.
    #[must_use]
    pub fn capsule_uuid(mut self, uuid: Uuid) -> Self {
        self.0.capsule_uuid = uuid;
        self
    }

    /// The message being served.
    #[must_use]
    pub fn caller(mut self, caller: Option<Caller>) -> Self {
        self.0.caller = caller.map(Arc::new);
        self
    }

    /// Handler (the default) or run loop.
    #[must_use]
    pub fn kind(mut self, kind: CallKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// The lifecycle export that runs.
    #[must_use]
    pub fn phase(mut self, phase: LifecyclePhase) -> Self {
        self.0.phase = Some(phase);
        self
    }

    /// The kernel's number for the invocation.
    #[must_use]
    pub fn invocation(mut self, number: u64) -> Self {
        self.0.invocation = number;
        self
    }

    /// When every wait of the call ends.
    #[must_use]
    pub fn deadline(mut self, at: Option<Instant>) -> Self {
        self.0.deadline = at;
        self
    }

    /// The token in force.
    #[must_use]
    pub fn cancellation(mut self, token: Cancellation) -> Self {
        self.0.cancellation = token;
        self
    }

    /// The store's marks, shared with its watchdog.
    #[must_use]
    pub fn progress(mut self, progress: Arc<Progress>) -> Self {
        self.0.progress = progress;
        self
    }

    /// The finished value.
    #[must_use]
    pub fn build(self) -> CallContext {
        CallContext(Arc::new(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_that_serves_again_forgets_the_last_message_and_never_changes_a_clone() {
        let (alice, bob) = (Principal::parse("alice").unwrap(), Principal::parse("bob").unwrap());
        let (first, second) = (Cancellation::new(), Cancellation::new());
        let serve = |call: &mut CallContext, principal, cancellation: &Cancellation, number| {
            let caller = Caller {
                provenance: crate::Provenance::system(),
                source: Uuid::nil(),
                at: std::time::SystemTime::UNIX_EPOCH,
                trail: crate::Trail::default(),
            };
            let deadline = Some(Instant::now());
            call.serve(Invocation {
                principal,
                caller: Some(&Arc::new(caller)),
                deadline,
                cancellation,
                number,
            });
        };
        let mut call = CallContext::builder(CapsuleId::parse("c").unwrap()).build();
        serve(&mut call, Some(&alice), &first, 1);
        let kept = call.clone();
        serve(&mut call, Some(&bob), &second, 2);
        assert_eq!((call.principal(), call.invocation()), (Some(&bob), 2));
        assert!(call.cancellation().is(&second));
        assert_eq!((kept.principal(), kept.invocation()), (Some(&alice), 1));
        assert!(kept.caller().is_some() && kept.cancellation().is(&first));
        let nobody =
            Invocation { principal: None, caller: None, deadline: None, cancellation: &first, number: 3 };
        let place = Arc::as_ptr(&call.0);
        call.serve(nobody);
        assert_eq!(Arc::as_ptr(&call.0), place, "nobody kept this one");
        assert!(call.principal().is_none() && call.caller().is_none() && call.deadline().is_none());
    }
}
