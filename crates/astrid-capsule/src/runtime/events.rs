//! What the runtime tells on the bus.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use astrid_event_bus::{Bus, Draft, LifecycleEvent, Payload, Topic};
use astrid_host_context::{
    Attribution, Audit, AuditEvent, CapsuleId, HostServices, Op, Outcome, Principal, Provenance, Uuid,
};
use astrid_host_ipc::ReservedTopics;
use serde_json::{Value, json};

use super::Inner;
use super::snapshot::Seen;

/// What the services of this host publish on, beside the contract's own list (dispatch chapter §4).
const SERVICES: [&str; 4] =
    ["astrid.v1.event_bus", "astrid.v1.watchdog", "astrid.v1.health", super::jobs::RESPONSES];

/// The topics no capsule may publish on.
pub(super) fn reserved() -> ReservedTopics {
    let topics = SERVICES.iter().filter_map(|root| Topic::host(root).ok());
    topics.fold(ReservedTopics::new(), |reserved, root| reserved.and(&root))
}

/// Announces a lifecycle event of the host, which nobody in particular caused.
pub(super) fn lifecycle(bus: &Bus, name: &str, fields: &[(&str, Value)]) {
    let event = LifecycleEvent::new(name)
        .map(|event| fields.iter().fold(event, |event, (key, value)| event.field(key, value.clone())));
    match event.and_then(LifecycleEvent::into_draft) {
        Ok(draft) => drop(bus.announce(draft)),
        Err(error) => tracing::error!(name, %error, "an event of the host could not be announced"),
    }
}

/// The runtime's own end.
static STOPPED: Op = Op::new("runtime", "runtime_stopped", Audit::Record);

/// Records that the runtime came to its orderly end: the last thing it says, when there is no bus to hear
/// it any more.
pub(super) fn stopped(services: &HostServices, owner: &Principal) {
    record(services, owner, &STOPPED, Vec::new());
}

/// Records what the host itself did, or an operator through it.
pub(super) fn record(
    services: &HostServices,
    owner: &Principal,
    op: &'static Op,
    facts: Vec<(&'static str, String)>,
) {
    let Ok(capsule) = CapsuleId::parse("system") else { return };
    services.audit().record(AuditEvent {
        op,
        capsule,
        capsule_uuid: Uuid::nil(),
        principal: Some(owner.clone()),
        invocation: 0,
        target: None,
        outcome: Outcome::Allowed,
        detail: None,
        facts,
        bytes: 0,
        at: SystemTime::now(),
        elapsed: Duration::ZERO,
    });
}

/// Announces for a principal, or for the host itself.
pub(super) fn announce(bus: &Bus, topic: &str, payload: &Value, who: Option<&Principal>) {
    announce_to(bus, topic, payload, who, None);
}

/// Announces for a principal, to one capsule if one is given.
pub(super) fn announce_to(
    bus: &Bus,
    topic: &str,
    payload: &Value,
    who: Option<&Principal>,
    only: Option<CapsuleId>,
) {
    let by = who.cloned().map_or(Attribution::System, Attribution::Verified);
    let parsed = Topic::host(topic).map_err(|error| error.to_string());
    let text = Payload::parse(payload.to_string()).map_err(|error| error.to_string());
    match parsed.and_then(|topic| Ok(Draft::new(topic, text?, Provenance::of(by)))) {
        Ok(draft) => {
            bus.announce(match only {
                Some(capsule) => draft.private_to(capsule),
                None => draft,
            });
        }
        Err(error) => tracing::error!(topic, error, "an event of the host could not be announced"),
    }
}

/// Tells each principal which capsules it has, with the tools that are known.
pub(super) fn capsules_loaded(runtime: &Inner) {
    let snapshot = runtime.registry.snapshot();
    let mut views: BTreeMap<&Principal, Vec<Value>> = BTreeMap::new();
    // A principal without capsules has nothing to be told, except the owner, who may have lost the last one.
    views.insert(&runtime.owner, Vec::new());
    for seen in snapshot.all() {
        for principal in seen.view.iter().collect::<BTreeSet<_>>() {
            let entry =
                json!({ "principal": principal.as_str(), "name": seen.capsule.id(), "meta": meta(seen) });
            views.entry(principal).or_default().push(entry);
        }
    }
    for (principal, capsules) in views {
        let payload = json!({ "status": "ready", "capsules": capsules });
        announce(&runtime.bus, "astrid.v1.capsules_loaded", &payload, Some(principal));
    }
}

/// `meta.json` with the tools; the key is left out while they are unknown.
fn meta(seen: &Seen) -> Value {
    let mut meta = seen.meta.as_object().cloned().unwrap_or_default();
    match seen.capsule.tools() {
        Some(tools) => meta.insert("tools".to_owned(), json!(tools)),
        None => meta.remove("tools"),
    };
    meta.into()
}
