//! The endpoints of outside platforms that loaded capsules registered.

use astrid_host_context::Uuid;
use astrid_host_uplink::{InboundRx, Platform, Profile};

use super::Runtime;

/// An endpoint as operators see it. It receives only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UplinkDescriptor {
    /// What its capsule knows it by.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// The outside platform.
    pub platform: Platform,
    /// What becomes of its messages.
    pub profile: Profile,
    /// Who registered it: `wasm:` and the capsule.
    pub source: String,
}

impl Runtime {
    /// The endpoints of all loaded capsules, declared ones and those registered since, by source and name.
    #[must_use]
    pub fn uplinks(&self) -> Vec<UplinkDescriptor> {
        let snapshot = self.0.registry.snapshot();
        let of_capsule = |capsule: &crate::SharedCapsule| {
            let source = format!("wasm:{}", capsule.id());
            let describe = move |endpoint: std::sync::Arc<astrid_host_uplink::Endpoint>| UplinkDescriptor {
                id: endpoint.id,
                name: endpoint.name.to_string(),
                platform: endpoint.platform.clone(),
                profile: endpoint.profile,
                source: source.clone(),
            };
            capsule.uplinks().into_iter().map(describe)
        };
        let mut all: Vec<_> = snapshot.all().iter().flat_map(|seen| of_capsule(&seen.capsule)).collect();
        all.sort_by(|a, b| (&a.source, &a.name).cmp(&(&b.source, &b.name)));
        all
    }

    /// What the uplinks of a capsule bring in, once per load, in a runtime that was built with
    /// [`crate::RuntimeBuilder::inbound_to_embedder`]. Ends when the capsule is unloaded.
    #[must_use]
    pub fn take_inbound(&self, id: &str) -> Option<InboundRx> {
        self.capsule(id)?.take_inbound_rx()
    }
}
