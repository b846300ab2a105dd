//! The two messages of the handshake and their frames. Existing clients speak this; it never changes.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// The version both sides must speak.
pub(crate) const PROTOCOL: u64 = 1;
/// The largest frame: a request of honest length is a tenth of it.
pub(crate) const MAX_HANDSHAKE_FRAME: usize = 4096;
/// One read or write.
const STEP_TIME: Duration = Duration::from_secs(5);

/// What a client says. Unknown members are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    #[serde(default)]
    pub(crate) token: String,
    pub(crate) protocol_version: u64,
    #[serde(default)]
    pub(crate) client_version: String,
    #[serde(default)]
    pub(crate) claimed_principal: Option<String>,
    #[serde(default)]
    pub(crate) signature: Option<String>,
}

/// What the host answers.
#[derive(Debug, Serialize)]
pub(crate) struct Response<'a> {
    status: &'static str,
    protocol_version: u64,
    server_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<&'a str>,
}

impl<'a> Response<'a> {
    pub(crate) fn ok(server_version: &'a str) -> Self {
        Self { status: "ok", protocol_version: PROTOCOL, server_version, reason: None, challenge: None }
    }

    pub(crate) fn challenge(server_version: &'a str, challenge: &'a str) -> Self {
        Self { challenge: Some(challenge), ..Self::ok(server_version) }
    }

    pub(crate) fn error(server_version: &'a str, reason: &'a str) -> Self {
        Self { status: "error", reason: Some(reason), ..Self::ok(server_version) }
    }
}

/// Reads one request and not a byte more: application frames follow on the same socket.
pub(crate) async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Request> {
    let read = async {
        let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
        if length > MAX_HANDSHAKE_FRAME {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "handshake frame too large"));
        }
        let mut frame = vec![0; length];
        stream.read_exact(&mut frame).await?;
        Ok(frame)
    };
    let frame = timeout(STEP_TIME, read).await.map_err(|_| io::ErrorKind::TimedOut)??;
    serde_json::from_slice(&frame).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Sends one response.
pub(crate) async fn send(stream: &mut (impl AsyncWrite + Unpin), response: &Response<'_>) -> io::Result<()> {
    let body = serde_json::to_vec(response).map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend(body);
    timeout(STEP_TIME, stream.write_all(&frame)).await.map_err(|_| io::ErrorKind::TimedOut)?
}
