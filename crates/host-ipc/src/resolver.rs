//! Whose call a run loop serves once it received a message.

use astrid_event_bus::{AUDIT_TOPIC, Message};
use astrid_host_context::{CallContext, CallKind, Principal};

use crate::ctx::Residency;

/// Makes the context of a received message. A kernel implements it to put in the principal's own
/// cancellation, or a context without authority when the profile cannot be loaded.
///
/// Called on a runtime worker: it must not wait or do I/O.
pub trait ContextResolver: Send + Sync {
    /// The context for serving `message` in the runtime whose own context is `own`.
    fn resolve(&self, own: &CallContext, message: &Message) -> CallContext;
}

/// The same capsule under the message's principal, with a child of the runtime's token. The host's own
/// messages are served as the runtime's owner.
#[derive(Debug, Clone, Copy, Default)]
pub struct SameCapsule;

impl ContextResolver for SameCapsule {
    fn resolve(&self, own: &CallContext, message: &Message) -> CallContext {
        let caller = message.caller_for(own.capsule_uuid());
        let call = own.to_builder().caller(Some(caller)).cancellation(own.cancellation().child());
        match message.authority() {
            Some(principal) => call.principal(principal.clone()),
            None => call,
        }
        .build()
    }
}

/// What the run loop serves next. A principal that should never have reached an owned runtime gets a
/// context without any authority, and the security log a line.
pub(crate) fn next_call(
    resolver: &dyn ContextResolver,
    own: &CallContext,
    residency: Residency,
    message: &Message,
) -> CallContext {
    let named = message.provenance().attribution.principal();
    let foreign = residency == Residency::Owned && named.is_some() && named != own.principal();
    let next = if !foreign {
        resolver.resolve(own, message)
    } else if message.topic().as_str() == AUDIT_TOPIC {
        // An auditor reads everybody's entries and goes on as itself.
        own.clone()
    } else {
        tracing::error!(
            target: "astrid.security",
            capsule = own.capsule().as_str(),
            owner = own.principal().map(Principal::as_str),
            named = named.map(Principal::as_str),
            "a foreign principal's message reached an owned runtime",
        );
        resolver.resolve(own, message).to_builder().without_authority().build()
    };
    if next.kind() == CallKind::RunLoop { next } else { next.to_builder().kind(CallKind::RunLoop).build() }
}
