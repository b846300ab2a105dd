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

#[cfg(test)]
mod tests {
    use super::*;
    use astrid_host_context::{Action, CapsuleId, CapsuleSecurityGate, Request, Target};
    use astrid_principals::Quotas;
    use astrid_security_gate::ProfileGate;

    fn may_run(gate: &impl CapsuleSecurityGate, who: &str, program: &str) -> Result<(), String> {
        let (capsule, who) = (CapsuleId::parse("c").unwrap(), Principal::parse(who).unwrap());
        let action = Action::new("process", "spawn");
        let target = Target::Command { program, args: &[] };
        let request = Request { principal: Some(&who), capsule: &capsule, action, target };
        gate.check(&request).map_err(|denial| denial.reason)
    }

    // security-gate case 23, process case 3
    #[tokio::test]
    async fn commands_are_those_of_the_profile_in_force_and_a_broken_list_allows_none() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("etc/profiles");
        std::fs::create_dir_all(&folder).unwrap();
        let profile =
            |who: &str, text: &str| std::fs::write(folder.join(format!("{who}.toml")), text).unwrap();
        profile("alice", "groups = [\"restricted\"]\n[process]\nallow = [\"git\"]\n");
        profile("bob", "groups = [\"restricted\"]\n");
        profile("carol", "[process]\nallow = []\n");
        profile("dave", "");
        profile("erin", "[network]\negress = [\"https://no.pattern/\"]\n");
        profile("frank", "alow = 1\n");
        let owner = Principal::parse("default").unwrap();
        let principals = Arc::new(Principals::open(root.path(), &owner, Quotas::default(), 1).unwrap());
        let gate = ProfileGate::new(ProfileRestrictions::new(principals.clone()));
        let denied = may_run(&gate, "alice", "bash").unwrap_err();
        assert!(denied.contains("the profile of 'alice', process.allow, allows: git"), "{denied}");
        for (who, program, allowed) in [
            ("alice", "git", true),
            ("bob", "git", false),
            ("carol", "git", false),
            ("dave", "git", true),
            ("default", "git", true),
            ("erin", "git", false),
            ("frank", "git", false),
        ] {
            assert_eq!(may_run(&gate, who, program).is_ok(), allowed, "{who} {program}");
        }
        profile("alice", "groups = [\"restricted\"]\n[process]\nallow = [\"bash\"]\n");
        principals.changed(&Principal::parse("alice").unwrap()).await.unwrap();
        assert!(may_run(&gate, "alice", "bash").is_ok() && may_run(&gate, "alice", "git").is_err());
    }
}
