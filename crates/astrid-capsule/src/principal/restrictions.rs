//! Profiles as the second gate sees them.

use std::collections::HashMap;
use std::sync::Arc;

use astrid_host_context::Principal;
use astrid_principals::{Principals, Profile, Restriction as Rule, SharedProfile};
use astrid_security_gate::{Restriction, Restrictions};
use parking_lot::Mutex;

/// Parsed restrictions kept at once; most principals have none and take no room.
const KEPT: usize = 4096;

/// What the profiles restrict, parsed once for each profile that is in force. A clone shares it.
#[derive(Clone)]
pub(crate) struct ProfileRestrictions(Arc<Shared>);

struct Shared {
    principals: Arc<Principals>,
    parsed: Mutex<HashMap<Principal, (SharedProfile, Arc<Restriction>)>>,
}

impl ProfileRestrictions {
    pub(crate) fn new(principals: Arc<Principals>) -> Self {
        Self(Arc::new(Shared { principals, parsed: Mutex::default() }))
    }
}

impl Restrictions for ProfileRestrictions {
    /// The call was admitted under its profile, so that the profile is remembered; one that was just
    /// replaced is read, since it may restrict more than the one before.
    fn of(&self, who: &Principal) -> Option<Arc<Restriction>> {
        let Shared { principals, parsed } = &*self.0;
        let Ok(found) = principals.profiles.current(who) else { return Some(Arc::new(Restriction::floor())) };
        let profile = found.profile;
        if !restricts(&profile) {
            return None;
        }
        let mut parsed = parsed.lock();
        if let Some((of, restriction)) = parsed.get(who)
            && Arc::ptr_eq(of, &profile)
        {
            return Some(restriction.clone());
        }
        let restriction = Arc::new(parse(who, &profile));
        if parsed.len() >= KEPT {
            parsed.clear();
        }
        parsed.insert(who.clone(), (profile, restriction.clone()));
        Some(restriction)
    }
}

fn restricts(profile: &Profile) -> bool {
    profile.is_restricted()
        || profile.egress.is_some()
        || profile.commands.is_some()
        || !profile.capsule_egress.is_empty()
}

/// A list that cannot be used leaves no network and no process: less than the operator meant, never more.
fn parse(who: &Principal, profile: &Profile) -> Restriction {
    lists(profile).unwrap_or_else(|problem| {
        tracing::warn!(
            target: "astrid.security",
            principal = who.as_str(),
            "a list of the profile cannot be used, so no host and no command is allowed: {problem}"
        );
        Restriction::floor()
    })
}

fn lists(profile: &Profile) -> Result<Restriction, astrid_security_gate::InvalidEntry> {
    let mut restriction = Restriction::default();
    if profile.is_restricted() {
        restriction = restriction.restricted();
    }
    if let Some(hosts) = &profile.egress {
        restriction = restriction.egress(hosts.clone())?;
    }
    for (capsule, hosts) in &profile.capsule_egress {
        restriction = restriction.capsule_egress(capsule.clone(), hosts.clone())?;
    }
    Ok(match profile.may_run() {
        Rule::None => restriction,
        Rule::Only([]) => restriction.no_processes(),
        Rule::Only(commands) => restriction.processes(commands.to_vec()),
    })
}
