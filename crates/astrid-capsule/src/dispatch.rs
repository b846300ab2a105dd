//! A loaded capsule as the dispatcher's target.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use astrid_dispatch::{Answer, BoxFuture, Call, Target, Views};
use astrid_event_bus::{AccessPattern, Charset, Topic};
use astrid_host_context::{CapsuleId, Principal};

use crate::capsule::SharedCapsule;
use crate::outbound;
use crate::runtime::Inner;
use crate::runtime::registry::Registry;
use crate::{Capsule, CapsuleError, Code, HandlerResult, Invoker};

/// Calls one generation of a capsule, without keeping it alive: the registry does.
pub(crate) struct CapsuleTarget {
    id: CapsuleId,
    owner: Principal,
    permits: usize,
    publishes: Vec<AccessPattern>,
    /// Handlers that take answers out of the host.
    outbound: Vec<String>,
    capsule: Weak<dyn Capsule>,
    /// Who reaches which build, where several of one name are loaded.
    registry: Weak<Registry>,
}

impl CapsuleTarget {
    pub(crate) fn new(
        capsule: &SharedCapsule,
        owner: &Principal,
        runtime: &Inner,
    ) -> Result<Self, CapsuleError> {
        let manifest = capsule.manifest();
        let invalid = |error: &dyn std::fmt::Display| CapsuleError::new(Code::Manifest, error);
        let patterns = manifest.ipc_publish_patterns.iter();
        let publishes = patterns.map(|key| AccessPattern::parse(key.as_str(), Charset::Token));
        Ok(Self {
            id: CapsuleId::parse(capsule.id()).map_err(|e| invalid(&e))?,
            owner: owner.clone(),
            permits: runtime.config.dispatch_permits,
            publishes: publishes.collect::<Result<_, _>>().map_err(|e| invalid(&e))?,
            outbound: outbound::handlers(&**capsule),
            capsule: Arc::downgrade(capsule),
            registry: Arc::downgrade(&runtime.registry),
        })
    }
}

impl Target for CapsuleTarget {
    fn capsule(&self) -> &CapsuleId {
        &self.id
    }

    fn owner(&self) -> Option<&Principal> {
        Some(&self.owner)
    }

    fn may_publish(&self, topic: &Topic) -> bool {
        self.publishes.iter().any(|key| key.covers(topic.as_str()))
    }

    fn serves(&self, who: Option<&Principal>) -> bool {
        // The registry does not hold what lies unfinished, so nobody is kept from that.
        let uuid = self.capsule.upgrade().map(|capsule| capsule.source_uuid());
        match (self.registry.upgrade(), uuid) {
            (Some(registry), Some(uuid)) => registry.snapshot().sees(who, uuid),
            _ => false,
        }
    }

    fn permits(&self) -> usize {
        self.permits
    }

    fn handle(&self, call: Call) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let Some(capsule) = self.capsule.upgrade() else {
                return Answer::Skipped("capsule is gone".to_owned());
            };
            let Call { action, payload, caller, authority } = call;
            let invoker = Invoker { caller: Arc::new(caller), authority };
            if self.outbound.iter().any(|known| **known == *action) {
                outbound::note(&*capsule, &payload);
            }
            match capsule.invoke_interceptor(&action, payload, Some(&invoker)).await {
                Ok(HandlerResult::Continue(bytes)) => Answer::Continue(bytes),
                Ok(HandlerResult::Final(bytes)) => Answer::Final(bytes),
                Ok(HandlerResult::Deny { reason }) => Answer::Deny(reason),
                Err(error) => Answer::Skipped(error.to_string()),
            }
        })
    }
}

impl Views for Registry {
    fn principals(&self) -> Vec<Principal> {
        let snapshot = self.snapshot();
        let all: BTreeSet<&Principal> = snapshot.all().iter().flat_map(|seen| seen.view.iter()).collect();
        all.into_iter().cloned().collect()
    }
}
