//! The tools a capsule says it has.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Capsule, Code, HandlerResult};

/// The question.
pub(crate) const DESCRIBE: &str = "tool_describe";
/// What the SDK of a guest without tools answers.
const UNKNOWN: &str = "unknown hook action: tool_describe";
/// A description is a constant of the guest; one that takes longer is not worth holding up a boot.
const PATIENCE: Duration = Duration::from_secs(5);

/// A tool, as its capsule describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ToolDescriptor {
    /// What it is called by.
    pub name: String,
    /// What it does, for a language model.
    #[serde(default)]
    pub description: String,
    /// JSON schema of its arguments.
    #[serde(default)]
    pub input_schema: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Described {
    Wrapped { tools: Vec<ToolDescriptor> },
    Bare(Vec<ToolDescriptor>),
}

/// Asks a capsule. `None` if it cannot be asked, or did not answer in time.
pub(crate) async fn describe(capsule: &dyn Capsule) -> Option<Vec<ToolDescriptor>> {
    let id = capsule.id();
    let asked = capsule.invoke_interceptor(DESCRIBE, "{}".into(), None);
    let answer = match tokio::time::timeout(PATIENCE, asked).await {
        Err(_) => {
            tracing::warn!(capsule = id, "no answer to {DESCRIBE} within {} s", PATIENCE.as_secs());
            return None;
        }
        Ok(Err(error)) if error.code() == Code::NotSupported => return None,
        Ok(Err(error)) => {
            tracing::warn!(capsule = id, %error, "tools cannot be asked for");
            return None;
        }
        Ok(Ok(answer)) => answer,
    };
    let tools = read(id, answer);
    for tool in &tools {
        let topic = format!("tool.v1.execute.{}", tool.name);
        if !capsule.bindings().iter().any(|binding| binding.pattern.as_str() == topic) {
            tracing::warn!(capsule = id, tool = tool.name, "no binding {topic:?}: nobody can call the tool");
        }
    }
    Some(tools)
}

fn read(id: &str, answer: HandlerResult) -> Vec<ToolDescriptor> {
    let bytes = match answer {
        HandlerResult::Deny { reason } if reason == UNKNOWN => return Vec::new(),
        HandlerResult::Deny { reason } => {
            tracing::warn!(capsule = id, reason, "refused {DESCRIBE}");
            return Vec::new();
        }
        HandlerResult::Continue(bytes) | HandlerResult::Final(bytes) => bytes,
    };
    match serde_json::from_slice(&bytes) {
        Ok(Described::Wrapped { tools } | Described::Bare(tools)) => tools,
        Err(error) => {
            tracing::warn!(capsule = id, %error, "the answer to {DESCRIBE} lists no tools");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_wrapped_or_bare_and_everything_else_is_no_tools() {
        let names = |answer| -> Vec<String> { read("c", answer).into_iter().map(|tool| tool.name).collect() };
        let wrapped = r#"{"tools":[{"name":"a","description":"d","input_schema":{"type":"object"}}]}"#;
        assert_eq!(names(HandlerResult::Final(wrapped.into())), ["a"]);
        assert_eq!(names(HandlerResult::Continue(r#"[{"name":"b"}]"#.into())), ["b"]);
        assert!(names(HandlerResult::Final("7".into())).is_empty());
        assert!(names(HandlerResult::Continue("".into())).is_empty());
        assert!(names(HandlerResult::Deny { reason: UNKNOWN.to_owned() }).is_empty());
        assert!(names(HandlerResult::Deny { reason: "no".to_owned() }).is_empty());
    }
}
