//! What a handler's answer means for the chain it stands in.

use serde_core::de::IgnoredAny;

use crate::CapsuleResult;

/// Longest `action` in bytes, from the guest chapter §2.3; longer is no word the host could know.
pub const MAX_ACTION: usize = 64;
/// Longest `data` in bytes, from the guest chapter §2.3: the largest message the bus carries.
pub const MAX_DATA: usize = 10 * 1024 * 1024;
/// Longest reason of a deny in characters, from the guest chapter §2.3; the rest is cut.
pub const MAX_REASON: usize = 1024;

/// What the topic of the event says about its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadKind {
    /// A replacement must be JSON.
    Json,
    /// A replacement is passed on as it is.
    Opaque,
}

/// The effect of one handler on its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookOutcome {
    /// The next handler runs.
    Continue {
        /// What it and the rest of the chain get instead of the payload; never empty.
        replacement: Option<String>,
    },
    /// The chain stops with success.
    Final {
        /// For a caller that collects a response.
        response: Option<String>,
    },
    /// The chain stops, refused.
    Deny {
        /// One printable line of at most [`MAX_REASON`] characters.
        reason: String,
    },
    /// A word the host does not know: goes on like [`HookOutcome::Continue`] without replacement, and
    /// deserves one warning per capsule and word.
    Unknown {
        /// The word as one printable line.
        action: String,
    },
}

impl HookOutcome {
    /// Maps an answer. Words are compared exactly, upper and lower case included; both size limits
    /// come first, whatever the word.
    #[must_use]
    pub fn from_result(result: CapsuleResult, payload: PayloadKind) -> Self {
        let CapsuleResult { action, data } = result;
        if action.len() > MAX_ACTION || data.as_ref().is_some_and(|data| data.len() > MAX_DATA) {
            return Self::deny("oversized result");
        }
        match action.as_str() {
            "continue" | "modify" => {
                let replacement = data.filter(|data| !data.is_empty());
                let fits = |data: &String| {
                    payload == PayloadKind::Opaque || serde_json::from_str::<IgnoredAny>(data).is_ok()
                };
                if replacement.as_ref().is_none_or(fits) {
                    Self::Continue { replacement }
                } else {
                    Self::deny("invalid replacement payload")
                }
            }
            "final" => Self::Final { response: data },
            "deny" | "abort" => Self::deny(
                data.as_deref().filter(|reason| !reason.is_empty()).unwrap_or("denied by interceptor"),
            ),
            other => Self::Unknown { action: printable(other) },
        }
    }

    /// A refusal for `reason`, which may come from a guest or from the host itself (a trap, a deadline).
    #[must_use]
    pub fn deny(reason: &str) -> Self {
        Self::Deny { reason: printable(reason) }
    }

    /// Whether the chain goes on.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        matches!(self, Self::Continue { .. } | Self::Unknown { .. })
    }
}

/// Guests' words end up in logs and terminals, so they may neither break a line nor steer a terminal.
fn printable(text: &str) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().take(MAX_REASON).map(|c| if breaks(c) { ' ' } else { c }).collect()
}
