//! The synchronous hook fan-out: one capsule asks all others that are bound to a topic, and waits.

use std::sync::Arc;
use std::time::SystemTime;

use astrid_event_bus::{Binding, Topic, WeakBus};
use astrid_host_context::{Attribution, Caller, Principal, Provenance, Trail, Uuid};
use bytes::Bytes;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::core::Core;
use crate::limits::{MAX_HOOK_DEPTH, MAX_HOOK_TARGETS, MAX_HOOK_WAIT};
use crate::member::Member;
use crate::target::{Answer, Call};

tokio::task_local! {
    /// How many hooks deep the running handler is.
    static DEPTH: u8;
}

/// Triggers hooks. A clone is the same service.
#[derive(Debug, Clone)]
pub struct HookService {
    core: Arc<Core>,
    bus: WeakBus,
}

/// Why nobody was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookError {
    /// The hook's name is no topic.
    InvalidTopic,
    /// The caller's manifest does not let it publish on the topic, or it is not loaded.
    NotAllowed,
    /// Hooks trigger hooks that trigger hooks.
    TooDeep,
}

impl std::fmt::Display for HookError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::InvalidTopic => "hook name is not a topic",
            Self::NotAllowed => "hook is not among what the capsule may publish",
            Self::TooDeep => "hook depth exceeded",
        })
    }
}

impl std::error::Error for HookError {}

impl HookService {
    pub(crate) fn new(core: Arc<Core>, bus: WeakBus) -> Self {
        Self { core, bus }
    }

    /// Asks every other capsule with a handler bound to `hook`, all at once and as
    /// `caller_principal`, past the queues but under the permits, and waits for them until `deadline`,
    /// for at most [`MAX_HOOK_WAIT`]. Returns what they answered, in the order of priority and
    /// capsule. Refusals, failures, late ones and answers that are no JSON are left out.
    ///
    /// # Errors
    /// [`HookError`], and nobody was asked.
    pub async fn trigger(
        &self,
        caller_capsule: Uuid,
        caller_principal: Option<&Principal>,
        hook: &str,
        payload: &Value,
        deadline: Option<Instant>,
    ) -> Result<Vec<Value>, HookError> {
        let topic = Topic::host(hook).map_err(|_| HookError::InvalidTopic)?;
        let caller = self.core.member(caller_capsule).ok_or(HookError::NotAllowed)?;
        if !caller.target.may_publish(&topic) {
            return Err(HookError::NotAllowed);
        }
        let depth = DEPTH.try_with(|depth| *depth).unwrap_or(0);
        if depth >= MAX_HOOK_DEPTH {
            return Err(HookError::TooDeep);
        }
        let latest = Instant::now() + MAX_HOOK_WAIT;
        let until = deadline.map_or(latest, |at| at.min(latest));
        let targets = self.targets(&topic, caller_capsule);
        let as_caller = served(caller_capsule, caller_principal);
        let payload = Bytes::from(payload.to_string());
        let mut answers: Vec<Option<Value>> = std::iter::repeat_n(None, targets.len()).collect();
        let mut calls = JoinSet::new();
        for (place, (binding, member)) in targets.into_iter().enumerate() {
            let call = Call {
                action: binding.action.clone(),
                payload: payload.clone(),
                caller: Caller { trail: as_caller.trail.entering(member.uuid), ..as_caller.clone() },
                authority: caller_principal.cloned(),
            };
            let core = self.core.clone();
            let ask = async move { (place, binding, core.perform(&member, call).await) };
            calls.spawn_on(DEPTH.scope(depth + 1, ask), &self.core.handle);
        }
        while let Ok(Some(done)) = tokio::time::timeout_at(until, calls.join_next()).await {
            let Ok((place, binding, answer)) = done else { continue };
            if let Some(slot) = answers.get_mut(place) {
                *slot = value(&topic, &binding, answer);
            }
        }
        if !calls.is_empty() {
            tracing::warn!(target: "astrid.dispatch", hook, late = calls.len(), "hook handlers were too late");
        }
        // Those that are late end with the set.
        Ok(answers.into_iter().flatten().collect())
    }

    fn targets(&self, topic: &Topic, caller: Uuid) -> Vec<(Arc<Binding>, Arc<Member>)> {
        let bound = self.bus.upgrade().map(|bus| bus.handlers_of(topic)).unwrap_or_default();
        let others = bound.into_iter().filter(|binding| binding.capsule_uuid != caller);
        let mut targets: Vec<_> = others
            .filter_map(|binding| self.core.member(binding.capsule_uuid).map(|member| (binding, member)))
            .collect();
        if targets.len() > MAX_HOOK_TARGETS {
            tracing::warn!(
                target: "astrid.dispatch",
                hook = topic.as_str(),
                targets = targets.len(),
                "a hook has more handlers than it may reach; allowed: {MAX_HOOK_TARGETS}"
            );
            targets.truncate(MAX_HOOK_TARGETS);
        }
        targets
    }
}

/// The caller as its handlers see it.
fn served(capsule: Uuid, principal: Option<&Principal>) -> Caller {
    let by = principal.cloned().map_or(Attribution::System, Attribution::Verified);
    Caller {
        provenance: Provenance::of(by),
        source: capsule,
        at: SystemTime::now(),
        trail: Trail::default().entering(capsule),
    }
}

fn value(topic: &Topic, binding: &Binding, answer: Answer) -> Option<Value> {
    let left_out = |why: &str| {
        tracing::warn!(
            target: "astrid.dispatch",
            hook = topic.as_str(),
            capsule = %binding.capsule,
            action = &*binding.action,
            why,
            "a hook handler's answer is left out"
        );
    };
    match answer {
        Answer::Continue(bytes) | Answer::Final(bytes) if bytes.is_empty() => None,
        Answer::Continue(bytes) | Answer::Final(bytes) => match serde_json::from_slice(&bytes) {
            Ok(value) => Some(value),
            Err(_) => {
                left_out("it is not JSON");
                None
            }
        },
        Answer::Deny(reason) | Answer::Skipped(reason) => {
            left_out(&crate::fate::sanitised(&reason));
            None
        }
    }
}
