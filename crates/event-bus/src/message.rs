//! One publication, shared by everyone who gets it.

use std::sync::Arc;
use std::time::SystemTime;

use astrid_host_context::{Attribution, Caller, CapsuleId, Principal, Provenance, Trail, Uuid};
use tokio::time::Instant;

use crate::{Payload, Topic};

/// Which queue of a subscription a message waits in, and whose rate it is charged to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// The host's own messages.
    System,
    /// A principal's; of an unproven claim that of the relay, so that names cannot be minted.
    Of(Principal),
}

/// A publication before it has a place in the order. Everything in it comes from the host's own
/// records, never from a guest's argument, except topic and payload.
#[derive(Debug, Clone)]
pub struct Draft {
    topic: Topic,
    payload: Payload,
    provenance: Provenance,
    authority: Option<Principal>,
    lane: Lane,
    source: Uuid,
    trail: Trail,
    private_to: Option<CapsuleId>,
    observers_only: bool,
}

impl Draft {
    /// A publication on behalf of `provenance`. A claim starts without authority: it is handled as
    /// [`Principal::anonymous`] until [`Draft::delegated`] says otherwise.
    #[must_use]
    pub fn new(topic: Topic, payload: Payload, provenance: Provenance) -> Self {
        let authority = match &provenance.attribution {
            Attribution::Verified(p) => Some(p.clone()),
            Attribution::Claimed(_) => Some(Principal::anonymous()),
            Attribution::System => None,
        };
        let lane = authority.clone().map_or(Lane::System, Lane::Of);
        Self {
            topic,
            payload,
            provenance,
            authority,
            lane,
            source: Uuid::nil(),
            trail: Trail::default(),
            private_to: None,
            observers_only: false,
        }
    }

    /// A claim that an operator allowed this publisher to make: handled as the named principal.
    #[must_use]
    pub fn delegated(mut self) -> Self {
        self.authority = self.provenance.attribution.principal().cloned();
        self.lane = self.authority.clone().map_or(Lane::System, Lane::Of);
        self
    }

    /// Queues the message with `principal`'s instead of its own.
    #[must_use]
    pub fn charged_to(mut self, principal: Principal) -> Self {
        self.lane = Lane::Of(principal);
        self
    }

    /// The publishing capsule's session id; nil, the default, is the host.
    #[must_use]
    pub fn source(mut self, capsule: Uuid) -> Self {
        self.source = capsule;
        self
    }

    /// The loop guard the message carries on.
    #[must_use]
    pub fn trail(mut self, trail: Trail) -> Self {
        self.trail = trail;
        self
    }

    /// Only routes of this capsule, scoped to the same principal, get the message.
    #[must_use]
    pub fn private_to(mut self, capsule: CapsuleId) -> Self {
        self.private_to = Some(capsule);
        self
    }

    /// Only [`crate::Observer`]s, consumers of the host's own, get the message.
    #[must_use]
    pub fn observers_only(mut self) -> Self {
        self.observers_only = true;
        self
    }

    /// Where it goes.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Who is behind it.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Whose authority handlers get; `None` is the host's own message, handled as the runtime's owner.
    #[must_use]
    pub fn authority(&self) -> Option<&Principal> {
        self.authority.as_ref()
    }

    /// Which lane it is queued in.
    #[must_use]
    pub fn lane(&self) -> &Lane {
        &self.lane
    }

    /// The publishing capsule's session id, nil for the host.
    #[must_use]
    pub fn source_id(&self) -> Uuid {
        self.source
    }

    /// The capsule the message is private to, if any.
    #[must_use]
    pub fn private_capsule(&self) -> Option<&CapsuleId> {
        self.private_to.as_ref()
    }

    pub(crate) fn is_for_guests(&self) -> bool {
        !self.observers_only
    }

    pub(crate) fn into_message(self, seq: u64) -> Message {
        let size = self.payload.len() + self.topic.as_str().len();
        Message(Arc::new(Inner { draft: self, size, seq, created: Instant::now(), at: SystemTime::now() }))
    }
}

/// A publication with its place in the order. A clone is one reference count.
#[derive(Debug, Clone)]
pub struct Message(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    draft: Draft,
    size: usize,
    seq: u64,
    created: Instant,
    at: SystemTime,
}

impl Message {
    /// Where it goes.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.0.draft.topic
    }

    /// The JSON text.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        &self.0.draft.payload
    }

    /// Who is behind it.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.0.draft.provenance
    }

    /// Whose authority handlers get; `None` is the host's own message, handled as the runtime's owner.
    #[must_use]
    pub fn authority(&self) -> Option<&Principal> {
        self.0.draft.authority.as_ref()
    }

    /// Which lane it is queued in.
    #[must_use]
    pub fn lane(&self) -> &Lane {
        &self.0.draft.lane
    }

    /// The publishing capsule's session id, nil for the host.
    #[must_use]
    pub fn source(&self) -> Uuid {
        self.0.draft.source
    }

    /// The loop guard it carries.
    #[must_use]
    pub fn trail(&self) -> &Trail {
        &self.0.draft.trail
    }

    /// The capsule the message is private to, if any.
    #[must_use]
    pub fn private_capsule(&self) -> Option<&CapsuleId> {
        self.0.draft.private_to.as_ref()
    }

    /// Payload plus topic in bytes, what queues account it with.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.size
    }

    /// Its number on this bus, from 1.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.0.seq
    }

    /// When it was published, on tokio's clock.
    #[must_use]
    pub fn created(&self) -> Instant {
        self.0.created
    }

    /// The message as the record of an invocation of `capsule` that serves it: its trail is entered.
    #[must_use]
    pub fn caller_for(&self, capsule: Uuid) -> Caller {
        Caller {
            provenance: self.provenance().clone(),
            source: self.source(),
            at: self.0.at,
            trail: self.trail().entering(capsule),
        }
    }

    /// Whether both may share an envelope: one identity, one origin, one connection.
    pub(crate) fn same_context(&self, other: &Self) -> bool {
        self.authority() == other.authority() && self.provenance() == other.provenance()
    }
}
