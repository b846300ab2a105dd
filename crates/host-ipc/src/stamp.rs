//! What a publication inherits from the call it is made in. Nothing here comes from an argument.

use astrid_event_bus::{Draft, Payload, Topic};
use astrid_host_context::{Attribution, CallContext, CallKind, Principal, Provenance, Trail};

/// The publication of a call: attribution, origin, device and owner of the message being served, or
/// the runtime's owner where none is or the host itself is behind it.
pub(crate) fn inherited(call: &CallContext, own: &CallContext, topic: Topic, payload: Payload) -> Draft {
    let provenance = match call.caller().map(|caller| &caller.provenance) {
        Some(served) if served.attribution != Attribution::System => served.clone(),
        Some(served) => Provenance { attribution: of_runtime(call, own), ..served.clone() },
        None => Provenance::of(of_runtime(call, own)),
    };
    // The context's principal differs from a claimed name exactly when the claim has no authority.
    let delegated = matches!(&provenance.attribution, Attribution::Claimed(p) if call.principal() == Some(p));
    let draft = Draft::new(topic, payload, provenance);
    let draft = if delegated { draft.delegated() } else { draft };
    draft.source(own.capsule_uuid()).trail(trail(call))
}

/// A claim made by an uplink. It keeps where the served message entered, which a hop never raises,
/// but not that message's device or connection: they belong to somebody else.
pub(crate) fn claim(call: &CallContext, principal: Principal) -> Provenance {
    let transport = call.caller().map(|caller| caller.provenance.transport).unwrap_or_default();
    Provenance { transport, ..Provenance::of(Attribution::Claimed(principal)) }
}

/// The loop guard: that of the served message, unless the call has waited for something outside the bus.
pub(crate) fn trail(call: &CallContext) -> Trail {
    match call.caller() {
        Some(caller) if call.kind() == CallKind::Interceptor && !call.progress().has_waited_outside() => {
            caller.trail.clone()
        }
        _ => Trail::default(),
    }
}

/// Whom a call speaks for that serves no guest's message: its principal, which is the owner's unless
/// the kernel chose another; the owner, where the context is neutral. A capsule that nobody owns
/// speaks for nobody.
fn of_runtime(call: &CallContext, own: &CallContext) -> Attribution {
    match call.principal().or(own.principal()) {
        Some(principal) if !principal.is_anonymous() => Attribution::Verified(principal.clone()),
        _ => Attribution::Claimed(Principal::anonymous()),
    }
}
