//! The tick by which capsules look after their own timeouts.

use std::sync::Arc;

use astrid_event_bus::{Draft, Payload, Topic, WeakBus};
use astrid_host_context::{Attribution, Principal, Provenance};
use tokio::time::{MissedTickBehavior, interval};

use crate::limits::TICK_EVERY;

const TICK: &str = "astrid.v1.watchdog.tick";

/// The principals for whom capsules are loaded.
pub trait Views: Send + Sync {
    /// Each of them once.
    fn principals(&self) -> Vec<Principal>;
}

/// Announces a tick for each principal until the bus is gone. After a pause of the process the missed
/// ticks are left out.
pub(crate) async fn tick(bus: WeakBus, views: Arc<dyn Views>) {
    let mut every = interval(TICK_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    every.tick().await;
    loop {
        every.tick().await;
        let Some(bus) = bus.upgrade() else { return };
        for principal in views.principals() {
            if let (Ok(topic), Ok(payload)) = (Topic::host(TICK), Payload::parse("{}".to_owned())) {
                let by = Provenance::of(Attribution::Verified(principal));
                bus.announce(Draft::new(topic, payload, by));
            }
        }
    }
}
