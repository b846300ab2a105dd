//! Whose key is whose: what the handshake asks the kernel.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use astrid_host_context::Principal;
use ed25519_dalek::{Signature, VerifyingKey};

/// How a principal may prove itself, as its profile says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthProfile {
    /// The principal may be served at all.
    pub enabled: bool,
    /// The profile lists the method `keypair`.
    pub keypair: bool,
    /// Its registered keys, `ed25519:<64 hex>`. Others are skipped.
    pub keys: Vec<String>,
}

/// An [`AuthProfile`], as soon as it was read.
pub type ProfileFuture<'a> = Pin<Box<dyn Future<Output = Option<AuthProfile>> + Send + 'a>>;

/// Knows the principals' profiles. Asked once a claim, after the client signed and before its
/// signature is looked at. The future may be dropped at any time.
pub trait Keyring: Send + Sync {
    /// The profile in force now; `None` for an unknown principal and one whose profile cannot be read.
    fn profile<'a>(&'a self, principal: &'a Principal) -> ProfileFuture<'a>;
}

/// Knows nobody: every claim fails, and clients without a claim are served as before.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoKeys;

impl Keyring for NoKeys {
    fn profile<'a>(&'a self, _: &'a Principal) -> ProfileFuture<'a> {
        Box::pin(std::future::ready(None))
    }
}

/// One registered key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKey(VerifyingKey);

impl DeviceKey {
    /// Reads `ed25519:<64 hex>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.strip_prefix("ed25519:")?, &mut bytes).ok()?;
        VerifyingKey::from_bytes(&bytes).ok().map(Self)
    }

    /// A short name for the key, the same on every host: the first 16 hex digits of its BLAKE3 hash.
    #[must_use]
    pub fn id(&self) -> Arc<str> {
        let hash = blake3::hash(self.0.as_bytes());
        hex::encode(hash.as_bytes().iter().take(8).copied().collect::<Vec<u8>>()).into()
    }

    pub(crate) fn signed(&self, text: &str, signature: &str) -> bool {
        let mut bytes = [0; 64];
        hex::decode_to_slice(signature, &mut bytes).is_ok()
            && self.0.verify_strict(text.as_bytes(), &Signature::from_bytes(&bytes)).is_ok()
    }
}
