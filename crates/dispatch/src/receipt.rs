//! The messages that tell a publisher that its event failed.

use astrid_event_bus::{Draft, Message, Payload, Topic};
use astrid_host_context::{Attribution, CapsuleId};
use serde_json::{Value, json};

use crate::fate::Reason;

/// Where requests to services of the host itself go.
const REQUESTS: &str = "astrid.v1.request";
/// Below these the receipts go; one for a receipt would be the first of many.
const RECEIPTS: [&str; 2] = ["astrid.v1.delivery.failure", "astrid.v1.response.failure"];

/// Whether the publisher would hear of a failure. Cheap: a request's id is looked for when it failed.
pub(crate) fn is_wanted(message: &Message) -> bool {
    let topic = message.topic();
    (message.payload().delivery_id().is_some() || is_request(topic))
        && !RECEIPTS.iter().any(|root| topic.is_within(root))
}

pub(crate) fn is_request(topic: &Topic) -> bool {
    topic.is_within(REQUESTS) && topic.as_str().len() > REQUESTS.len()
}

/// The receipt for a guest's `_astrid_delivery_id`: private to the publishing capsule and principal.
/// For one of the host's own publications only consumers inside the host get it.
pub(crate) fn delivery(message: &Message, publisher: Option<CapsuleId>, reason: &Reason) -> Option<Draft> {
    let id = format!("{:032x}", message.payload().delivery_id()?.as_u128());
    let body = json!({
        "delivery_id": id,
        "request_topic": message.topic().as_str(),
        "reason": reason.to_string(),
    });
    let draft = draft(message, &format!("{}.{id}", RECEIPTS[0]), &body)?;
    Some(match publisher {
        Some(capsule) => draft.private_to(capsule),
        None => draft.observers_only(),
    })
}

/// The receipt for a request that carries a `req_id`.
pub(crate) fn request(message: &Message, reason: &Reason) -> Option<Draft> {
    if !is_request(message.topic()) {
        return None;
    }
    let payload: Value = serde_json::from_slice(message.payload().bytes()).ok()?;
    let id = payload.get("req_id")?.as_str()?;
    let body = json!({ "req_id": id, "reason": reason.to_string() });
    // An id that cannot be a segment has no topic to be answered on.
    let single = !id.is_empty() && !id.contains('.');
    single.then(|| draft(message, &format!("{}.{id}", RECEIPTS[1]), &body)).flatten()
}

/// In the name of whom the failed message speaks for, so that its own subscriptions get it.
fn draft(message: &Message, topic: &str, body: &Value) -> Option<Draft> {
    let topic = Topic::host(topic).ok()?;
    let payload = Payload::parse(body.to_string()).ok()?;
    let provenance = message.provenance().clone();
    let delegated =
        matches!(&provenance.attribution, Attribution::Claimed(p) if message.authority() == Some(p));
    let draft = Draft::new(topic, payload, provenance);
    Some(if delegated { draft.delegated() } else { draft })
}
