//! One connection: requests and their replies, in order.

use std::io;
use std::sync::Arc;

use astrid_capsule::{Runtime, State};
use astrid_event_bus::{AccessPattern, Charset, Missed};
use futures_util::StreamExt;
use tokio::net::UnixStream;

use super::figures;
use super::frame::{Frames, frames, receive, send};
use super::protocol::{Reply, Request, Row};
use crate::records;
use crate::run::message;

/// Messages that may come while one is sent; the client hears how many it lost beyond.
const BACKLOG: usize = 65_536;

pub(super) struct Session {
    frames: Frames,
    runtime: Runtime,
    principal: Arc<str>,
}

impl Session {
    pub(super) fn new(stream: UnixStream, runtime: Runtime, principal: Arc<str>) -> Self {
        Self { frames: frames(stream), runtime, principal }
    }

    /// Until the client closes, or says something that is no request.
    pub(super) async fn run(mut self) {
        if let Err(error) = self.answer_all().await {
            tracing::debug!(%error, "a control connection ended");
            // The peer may be what failed; there is nobody else to tell.
            let _ = send(&mut self.frames, &Reply::Refused { reason: error.to_string() }).await;
        }
    }

    async fn answer_all(&mut self) -> io::Result<()> {
        while let Some(request) = receive(&mut self.frames).await? {
            let reply = match request {
                Request::Ps {} => Reply::Capsules { capsules: self.capsules() },
                Request::Net {} => Reply::Network { figures: figures::json(&self.runtime.network_figures()) },
                Request::Publish { topic, payload, principal } => {
                    self.publish(&topic, &payload, principal.as_deref()).await
                }
                request @ (Request::Users {}
                | Request::AddUser { .. }
                | Request::DeleteUser { .. }
                | Request::Allowances {}
                | Request::Revoke { .. }) => records::answer(&self.runtime, &request).await,
                Request::Tail { pattern } => match AccessPattern::parse(&pattern, Charset::Token) {
                    Ok(pattern) => return self.tail(pattern).await,
                    Err(error) => Reply::Refused { reason: error.to_string() },
                },
            };
            send(&mut self.frames, &reply).await?;
        }
        Ok(())
    }

    fn capsules(&self) -> Vec<Row> {
        let row = |capsule: &astrid_capsule::SharedCapsule| {
            let (state, reason) = match capsule.state() {
                State::Failed(reason) => ("failed".to_owned(), Some(reason)),
                State::Degraded(reason) => ("degraded".to_owned(), Some(reason)),
                state => (format!("{state:?}").to_lowercase(), None),
            };
            Row {
                capsule: capsule.id().to_owned(),
                version: capsule.manifest().package.version.to_string(),
                state,
                reason,
                handlers: capsule.bindings().len(),
                source: capsule.source_uuid().to_string(),
            }
        };
        self.runtime.capsules().iter().map(row).collect()
    }

    async fn publish(&self, topic: &str, payload: &serde_json::Value, principal: Option<&str>) -> Reply {
        let principal = principal.unwrap_or(&self.principal);
        match self.runtime.publish(topic, payload.to_string(), Some(principal)).await {
            Ok(report) => Reply::Published { receivers: report.delivered + report.handed_over },
            Err(error) => Reply::Refused { reason: error.to_string() },
        }
    }

    async fn tail(&mut self, pattern: AccessPattern) -> io::Result<()> {
        let mut observer = self.runtime.bus().observe_with_capacity(pattern, BACKLOG);
        send(&mut self.frames, &Reply::Tailing).await?;
        loop {
            let reply = tokio::select! {
                seen = observer.recv() => match seen {
                    Ok(seen) => Reply::Message { message: message::json(&seen, &self.runtime) },
                    Err(Missed::Lagged(count)) => Reply::Lost { count },
                    Err(Missed::Closed) => return Ok(()),
                },
                said = self.frames.next() => match said {
                    None => return Ok(()),
                    Some(Err(error)) => return Err(error),
                    Some(Ok(_)) => Reply::Refused { reason: "this connection is a tail; ask on another one".to_owned() },
                },
            };
            send(&mut self.frames, &reply).await?;
        }
    }
}
