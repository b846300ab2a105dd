//! `identity` and `uplink`, the domains that are left to others, and the requests nobody knows.
#![expect(dead_code, reason = "each test binary uses some of the helpers")]

mod common;

use std::path::Path;
use std::sync::Arc;

use astrid_capsule_manifest::parse_manifest;
use astrid_host_context::{Action, CapsuleId, CapsuleSecurityGate, Denial, Request, Target};
use astrid_security_gate::ManifestSecurityGate;
use common::{ask, gate, manifest, read, reason, register};

// security-gate case 22, identity cases 1 and 2
#[test]
fn identity_words_include_the_ones_below() {
    let table =
        [("", 0), ("\"resolve\"", 1), ("\"link\"", 2), ("\"admin\"", 3), ("\"resolve\", \"admin\"", 3)];
    for (words, level) in table {
        let gate = gate(&format!("identity = [{words}]"));
        for (at, verb) in ["resolve", "link", "admin"].into_iter().enumerate() {
            let allowed = ask(&gate, "alice", ("identity", verb), Target::None).is_ok();
            assert_eq!(allowed, at < level, "{verb} with {words}");
        }
        assert!(ask(&gate, "alice", ("identity", "forge"), Target::None).is_err());
    }
    let text = reason(ask(&gate(r#"identity = ["link"]"#), "alice", ("identity", "admin"), Target::None));
    assert!(text.ends_with("[capabilities].identity allows: link"), "{text}");
}

// uplink case 1
#[test]
fn without_the_flag_an_uplink_can_do_nothing() {
    let gate = gate("");
    assert!(register(&gate, "cli:a").is_err());
    assert!(ask(&gate, "alice", ("uplink", "register"), Target::None).is_err());
    assert!(ask(&gate, "alice", ("uplink", "send"), Target::None).is_err());
}

#[test]
fn without_uplink_tables_the_flag_alone_decides() {
    let gate = gate("uplink = true");
    assert!(register(&gate, "cli:a").is_ok());
    assert!(register(&gate, "cli:name: with colons").is_ok());
    assert!(ask(&gate, "alice", ("uplink", "register"), Target::None).is_ok());
    assert!(ask(&gate, "alice", ("uplink", "send"), Target::None).is_ok());
    assert!(register(&gate, "no platform").is_err());
    assert!(ask(&gate, "alice", ("uplink", "send"), Target::Key("x")).is_err());
}

#[test]
fn declared_uplinks_are_the_only_ones() {
    let tables = "uplink = true\n[[uplink]]\nname = \" Bot \"\nplatform = \"Discord\"\nprofile = \"chat\"\n";
    let gate = gate(tables);
    assert!(register(&gate, "discord:Bot").is_ok());
    for other in ["discord:bot", "discord:Other", "telegram:Bot"] {
        assert!(reason(register(&gate, other)).contains("allows: discord:Bot"), "{other}");
    }
}

#[test]
fn a_blocked_platform_is_refused_though_declared() {
    let manifest = manifest("uplink = true");
    let builder = ManifestSecurityGate::builder(&manifest).blocked_platforms([" Telegram ".to_owned()]);
    let gate = builder.build().unwrap();
    assert!(reason(register(&gate, "telegram:a")).contains("blocks"));
    assert!(register(&gate, "discord:a").is_ok());
}

// security-gate case 24
#[test]
fn an_unknown_domain_and_another_capsule_are_denied() {
    let gate = gate("uplink = true\nnet = [\"*\"]\nfs_read = [\"*\"]");
    for domain in ["ipc", "kv", "quantum", ""] {
        let text = reason(ask(&gate, "alice", (domain, "publish"), Target::None));
        assert!(text.starts_with("capsule 'demo' may not "), "{text}");
    }
    let (capsule, action) = (CapsuleId::parse("other").unwrap(), Action::new("fs", "read"));
    let request =
        Request { principal: None, capsule: &capsule, action, target: Target::Path("workspace://a") };
    assert!(gate.check(&request).is_err());
}

#[test]
fn a_domain_can_be_left_to_another_gate_and_no_other_with_it() {
    struct Open;
    impl CapsuleSecurityGate for Open {
        fn check(&self, _: &Request<'_>) -> Result<(), Denial> {
            Ok(())
        }
    }
    let manifest = manifest("");
    let gate = ManifestSecurityGate::builder(&manifest).domain("ipc", Arc::new(Open)).build().unwrap();
    assert!(ask(&gate, "alice", ("ipc", "publish"), Target::Topic("a.b")).is_ok());
    assert!(read(&gate, "workspace://a").is_err());
}

// security-gate case 28
#[test]
fn held_names_are_answered_and_garbage_is_not_held() {
    let gate = gate("uplink = true\nnet = [\"*\"]\nallow_prompt_injection = true\nbind_workers = 3\nkv = []");
    assert_eq!(gate.held_names(), ["allow_prompt_injection", "net", "uplink"]);
    assert!(gate.holds("allow_prompt_injection"));
    for garbage in ["", "bind_workers", "fs_read", "Net", "net ", "\0", "ipc_publish"] {
        assert!(!gate.holds(garbage), "{garbage:?}");
    }
}

// security-gate case 30, the gate's part: a reload builds a new one and changes none
#[test]
fn a_reload_makes_a_new_gate_and_leaves_the_old_one_as_it_was() {
    let old = gate(r#"net = ["a.io"]"#);
    let new = gate("");
    assert!(common::get(&old, "https://a.io/").is_ok());
    assert!(common::get(&new, "https://a.io/").is_err());
}

#[test]
fn every_shape_of_manifest_makes_the_gate_it_describes() {
    for (name, text, held) in [
        (
            "a component's capabilities count",
            include_str!("fixtures/component.toml"),
            &["fs_read", "net"][..],
        ),
        (
            "root and component are merged",
            include_str!("fixtures/merged.toml"),
            &["fs_read", "net", "uplink"],
        ),
        ("a legacy single component", include_str!("fixtures/legacy_component.toml"), &["host_process"]),
        ("a legacy uplink table is the flag", include_str!("fixtures/legacy_uplink.toml"), &["uplink"]),
        ("a library grants too", include_str!("fixtures/library.toml"), &["net"]),
        ("nothing at all", include_str!("fixtures/nothing.toml"), &[]),
        ("everything", include_str!("fixtures/everything.toml"), &EVERYTHING),
    ] {
        let (manifest, _) = parse_manifest(text, Path::new("Capsule.toml")).unwrap();
        let gate = ManifestSecurityGate::builder(&manifest).build().unwrap();
        assert_eq!(gate.held_names(), held, "{name}");
        assert!(gate.warnings().is_empty(), "{name}");
    }
}

const EVERYTHING: [&str; 13] = [
    "allow_persistent",
    "allow_prompt_injection",
    "fs_read",
    "fs_write",
    "host_process",
    "identity",
    "kv",
    "net",
    "net_bind",
    "net_connect",
    "net_tcp_bind",
    "net_udp",
    "uplink",
];

#[test]
fn every_shipped_manifest_makes_a_gate_without_warnings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../capsule-manifest/tests/fixtures");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().unwrap() == "distro.toml" {
            continue;
        }
        let (manifest, _) = astrid_capsule_manifest::load_manifest(&path).unwrap();
        let gate = ManifestSecurityGate::builder(&manifest).build().unwrap();
        assert!(gate.warnings().is_empty(), "{}: {:?}", path.display(), gate.warnings());
        seen += 1;
    }
    assert!(seen >= 27, "{seen}");
}
