//! The manifest's lists as a policy.

use astrid_event_bus::{AccessPattern, Charset, InvalidTopic};
use astrid_host_context::{CapsuleSecurityGate, Denial, Request, Target};

use crate::op_table::{MAY_PUBLISH, MAY_PUBLISH_AS, MAY_SUBSCRIBE};

/// What one capsule's manifest lets it publish and subscribe to. Empty lists deny everything.
///
/// A kernel's gate asks it for the requests of this domain; alone it is a whole gate that denies all
/// other domains.
#[derive(Debug, Clone, Default)]
pub struct AccessLists {
    publish: Vec<AccessPattern>,
    subscribe: Vec<AccessPattern>,
    uplink: bool,
}

impl AccessLists {
    /// Parses the keys of `[publish]` and `[subscribe]`.
    ///
    /// # Errors
    /// [`InvalidTopic`] for the first malformed key; the capsule must not load.
    pub fn parse<'a>(
        publish: impl IntoIterator<Item = &'a str>,
        subscribe: impl IntoIterator<Item = &'a str>,
        charset: Charset,
    ) -> Result<Self, InvalidTopic> {
        let parse = |key| AccessPattern::parse(key, charset);
        Ok(Self {
            publish: publish.into_iter().map(parse).collect::<Result<_, _>>()?,
            subscribe: subscribe.into_iter().map(parse).collect::<Result<_, _>>()?,
            uplink: false,
        })
    }

    /// `[capabilities] uplink = true`.
    #[must_use]
    pub fn uplink(mut self) -> Self {
        self.uplink = true;
        self
    }

    /// Decides a request of this domain.
    ///
    /// # Errors
    /// A [`Denial`] that names the manifest table, also for any other domain's action.
    pub fn decide(&self, request: &Request<'_>) -> Result<(), Denial> {
        let text = match request.target {
            Target::Topic(text) => text,
            _ => "",
        };
        let covered = |keys: &[AccessPattern]| keys.iter().any(|key| key.covers(text));
        let (allowed, setting, keys) = match request.action {
            MAY_PUBLISH => (covered(&self.publish), "[publish]", &self.publish[..]),
            MAY_SUBSCRIBE => (covered(&self.subscribe), "[subscribe]", &self.subscribe[..]),
            MAY_PUBLISH_AS => (self.uplink, "[capabilities] uplink", &[][..]),
            other => {
                return Err(Denial::new(format!("access lists know no {} {}", other.domain, other.verb)));
            }
        };
        if allowed {
            return Ok(());
        }
        let capsule = request.capsule;
        let verb = request.action.verb;
        let declared = match keys {
            [] => format!("no {verb} patterns"),
            keys => keys.iter().map(AccessPattern::as_str).collect::<Vec<_>>().join(", "),
        };
        let reason = format!("capsule {capsule} declares no {verb} of {text:?}; declared: {declared}");
        Err(Denial::new(reason).allowed_by(setting))
    }
}

impl CapsuleSecurityGate for AccessLists {
    fn check(&self, request: &Request<'_>) -> Result<(), Denial> {
        self.decide(request)
    }
}
