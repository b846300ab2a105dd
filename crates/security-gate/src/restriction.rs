//! The lists of one profile.

use std::collections::HashMap;

use astrid_host_context::CapsuleId;

use crate::InvalidEntry;
use crate::commands::CommandRules;
use crate::net::WebRules;

/// What a profile restricts its principal to. The default restricts nothing.
#[derive(Debug, Clone, Default)]
pub struct Restriction {
    restricted: bool,
    egress: Option<Listed>,
    by_capsule: HashMap<CapsuleId, Listed>,
    commands: Option<(CommandRules, Vec<String>)>,
}

#[derive(Debug, Clone)]
struct Listed {
    rules: WebRules,
    entries: Vec<String>,
}

impl Listed {
    fn parse(setting: &str, entries: Vec<String>) -> Result<Self, InvalidEntry> {
        Ok(Self { rules: WebRules::parse(setting, entries.iter().map(String::as_str))?, entries })
    }
}

/// What decides which hosts a capsule may reach for a principal.
pub(crate) enum Egress<'a> {
    Unrestricted,
    Nothing,
    Listed { rules: &'a WebRules, entries: &'a [String] },
}

impl<'a> Egress<'a> {
    pub(crate) fn entries(&self) -> &'a [String] {
        match self {
            Self::Listed { entries, .. } => entries,
            Self::Unrestricted | Self::Nothing => &[],
        }
    }
}

impl Restriction {
    /// No network and no process: of a profile that cannot be read.
    #[must_use]
    pub fn floor() -> Self {
        Self::default().restricted()
    }

    /// The principal's only group is `restricted`: what no list names is denied, also where a list is unset.
    #[must_use]
    pub fn restricted(mut self) -> Self {
        self.restricted = true;
        self
    }

    /// `network.egress`: `host`, `host:port`, `host:*`, `*.host` or `*`, as in a manifest's `net`.
    ///
    /// # Errors
    /// The first entry that is none of these.
    pub fn egress(mut self, entries: Vec<String>) -> Result<Self, InvalidEntry> {
        self.egress = Some(Listed::parse("network.egress", entries)?);
        Ok(self)
    }

    /// `network.capsule_egress.{capsule}`, in the place of `network.egress` for that capsule.
    ///
    /// # Errors
    /// The first entry that is no pattern.
    pub fn capsule_egress(mut self, capsule: CapsuleId, entries: Vec<String>) -> Result<Self, InvalidEntry> {
        let listed = Listed::parse(&format!("network.capsule_egress.{capsule}"), entries)?;
        self.by_capsule.insert(capsule, listed);
        Ok(self)
    }

    /// `process.allow`, as a manifest's `host_process`; an empty list counts as unset.
    #[must_use]
    pub fn processes(mut self, entries: Vec<String>) -> Self {
        let rules = CommandRules::parse(entries.iter().map(String::as_str), |entry| {
            tracing::warn!(entry, "an entry of process.allow grants nothing");
        });
        self.commands = (!entries.is_empty()).then_some((rules, entries));
        self
    }

    /// No command at all, whatever the group: of a profile whose list is there and empty.
    #[must_use]
    pub fn no_processes(mut self) -> Self {
        self.commands = Some((CommandRules::default(), Vec::new()));
        self
    }

    pub(crate) fn egress_for(&self, capsule: &CapsuleId) -> Egress<'_> {
        match self.by_capsule.get(capsule).or(self.egress.as_ref()) {
            Some(Listed { rules, entries }) => Egress::Listed { rules, entries },
            None if self.restricted => Egress::Nothing,
            None => Egress::Unrestricted,
        }
    }

    pub(crate) fn may_run(&self, program: &str, args: &[String]) -> bool {
        match &self.commands {
            Some((rules, _)) => rules.cover(program, args),
            None => !self.restricted,
        }
    }

    pub(crate) fn commands(&self) -> &[String] {
        self.commands.as_ref().map_or(&[], |(_, entries)| entries)
    }
}
