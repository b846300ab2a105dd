//! The host's own events: what happened to agents, sessions, tools and capsules.

use std::time::SystemTime;

use astrid_host_context::{Attribution, Principal, Provenance, Uuid};
use serde_json::{Map, Value};

use crate::{Draft, InvalidPayload, InvalidTopic, Payload, Topic};

/// Every event a host may announce, each on `astrid.v1.lifecycle.<name>`.
pub const LIFECYCLE_EVENTS: [&str; 56] = [
    "runtime_started",
    "runtime_stopped",
    "agent_started",
    "agent_stopped",
    "session_created",
    "session_ended",
    "session_resumed",
    "prompt_building",
    "message_sending",
    "context_compaction_started",
    "context_compaction_completed",
    "session_resetting",
    "model_resolving",
    "agent_loop_completed",
    "tool_result_persisting",
    "message_received",
    "message_sent",
    "message_processed",
    "llm_request_started",
    "llm_request_completed",
    "llm_stream_started",
    "llm_stream_chunk",
    "llm_stream_completed",
    "tool_call_started",
    "tool_call_completed",
    "tool_call_failed",
    "mcp_server_connected",
    "mcp_server_disconnected",
    "mcp_tool_called",
    "mcp_tool_completed",
    "sub_agent_spawned",
    "sub_agent_progress",
    "sub_agent_completed",
    "sub_agent_failed",
    "sub_agent_cancelled",
    "capsule_loaded",
    "capsule_failed",
    "capsule_unloaded",
    "capability_granted",
    "capability_revoked",
    "capability_checked",
    "authorization_denied",
    "security_violation",
    "approval_requested",
    "approval_granted",
    "approval_denied",
    "budget_allocated",
    "budget_warning",
    "budget_exceeded",
    "kernel_started",
    "kernel_shutdown",
    "config_reloaded",
    "config_changed",
    "health_check_completed",
    "audit_entry_created",
    "error_occurred",
];

/// Why an event cannot be announced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    /// No event of that name.
    #[error("lifecycle event {0:?} does not exist; allowed: the names of LIFECYCLE_EVENTS")]
    Name(String),
    /// Its name makes no topic.
    #[error(transparent)]
    Topic(#[from] InvalidTopic),
    /// Its fields make no payload.
    #[error(transparent)]
    Payload(#[from] InvalidPayload),
}

/// An event of the host, as handlers get it:
/// `{"type": name, "metadata": {event_id, timestamp, …}, …fields}`.
#[derive(Debug, Clone)]
pub struct LifecycleEvent {
    name: &'static str,
    correlation_id: Option<Uuid>,
    session_id: Option<String>,
    acting: Option<Principal>,
    source: String,
    fields: Map<String, Value>,
}

impl LifecycleEvent {
    /// An event that nobody in particular caused: handlers run as their capsules' owners.
    ///
    /// # Errors
    /// [`InvalidEvent::Name`] unless it is one of [`LIFECYCLE_EVENTS`].
    pub fn new(name: &str) -> Result<Self, InvalidEvent> {
        let known = LIFECYCLE_EVENTS.into_iter().find(|known| *known == name);
        Ok(Self {
            name: known.ok_or_else(|| InvalidEvent::Name(name.to_owned()))?,
            correlation_id: None,
            session_id: None,
            acting: None,
            source: "kernel".to_owned(),
            fields: Map::new(),
        })
    }

    /// The principal whose doing it is; handlers run for it.
    #[must_use]
    pub fn acting(mut self, principal: Principal) -> Self {
        self.acting = Some(principal);
        self
    }

    /// Ties events of one undertaking together.
    #[must_use]
    pub fn correlated(mut self, id: Uuid) -> Self {
        self.correlation_id = Some(id);
        self
    }

    /// The session it belongs to.
    #[must_use]
    pub fn session(mut self, id: impl Into<String>) -> Self {
        self.session_id = Some(id.into());
        self
    }

    /// A field beside `type` and `metadata`, which keep their own values whatever is given here.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// The publication, for [`crate::Bus::announce`].
    ///
    /// # Errors
    /// The fields make a payload that is too large or nested too deep.
    pub fn into_draft(self) -> Result<Draft, InvalidEvent> {
        let mut json = self.fields;
        json.insert("type".to_owned(), self.name.into());
        json.insert(
            "metadata".to_owned(),
            serde_json::json!({
                "event_id": uuid::Uuid::new_v4().to_string(),
                "timestamp": rfc3339(SystemTime::now()),
                "correlation_id": self.correlation_id.map(|id| id.to_string()),
                "session_id": self.session_id,
                "user_id": self.acting.as_ref().map(Principal::as_str),
                "source": self.source,
            }),
        );
        let topic = Topic::host(&format!("astrid.v1.lifecycle.{}", self.name))?;
        let payload = Payload::parse(Value::Object(json).to_string())?;
        let by = self.acting.map_or(Attribution::System, Attribution::Verified);
        Ok(Draft::new(topic, payload, Provenance::of(by)))
    }
}

fn rfc3339(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).map(|at| at.to_string()).unwrap_or_default()
}
