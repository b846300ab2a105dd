//! Events of watched processes, as messages of the host to the one capsule that watches.

use astrid_event_bus::{Draft, Payload, Topic, WeakBus};
use astrid_host_context::{Attribution, Provenance};
use astrid_host_process::{Lifecycle, LifecycleEvent};

pub(super) struct OnBus(pub(super) WeakBus);

impl Lifecycle for OnBus {
    fn publish(&self, event: LifecycleEvent) {
        let Some(bus) = self.0.upgrade() else { return };
        let by = event.principal.map_or(Attribution::System, Attribution::Verified);
        let topic = Topic::host(&event.topic).map_err(|error| error.to_string());
        let payload = Payload::parse(event.payload).map_err(|error| error.to_string());
        match topic.and_then(|topic| Ok((topic, payload?))) {
            Ok((topic, payload)) => {
                bus.announce(Draft::new(topic, payload, Provenance::of(by)).private_to(event.capsule));
            }
            // The topic ends in an id or in what a guest chose: it is not for a log.
            Err(error) => tracing::error!(error, "an event of a process could not be announced"),
        }
    }
}
