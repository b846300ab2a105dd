//! May this principal, through this capsule, do this to that? One question, one trait, for all domains.

use crate::{CapsuleId, Principal};

/// What is asked for: a domain's name and a verb of its own, such as `("fs", "read")`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Action {
    /// The WIT package, without `astrid:` and version.
    pub domain: &'static str,
    /// The verb, named by the domain crate.
    pub verb: &'static str,
}

impl Action {
    /// An action; domain crates declare theirs as constants.
    #[must_use]
    pub const fn new(domain: &'static str, verb: &'static str) -> Self {
        Self { domain, verb }
    }
}

/// What the action is done to. Domains pick the nearest shape; [`Target::Other`] keeps them from
/// ever having to edit this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target<'a> {
    /// The action says it all.
    None,
    /// A key of a store.
    Key(&'a str),
    /// A path in the capsule's own spelling (`home://…`, `cwd://…`).
    Path(&'a str),
    /// A network peer.
    Endpoint {
        /// Name or literal address as the guest gave it.
        host: &'a str,
        /// Port, 0 when not yet known.
        port: u16,
    },
    /// A program with its arguments.
    Command {
        /// The program, unresolved.
        program: &'a str,
        /// Its arguments.
        args: &'a [String],
    },
    /// A bus topic or pattern.
    Topic(&'a str),
    /// Another principal.
    Principal(&'a Principal),
    /// Anything else.
    Other {
        /// What sort of thing it is.
        kind: &'static str,
        /// Which one.
        name: &'a str,
    },
}

impl Target<'_> {
    /// The target as one line for operators and audit records. Never shown to guests.
    #[must_use]
    pub fn describe(&self) -> Option<String> {
        Some(match self {
            Self::None => return None,
            Self::Key(s) | Self::Path(s) | Self::Topic(s) => (*s).to_owned(),
            Self::Endpoint { host, port } => format!("{host}:{port}"),
            Self::Command { program, args: [] } => (*program).to_owned(),
            Self::Command { program, args } => format!("{program} {}", args.join(" ")),
            Self::Principal(p) => p.to_string(),
            Self::Other { kind, name } => format!("{kind}:{name}"),
        })
    }
}

/// One question to the gate.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The effective principal.
    pub principal: Option<&'a Principal>,
    /// The capsule that acts.
    pub capsule: &'a CapsuleId,
    /// What it wants to do.
    pub action: Action,
    /// To what.
    pub target: Target<'a>,
}

/// A refusal with what an operator needs to change their mind. Guests only ever see that they were denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Denial {
    /// What was refused and why, lower case, no full stop.
    pub reason: String,
    /// The manifest key or operator setting that would allow it.
    pub allowed_by: Option<String>,
}

impl Denial {
    /// A denial for this reason.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), allowed_by: None }
    }

    /// Names the setting that would allow it.
    #[must_use]
    pub fn allowed_by(mut self, setting: impl Into<String>) -> Self {
        self.allowed_by = Some(setting.into());
        self
    }
}

/// Decides what capsules may do.
///
/// There is no gate here that allows everything, so that none gets into a host by accident: whoever
/// wants one writes it, or tests with `astrid_host_testkit::AllowAll`.
///
/// ```compile_fail
/// use astrid_host_context::AllowAll;
/// ```
///
/// Called on the path of every gated host function, on a runtime worker: an implementation must not
/// wait or do I/O. Decisions that need a human belong to `astrid:approval`.
pub trait CapsuleSecurityGate: Send + Sync {
    /// Allows or denies one request.
    ///
    /// # Errors
    /// A [`Denial`], which reaches operators and the audit trail whole, and the guest as its
    /// package's denial arm alone.
    fn check(&self, request: &Request<'_>) -> Result<(), Denial>;
}

/// A function as a gate.
pub(crate) struct Rule<F>(pub(crate) F);

impl<F> CapsuleSecurityGate for Rule<F>
where
    F: Fn(&Request<'_>) -> Result<(), Denial> + Send + Sync,
{
    fn check(&self, request: &Request<'_>) -> Result<(), Denial> {
        (self.0)(request)
    }
}

/// Denies everything: the start of a kernel that has not decided yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct DenyAll;

impl CapsuleSecurityGate for DenyAll {
    fn check(&self, request: &Request<'_>) -> Result<(), Denial> {
        let Action { domain, verb } = request.action;
        Err(Denial::new(format!("this host allows no {domain} {verb}")))
    }
}
