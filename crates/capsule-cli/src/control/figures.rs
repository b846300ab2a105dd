//! The network's counts as JSON.

use std::collections::BTreeMap;

use astrid_capsule::NetworkFigures;
use serde_json::{Value, json};

pub(super) fn json(figures: &NetworkFigures) -> Value {
    let streams = &figures.streams;
    let mut requests: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for (capsule, outcome, count) in &figures.requests {
        requests.entry(capsule.as_str()).or_default().insert(outcome, *count);
    }
    json!({
        "streams": {
            "open": streams.open,
            "accepted": streams.accepted,
            "connected": streams.connected,
            "received_bytes": streams.received,
            "sent_bytes": streams.sent,
        },
        "handshake_failures": counts(&figures.handshake_failures),
        "airlock_rejections": counts(&figures.airlock_rejections),
        "requests": requests,
    })
}

fn counts(counts: &[(&'static str, u64)]) -> BTreeMap<&'static str, u64> {
    counts.iter().copied().collect()
}
