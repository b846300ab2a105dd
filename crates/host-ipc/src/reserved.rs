//! Topics that only the host publishes on, whatever a manifest says.

use astrid_event_bus::Topic;

/// Topics reserved as they stand.
const EXACT: [&str; 8] = [
    "astrid.v1.approval",
    "astrid.v1.elicit",
    "astrid.v1.audit.entry",
    "client.v1.connect",
    "client.v1.disconnect",
    "astrid.v1.capsules_loaded",
    "astrid.v1.watchdog.tick",
    "astrid.v1.event_bus.lagged",
];

/// Topics reserved with everything below them.
const SUBTREES: [&str; 4] =
    ["astrid.v1.lifecycle", "astrid.process.v1", "astrid.v1.delivery.failure", "astrid.v1.response.failure"];

/// The contract's reserved topics, and what a kernel adds for services of its own.
#[derive(Debug, Clone, Default)]
pub struct ReservedTopics {
    more: Vec<String>,
}

impl ReservedTopics {
    /// The contract's list alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reserves `root` and everything below it too.
    #[must_use]
    pub fn and(mut self, root: &Topic) -> Self {
        self.more.push(root.as_str().to_owned());
        self
    }

    /// Whether guests may not publish on `topic`.
    #[must_use]
    pub fn hold(&self, topic: &Topic) -> bool {
        EXACT.contains(&topic.as_str())
            || SUBTREES.iter().any(|root| topic.is_within(root))
            || self.more.iter().any(|root| topic.is_within(root))
    }
}
