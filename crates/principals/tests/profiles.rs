//! What a profile or a groups file may say, and what is said about one that is wrong.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use astrid_host_context::{CapsuleId, Principal};
use astrid_principals::{Groups, Profile, Quotas, Restriction};

fn problem(text: &str) -> String {
    Profile::parse(text, Quotas::default()).unwrap_err().to_string()
}

fn alice() -> Principal {
    Principal::parse("alice").unwrap()
}

// principals case 10
#[test]
fn an_unknown_key_is_named_with_the_key_that_was_probably_meant() {
    let said = problem("[quotas]\nmax_memory_byte = 1\n");
    assert!(
        said.starts_with(
            "[quotas.max_memory_byte] is not a known key, did you mean max_memory_bytes; allowed: "
        ),
        "{said}"
    );
    assert!(problem("enabeld = true").contains("[enabeld] is not a known key, did you mean enabled"));
    assert!(!problem("colour = 1").contains("did you mean"));
}

// principals case 11
#[test]
fn a_value_out_of_range_is_refused_with_the_range_and_zero_fuel_is_the_default() {
    let quota = |line: &str| Profile::parse(&format!("[quotas]\n{line}\n"), Quotas::default());
    let refused = |line: &str| quota(line).unwrap_err().to_string();
    assert_eq!(refused("max_timeout_secs = 0"), "[quotas.max_timeout_secs] is 0; allowed: 1..=86400");
    assert_eq!(refused("max_in_flight_calls = 65"), "[quotas.max_in_flight_calls] is 65; allowed: 1..=64");
    assert_eq!(refused("max_storage_bytes = -1"), "[quotas.max_storage_bytes] is -1; allowed: 0 or more");
    for line in [
        "max_memory_bytes = 65535",
        "max_memory_bytes = 4294967297",
        "max_timeout_secs = 86401",
        "max_ipc_throughput_bytes = 0",
        "max_background_processes = 257",
        "max_in_flight_calls = 0",
        "max_cpu_fuel_per_sec = -5",
        "max_timeout_secs = \"5\"",
        "max_timeout_secs = 1.5",
    ] {
        assert!(quota(line).is_err(), "{line}");
    }
    for line in ["max_memory_bytes = 65536", "max_memory_bytes = 4294967296", "max_background_processes = 0"]
    {
        assert!(quota(line).is_ok(), "{line}");
    }
    let defaults = Quotas { max_cpu_fuel_per_sec: 77, ..Quotas::default() };
    let zero = Profile::parse("[quotas]\nmax_cpu_fuel_per_sec = 0\n", defaults).unwrap();
    assert_eq!(zero.quotas.max_cpu_fuel_per_sec, 77);
}

#[test]
fn a_whole_profile_reads_as_written() {
    let text = r#"
        profile_version = 1
        groups = ["agent"]
        grants = ["net_bind"]
        capsules = ["notes"]
        [auth]
        methods = ["keypair", "later"]
        public_keys = ["x"]
        [network]
        egress = ["api.github.com"]
        [network.capsule_egress]
        notes = ["*.x.io"]
        [process]
        allow = ["git status"]
        [approvals.remembered]
        a = 1
        [quotas]
        max_memory_bytes = 16777216
    "#;
    let profile = Profile::parse(text, Quotas::default()).unwrap().with_groups(&Groups::default(), &alice());
    assert!(profile.registered && profile.enabled && profile.is_unbounded());
    assert_eq!(profile.quotas, Quotas { max_memory_bytes: 16 << 20, ..Quotas::default() });
    assert_eq!((profile.auth.keypair, &*profile.auth.keys), (true, &["x".to_owned()][..]));
    assert!(problem("[auth]\npublic_keys = 1").contains("[auth.public_keys]"));
    let notes = CapsuleId::parse("notes").unwrap();
    assert_eq!(profile.egress_through(&notes), Restriction::Only(&["*.x.io".to_owned()]));
    let other = CapsuleId::parse("other").unwrap();
    assert_eq!(profile.egress_through(&other), Restriction::Only(&["api.github.com".to_owned()]));
    assert_eq!(profile.may_run(), Restriction::Only(&["git status".to_owned()]));
    assert!(profile.capabilities.hold("self:anything") && !profile.capabilities.hold("audit:read_all"));
}

#[test]
fn another_version_no_toml_and_wrong_types_are_refused() {
    assert_eq!(problem("profile_version = 2"), "[profile_version] is 2; allowed: 1..=1");
    assert!(problem("groups = [").starts_with("is not TOML"));
    assert!(problem("enabled = 1").contains("allowed: true or false"));
    assert!(problem("groups = [1]").contains("a list of texts"));
    assert!(problem("groups = [\"a b\"]").contains("[groups]"));
    assert!(problem("capsules = [\"Notes\"]").contains("[capsules]"));
    assert!(problem("quotas = 3").contains("allowed: a table"));
    assert!(problem("[network.capsule_egress]\n\"A B\" = []").contains("[network.capsule_egress.A B]"));
}

#[test]
fn who_is_only_restricted_gets_nothing_that_is_not_listed() {
    let parse = |text: &str| Profile::parse(text, Quotas::default()).unwrap();
    let capsule = CapsuleId::parse("c").unwrap();
    let restricted = parse("groups = [\"restricted\"]");
    assert_eq!(restricted.egress_through(&capsule), Restriction::Only(&[]));
    assert_eq!(restricted.may_run(), Restriction::Only(&[]));
    for ordinary in ["", "groups = [\"restricted\", \"agent\"]"] {
        assert_eq!(parse(ordinary).may_run(), Restriction::None);
    }
}

// principals case 28
#[test]
fn a_group_of_everything_needs_a_second_word_and_revokes_win() {
    let said = Groups::parse("[groups.ops]\ncapabilities = [\"*\"]").unwrap_err().to_string();
    assert!(said.contains("[groups.ops.capabilities]") && said.contains("unsafe_admin = true"), "{said}");
    let groups = Groups::parse("[groups.ops]\ncapabilities = [\"*\"]\nunsafe_admin = true").unwrap();
    assert!(groups.get("ops").is_some() && groups.get("admin").is_some());
    assert!(Groups::parse("[groups.admin]\ncapabilities = []").is_err());
    let text = "grants = [\"x:y\"]\nrevokes = [\"x:*\"]\ngroups = [\"ops\", \"nobody\"]";
    let profile = Profile::parse(text, Quotas::default()).unwrap().with_groups(&groups, &alice());
    assert!(!profile.capabilities.hold("x:y") && profile.capabilities.hold("z"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_a_parser_panic(text in ".{0,200}") {
        let _ = Profile::parse(&text, Quotas::default());
        let _ = Groups::parse(&text);
    }
}
