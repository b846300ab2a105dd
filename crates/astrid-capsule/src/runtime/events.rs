//! What the runtime tells on the bus.

use std::collections::{BTreeMap, BTreeSet};

use astrid_event_bus::{Bus, Draft, Payload, Topic};
use astrid_host_context::{Attribution, CapsuleId, Principal, Provenance};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Inner;
use super::snapshot::Seen;

/// Announces a lifecycle event: `{ "type", "metadata", …fields }` on `astrid.v1.lifecycle.<name>`.
pub(super) fn lifecycle(bus: &Bus, name: &str, fields: &[(&str, Value)]) {
    let mut event: Map<String, Value> =
        fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    event.insert("type".to_owned(), name.into());
    let metadata = json!({
        "event_id": Uuid::new_v4().to_string(),
        "timestamp": jiff::Timestamp::now().to_string(),
        "correlation_id": null,
        "session_id": null,
        "user_id": null,
        "source": "kernel",
    });
    event.insert("metadata".to_owned(), metadata);
    announce(bus, &format!("astrid.v1.lifecycle.{name}"), &event.into(), None);
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
