//! What a local client must say before a capsule sees it.

mod keys;
mod token;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use astrid_host_context::{Principal, Transport};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};

pub use keys::{AuthProfile, DeviceKey, Keyring, NoKeys, ProfileFuture};
pub use token::SessionToken;

use crate::peer::PeerIdentity;
use wire::{PROTOCOL, Request, Response};

/// The one answer to everything that proves nothing, so that nobody learns what was wrong.
const FAILED: &str = "authentication failed";
/// Characters of a client's version that reach a log.
const LOGGED: usize = 64;

/// Why a connection was dropped. For operators; the client is told less.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The client was silent, went away, or did not speak the protocol.
    #[error("the handshake broke off: {0}")]
    Broken(#[from] io::Error),
    /// Another protocol version.
    #[error("the client speaks protocol version {0}; this host speaks 1")]
    Version(u64),
    /// Not this start's token.
    #[error("wrong session token")]
    Token,
    /// The claimed name is no principal.
    #[error("the claimed principal is not a valid name")]
    Name,
    /// The claim was not proven.
    #[error("principal {0} was claimed and not proven")]
    Unproven(Principal),
}

impl HandshakeError {
    /// A short name for figures.
    fn class(&self) -> &'static str {
        match self {
            Self::Broken(_) => BROKEN_OFF,
            Self::Version(_) => "version",
            Self::Token => "token",
            Self::Name => "name",
            Self::Unproven(_) => "unproven",
        }
    }
}

/// Clients that were silent, went away, or made no sense, in [`SessionAuth::failures`].
pub(crate) const BROKEN_OFF: &str = "broken-off";
/// Clients of another user than the host's, in [`SessionAuth::failures`].
pub(crate) const OTHER_USER: &str = "other-user";

/// The host's side of the handshake: its token, and whose keys it knows.
pub struct SessionAuth {
    token: SessionToken,
    keyring: Arc<dyn Keyring>,
    server_version: String,
    failures: Mutex<BTreeMap<&'static str, u64>>,
}

impl SessionAuth {
    /// Accepts clients with `token`, and claims that `keyring` can prove.
    #[must_use]
    pub fn new(token: SessionToken, keyring: Arc<dyn Keyring>, server_version: impl Into<String>) -> Self {
        Self { token, keyring, server_version: server_version.into(), failures: Mutex::default() }
    }

    /// The token of this start.
    #[must_use]
    pub fn token(&self) -> &SessionToken {
        &self.token
    }

    /// How many local clients were turned away, by reason: `broken-off` (silent, gone, or no sense in
    /// what they said), `version`, `token`, `name`, `unproven`, `other-user`.
    #[must_use]
    pub fn failures(&self) -> Vec<(&'static str, u64)> {
        self.failures.lock().iter().map(|(reason, count)| (*reason, *count)).collect()
    }

    pub(crate) fn failed(&self, reason: &'static str) {
        *self.failures.lock().entry(reason).or_default() += 1;
    }

    /// Runs the handshake. Afterwards the stream carries application frames, and nothing of them was
    /// read. The identity is `None` for a client that claimed nobody.
    ///
    /// # Errors
    /// [`HandshakeError`]; the stream is then to be dropped. A failed claim is never served as
    /// somebody unproven.
    pub async fn handshake(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> Result<Option<PeerIdentity>, HandshakeError> {
        let outcome = self.converse(stream).await;
        outcome.inspect_err(|error| self.failed(error.class()))
    }

    async fn converse(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> Result<Option<PeerIdentity>, HandshakeError> {
        let request = wire::receive(stream).await?;
        let identity = match self.judge(stream, &request).await {
            Ok(identity) => identity,
            Err(HandshakeError::Broken(error)) => return Err(error.into()),
            Err(error) => {
                let reason = match &error {
                    HandshakeError::Version(_) => error.to_string(),
                    _ => FAILED.to_owned(),
                };
                wire::send(stream, &Response::error(&self.server_version, &reason)).await?;
                return Err(error);
            }
        };
        wire::send(stream, &Response::ok(&self.server_version)).await?;
        let client: String = request.client_version.chars().take(LOGGED).collect();
        tracing::debug!(client_version = client, proven = identity.is_some(), "local client connected");
        Ok(identity)
    }

    async fn judge(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        request: &Request,
    ) -> Result<Option<PeerIdentity>, HandshakeError> {
        // Before the token, so that an old client learns that it is old.
        if request.protocol_version != PROTOCOL {
            return Err(HandshakeError::Version(request.protocol_version));
        }
        if !self.token.matches(&request.token) {
            return Err(HandshakeError::Token);
        }
        match &request.claimed_principal {
            None => Ok(None),
            Some(name) => {
                let principal = Principal::parse(name).map_err(|_| HandshakeError::Name)?;
                self.prove(stream, principal).await.map(Some)
            }
        }
    }

    async fn prove(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        principal: Principal,
    ) -> Result<PeerIdentity, HandshakeError> {
        let challenge = token::random_hex()?;
        wire::send(stream, &Response::challenge(&self.server_version, &challenge)).await?;
        let answer = wire::receive(stream).await?;
        let text = format!("astrid-principal-auth:v1:{principal}:{challenge}");
        let profile = self.keyring.profile(&principal).await.filter(|p| p.enabled && p.keypair);
        let key = profile.zip(answer.signature).and_then(|(profile, signature)| {
            profile
                .keys
                .iter()
                .filter_map(|key| DeviceKey::parse(key))
                .find(|key| key.signed(&text, &signature))
        });
        match key {
            Some(key) if !principal.is_anonymous() => Ok(PeerIdentity {
                device_key: key.id(),
                owner: uuid::Uuid::new_v4().into(),
                transport: Transport::LocalSocket,
                principal,
            }),
            _ => Err(HandshakeError::Unproven(principal)),
        }
    }
}

impl std::fmt::Debug for SessionAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionAuth").field("server_version", &self.server_version).finish_non_exhaustive()
    }
}
