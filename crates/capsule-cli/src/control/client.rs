//! The side of the commands that ask a running process.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tokio::net::UnixStream;

use super::frame::{Frames, frames, receive, send};
use super::protocol::{Reply, Request};
use crate::error::CliError;

/// A connection to a run.
pub(crate) struct Client {
    frames: Frames,
    path: PathBuf,
}

impl Client {
    /// Connects to the run that listens at `path`.
    pub(crate) async fn connect(path: &Path) -> Result<Self, CliError> {
        let nobody = || {
            CliError::at(path, "nobody listens here")
                .allowed("the socket of a `capsule run --listen`, found by --home or named by --socket")
        };
        Self::connect_if_any(path).await?.ok_or_else(nobody)
    }

    /// Connects to the run that listens at `path`, if one does.
    pub(crate) async fn connect_if_any(path: &Path) -> Result<Option<Self>, CliError> {
        match UnixStream::connect(path).await {
            Ok(stream) => Ok(Some(Self { frames: frames(stream), path: path.to_owned() })),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                Ok(None)
            }
            Err(error) => Err(CliError::at(path, error)),
        }
    }

    /// Asks, and waits for the reply. What the run refuses is an error.
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<Reply, CliError> {
        send(&mut self.frames, request).await.map_err(|error| self.failed(&error))?;
        self.next().await
    }

    /// The next reply.
    pub(crate) async fn next(&mut self) -> Result<Reply, CliError> {
        match receive(&mut self.frames).await {
            Ok(Some(Reply::Refused { reason })) => Err(CliError::new(reason)),
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(CliError::at(&self.path, "the run has ended")),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// A reply that does not belong to what was asked: the two programs are of different versions.
    pub(crate) fn unexpected(&self, reply: &Reply) -> CliError {
        let reply = serde_json::to_string(reply).unwrap_or_default();
        CliError::at(&self.path, format!("an unexpected reply, {reply}"))
            .allowed("a run of this version of capsule")
    }

    fn failed(&self, error: &io::Error) -> CliError {
        CliError::at(&self.path, error)
    }
}
