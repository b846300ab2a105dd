//! The second stage: what a profile leaves of what a manifest allows.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]
#![expect(dead_code, reason = "each test binary uses some of the helpers")]

mod common;

use std::collections::HashMap;
use std::sync::Arc;

use astrid_host_context::{Action, CapsuleId, CapsuleSecurityGate, Principal, Request, Target};
use astrid_security_gate::{Both, ManifestSecurityGate, ProfileGate, Restriction, Restrictions};
use common::{ask, gate, get, lookup, reason, run, socket};

struct Profiles(HashMap<Principal, Arc<Restriction>>);

impl Restrictions for Profiles {
    fn of(&self, principal: &Principal) -> Option<Arc<Restriction>> {
        self.0.get(principal).cloned()
    }
}

const ALL: &str = r#"
    net = ["*"]
    net_connect = ["h:*", "x:*"]
    net_udp = ["*", "bind:127.0.0.1:*"]
    net_bind = ["unix:*", "127.0.0.1:*"]
    host_process = ["bash", "git"]
    allow_persistent = true
    fs_read = ["*"]
"#;

fn alice_has(
    capabilities: &str,
    restriction: Restriction,
) -> Both<ManifestSecurityGate, ProfileGate<Profiles>> {
    let alice = Principal::parse("alice").unwrap();
    let profiles = Profiles(HashMap::from([(alice, Arc::new(restriction))]));
    Both(gate(capabilities), ProfileGate::new(profiles))
}

fn list(entries: &[&str]) -> Vec<String> {
    entries.iter().map(|&entry| entry.to_owned()).collect()
}

// security-gate case 23, process case 3
#[test]
fn a_command_must_be_in_the_manifest_and_in_the_profile() {
    let gate = alice_has(ALL, Restriction::default().restricted().processes(list(&["git"])));
    assert!(run(&gate, "spawn", &["git", "push"]).is_ok());
    let text = reason(run(&gate, "spawn", &["bash"]));
    assert!(text.contains("the profile of 'alice', process.allow, allows: git"), "{text}");
    assert!(run(&gate, "persist", &["bash"]).is_err());
    assert!(run(&gate, "spawn", &["sh"]).is_err());
    let ordinary = alice_has(ALL, Restriction::default().processes(list(&["git"])));
    assert!(run(&ordinary, "spawn", &["bash"]).is_err(), "a list restricts anybody");
}

// security-gate case 23
#[test]
fn no_profile_gives_what_the_manifest_does_not() {
    let gate = alice_has("", Restriction::default().egress(list(&["*"])).unwrap());
    let denial = get(&gate, "https://a.io/").unwrap_err();
    assert_eq!(denial.allowed_by.as_deref(), Some("[capabilities].net"), "the manifest comes first");
    assert!(
        ask(&gate, "root", ("http", "request"), Target::Other { kind: "url", name: "https://a.io/" })
            .is_err()
    );
}

// net case 13, http case 48
#[test]
fn egress_restricts_every_way_out() {
    let gate = alice_has(ALL, Restriction::default().restricted().egress(list(&["h:443"])).unwrap());
    assert!(socket(&gate, "connect", "h", 443).is_ok());
    assert!(socket(&gate, "connect", "h", 80).is_err());
    assert!(socket(&gate, "connect", "x", 443).is_err());
    assert!(socket(&gate, "udp-send", "h", 443).is_ok());
    assert!(socket(&gate, "udp-send", "h", 53).is_err());
    assert!(get(&gate, "https://h/").is_ok());
    assert!(get(&gate, "http://h/").is_err());
    assert!(lookup(&gate, "h").is_ok());
    assert!(lookup(&gate, "x").is_err());
}

#[test]
fn egress_is_no_business_of_listening_and_files() {
    let gate = alice_has(ALL, Restriction::floor());
    assert!(ask(&gate, "alice", ("net", "unix-accept"), Target::None).is_ok());
    assert!(socket(&gate, "tcp-bind", "127.0.0.1", 1).is_ok());
    assert!(socket(&gate, "udp-bind", "127.0.0.1", 1).is_ok());
    assert!(common::read(&gate, "workspace://a").is_ok());
}

#[test]
fn an_unset_list_denies_the_restricted_and_nobody_else() {
    let floor = alice_has(ALL, Restriction::floor());
    assert!(get(&floor, "https://a.io/").is_err());
    assert!(socket(&floor, "connect", "h", 443).is_err());
    assert!(run(&floor, "spawn", &["git"]).is_err());
    let ordinary = alice_has(ALL, Restriction::default().processes(Vec::new()));
    assert!(get(&ordinary, "https://a.io/").is_ok());
    assert!(run(&ordinary, "spawn", &["git"]).is_ok(), "an empty list is an unset one");
    assert!(
        get(&alice_has(ALL, Restriction::default().egress(Vec::new()).unwrap()), "https://a.io/").is_err()
    );
}

#[test]
fn a_list_of_one_capsule_replaces_the_general_one() {
    let capsule = |name| CapsuleId::parse(name).unwrap();
    let base = || Restriction::default().egress(list(&["a.io"])).unwrap();
    let of_demo = alice_has(ALL, base().capsule_egress(capsule("demo"), list(&["b.io:*"])).unwrap());
    assert!(get(&of_demo, "https://b.io:1/").is_ok());
    assert!(get(&of_demo, "https://a.io/").is_err());
    let of_other = alice_has(ALL, base().capsule_egress(capsule("other"), list(&["b.io"])).unwrap());
    assert!(get(&of_other, "https://a.io/").is_ok());
    assert!(get(&of_other, "https://b.io/").is_err());
}

#[test]
fn others_are_not_restricted_and_nobody_has_no_profile() {
    let gate = alice_has(ALL, Restriction::floor());
    let url = Target::Other { kind: "url", name: "https://a.io/" };
    assert!(ask(&gate, "bob", ("http", "request"), url).is_ok());
    let (capsule, action) = (CapsuleId::parse("demo").unwrap(), Action::new("http", "request"));
    assert!(gate.check(&Request { principal: None, capsule: &capsule, action, target: url }).is_ok());
}

#[test]
fn a_malformed_list_is_told_apart_from_an_empty_one() {
    let error = Restriction::default().egress(list(&["https://x/"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "network.egress: \"https://x/\" is no host pattern; allowed: host, host:port, *.host, *"
    );
}
