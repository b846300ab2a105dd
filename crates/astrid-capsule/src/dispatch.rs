//! A loaded capsule as the dispatcher's target.

use std::sync::{Arc, Weak};

use astrid_dispatch::{Answer, BoxFuture, Call, Target, Views};
use astrid_event_bus::{AccessPattern, Charset, Topic};
use astrid_host_context::{CapsuleId, Principal};

use crate::capsule::SharedCapsule;
use crate::{Capsule, CapsuleError, Code, HandlerResult, Invoker};

/// Calls one generation of a capsule, without keeping it alive: the registry does.
pub(crate) struct CapsuleTarget {
    id: CapsuleId,
    owner: Principal,
    permits: usize,
    publishes: Vec<AccessPattern>,
    capsule: Weak<dyn Capsule>,
}

impl CapsuleTarget {
    pub(crate) fn new(
        capsule: &SharedCapsule,
        owner: &Principal,
        permits: usize,
    ) -> Result<Self, CapsuleError> {
        let manifest = capsule.manifest();
        let invalid = |error: &dyn std::fmt::Display| CapsuleError::new(Code::Manifest, error);
        let patterns = manifest.ipc_publish_patterns.iter();
        let publishes = patterns.map(|key| AccessPattern::parse(key.as_str(), Charset::Token));
        Ok(Self {
            id: CapsuleId::parse(capsule.id()).map_err(|e| invalid(&e))?,
            owner: owner.clone(),
            permits,
            publishes: publishes.collect::<Result<_, _>>().map_err(|e| invalid(&e))?,
            capsule: Arc::downgrade(capsule),
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

    fn permits(&self) -> usize {
        self.permits
    }

    fn handle(&self, call: Call) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let Some(capsule) = self.capsule.upgrade() else {
                return Answer::Skipped("capsule is gone".to_owned());
            };
            let Call { action, payload, caller, authority } = call;
            let invoker = Invoker { caller, authority };
            match capsule.invoke_interceptor(&action, payload, Some(invoker)).await {
                Ok(HandlerResult::Continue(bytes)) => Answer::Continue(bytes),
                Ok(HandlerResult::Final(bytes)) => Answer::Final(bytes),
                Ok(HandlerResult::Deny { reason }) => Answer::Deny(reason),
                Err(error) => Answer::Skipped(error.to_string()),
            }
        })
    }
}

/// All capsules of this host are the owner's.
pub(crate) struct OwnerView(pub(crate) Principal);

impl Views for OwnerView {
    fn principals(&self) -> Vec<Principal> {
        vec![self.0.clone()]
    }
}
