//! Whose messages a route takes. Decided when it is made, enforced before a byte is queued, silent.

use astrid_host_context::{Attribution, CapsuleId, Principal};

use crate::{Draft, Topic};

/// The topic whose entries belong to their principals alone.
pub const AUDIT_TOPIC: &str = "astrid.v1.audit.entry";

/// Roots of the replies to the host's own prompts: no guest route gets them, however broad its pattern.
pub const HOST_ONLY_REPLIES: [&str; 2] = ["astrid.v1.approval.response", "astrid.v1.elicit.response"];

/// Whose messages a route takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Made inside a handler: exactly the invocation's principal, no host events, no peers.
    Exactly {
        /// The invocation's effective principal.
        principal: Option<Principal>,
        /// The name claimed by the message being served, which tells unproven claimants apart: they
        /// are all the same anonymous principal.
        claim: Option<Principal>,
    },
    /// Made by the run loop of a runtime that a principal owns: the owner and the host. A claim of
    /// the owner's name gets in, and is delivered as a claim.
    Owner(Option<Principal>),
    /// Made by the run loop of a runtime the operator approved for all.
    Everyone,
}

/// Who made a route, and whose messages that entitles it to.
#[derive(Debug, Clone)]
pub struct Audience {
    /// The capsule that subscribed.
    pub capsule: CapsuleId,
    /// The runtime's owner.
    pub owner: Option<Principal>,
    /// Whose messages it takes.
    pub admission: Admission,
    /// The owner holds `audit:read_all`.
    pub reads_all_audit: bool,
}

impl Audience {
    /// Whether a message reaches this audience.
    #[must_use]
    pub fn admits(&self, message: &Draft) -> bool {
        if !message.is_for_guests() || is_host_only(message.topic()) {
            return false;
        }
        if let Some(capsule) = message.private_capsule() {
            return *capsule == self.capsule && self.admits_private(message);
        }
        if message.topic().as_str() == AUDIT_TOPIC {
            return self.admits_audit(message);
        }
        self.admits_identity(message)
    }

    fn admits_identity(&self, message: &Draft) -> bool {
        match &self.admission {
            Admission::Exactly { principal, claim } => match (principal, message.authority()) {
                (Some(own), Some(theirs)) if own == theirs => {
                    !own.is_anonymous() || *claim == message.provenance().attribution.principal().cloned()
                }
                _ => false,
            },
            Admission::Owner(owner) => match &message.provenance().attribution {
                Attribution::System => true,
                Attribution::Verified(p) | Attribution::Claimed(p) => Some(p) == owner.as_ref(),
            },
            Admission::Everyone => true,
        }
    }

    /// A notice meant for one capsule is also meant for one principal, so being the host's is not enough.
    fn admits_private(&self, message: &Draft) -> bool {
        let host = message.provenance().attribution == Attribution::System;
        self.admits_identity(message) && !(host && matches!(self.admission, Admission::Owner(_)))
    }

    fn admits_audit(&self, message: &Draft) -> bool {
        let about = message.provenance().attribution.principal();
        match &self.admission {
            Admission::Exactly { .. } => self.admits_identity(message),
            Admission::Owner(_) | Admission::Everyone => {
                self.reads_all_audit || (about.is_some() && about == self.owner.as_ref())
            }
        }
    }
}

/// True for topics that only the host may hear.
#[must_use]
pub(crate) fn is_host_only(topic: &Topic) -> bool {
    HOST_ONLY_REPLIES.iter().any(|root| topic.is_within(root))
}
