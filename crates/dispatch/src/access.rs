//! Who may invoke what users invoke: tools and commands.

use astrid_event_bus::Topic;
use astrid_host_context::{CapsuleId, Principal};

use crate::target::BoxFuture;

/// How long a grant was meant to last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// Until the host stops.
    Session,
    /// Until it is taken back.
    Always,
}

/// The principals' lists of capsules. An implementation does no I/O in [`Access::may_invoke`].
pub trait Access: Send + Sync {
    /// Whether `principal` may invoke the tools and commands of `capsule`. Never asked for nobody or
    /// the anonymous, who may not; false for unknown and disabled principals.
    fn may_invoke(&self, principal: &Principal, capsule: &CapsuleId) -> bool;

    /// Remembers a grant the principal's own front end gave; false if it could not be kept. May wait for
    /// a disk, but not on a runtime worker.
    fn grant<'a>(
        &'a self,
        principal: &'a Principal,
        capsule: &'a CapsuleId,
        how_long: Grant,
    ) -> BoxFuture<'a, bool>;
}

/// Every principal may invoke everything: for kernels without profiles.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAccess;

impl Access for OpenAccess {
    fn may_invoke(&self, _: &Principal, _: &CapsuleId) -> bool {
        true
    }

    fn grant<'a>(&'a self, _: &'a Principal, _: &'a CapsuleId, _: Grant) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(true))
    }
}

/// A part of what is gated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    /// A tool or command is invoked: a missing grant is asked for.
    Invocation,
    /// Tools are listed: who may not invoke a capsule's is not shown them, and nobody is asked.
    Listing,
}

/// Which part a topic belongs to, if any.
pub(crate) fn surface(topic: &Topic) -> Option<Surface> {
    let topic = topic.as_str();
    let single = |rest: &str| !rest.contains('.');
    if let Some(tool) = topic.strip_prefix("tool.v1.execute.") {
        return (single(tool) && tool != "result").then_some(Surface::Invocation);
    }
    if let Some(command) = topic.strip_prefix("cli.v1.command.run.") {
        return single(command).then_some(Surface::Invocation);
    }
    (topic == "tool.v1.request.describe").then_some(Surface::Listing)
}

/// The gate itself.
pub(crate) fn admits(
    access: &dyn Access,
    topic: &Topic,
    who: Option<&Principal>,
    capsule: &CapsuleId,
) -> bool {
    surface(topic).is_none() || who.is_some_and(|who| !who.is_anonymous() && access.may_invoke(who, capsule))
}

#[cfg(test)]
mod tests {
    use super::*;

    // dispatch case 23
    #[test]
    fn only_invocations_and_listings_are_gated() {
        for (topic, expected) in [
            ("tool.v1.execute.grep", Some(Surface::Invocation)),
            ("cli.v1.command.run.git", Some(Surface::Invocation)),
            ("tool.v1.request.describe", Some(Surface::Listing)),
            ("tool.v1.execute.result", None),
            ("tool.v1.execute.grep.result", None),
            ("tool.v1.execute", None),
            ("tool.v1.request.execute", None),
            ("cli.v1.command.result.7", None),
            ("cli.v1.command.execute", None),
            ("astrid.v1.lifecycle.tool_call_started", None),
        ] {
            assert_eq!(surface(&Topic::host(topic).unwrap()), expected, "{topic}");
        }
    }
}
