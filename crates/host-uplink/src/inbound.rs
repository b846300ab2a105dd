//! An accepted message on its way to the bus.

use astrid_host_context::{Attribution, CapsuleId, Principal, Provenance, Uuid};
use serde_json::json;
use tokio::sync::mpsc;

use crate::{Name, Platform, PlatformUser, Profile};

/// Where accepted messages are published.
pub const PROMPT_TOPIC: &str = "user.v1.prompt";

/// Most accepted messages of a capsule that wait to be published. A bridge that outruns the host
/// hears of it after this many.
pub const QUEUE: usize = 128;

/// Longest published text: the bus takes no more. Only content that is nearly all control characters
/// grows so far when it is written as JSON.
pub const MAX_PAYLOAD: usize = 1_048_576;

/// One accepted message with everything the host knows about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// The capsule that brought it in.
    pub capsule: CapsuleId,
    /// That capsule's session id, the message's source.
    pub capsule_uuid: Uuid,
    /// The endpoint.
    pub uplink: Uuid,
    /// Its name.
    pub name: Name,
    /// Its platform.
    pub platform: Platform,
    /// What it is like.
    pub profile: Profile,
    /// The account that sent it.
    pub platform_user: PlatformUser,
    /// The principal that account is linked to, by the identity store alone.
    pub principal: Principal,
    /// The conversation, the same for one account and principal across restarts.
    pub session: String,
    /// The message as JSON text, ready to be published on [`PROMPT_TOPIC`].
    pub payload: String,
}

impl Inbound {
    /// Whom the message speaks for: a claim, since a capsule asserted the account; made inside the host,
    /// so that it never has a local operator's privileges; owned by a fresh conversation of its own.
    #[must_use]
    pub fn provenance(&self) -> Provenance {
        Provenance {
            request_owner: Some(uuid::Uuid::new_v4().into()),
            ..Provenance::of(Attribution::Claimed(self.principal.clone()))
        }
    }

    pub(crate) fn write_payload(&mut self, text: &str) {
        self.payload = json!({
            "type": "user_input",
            "text": text,
            "session_id": self.session,
            "context": {
                "uplink_id": self.uplink.to_string(),
                "uplink_name": self.name.as_str(),
                "platform": self.platform.as_str(),
                "platform_user_id": self.platform_user.as_str(),
                "profile": self.profile.as_str(),
                "capsule_id": self.capsule.as_str(),
            },
        })
        .to_string();
    }
}

/// The conversation of an account with a principal. Holds no account id in the clear.
#[must_use]
pub fn session_id(platform: &Platform, user: &PlatformUser, principal: &Principal) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [platform.as_str(), "\x1f", user.as_str(), "\x1f", principal.as_str()] {
        hasher.update(part.as_bytes());
    }
    let hash = hasher.finalize().to_hex();
    format!("uplink-{}", hash.as_str().get(..32).unwrap_or_default())
}

/// The kernel's end of a capsule's queue. Whoever takes the messages publishes them in order, and
/// drops this when the capsule unloads: what still waits is discarded, and nothing more is accepted.
#[derive(Debug)]
pub struct InboundRx(pub(crate) mpsc::Receiver<Inbound>);

impl InboundRx {
    /// The next message; `None` when the capsule's endpoints are gone.
    pub async fn recv(&mut self) -> Option<Inbound> {
        self.0.recv().await
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
