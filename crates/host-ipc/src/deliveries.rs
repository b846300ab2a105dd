//! What a guest took from its subscriptions, for a host that has to know what went out.

use astrid_event_bus::Message;

/// Hears of every message that a store's guest receives, before the guest sees it. A kernel implements it
/// to know what an uplink was given to say outside.
///
/// Called on a runtime worker: it must not wait or do I/O.
pub trait Deliveries: Send + Sync {
    /// `message` is part of the envelope that a `recv` or `poll` is about to return.
    fn delivered(&self, message: &Message);
}
