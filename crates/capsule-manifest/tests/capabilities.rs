//! What is held, what is new since an approval, and that both survive being stored.

#![expect(clippy::panic, reason = "a helper of a test must fail the test")]

use std::path::Path;

use astrid_capsule_manifest::{CapabilitiesDef, IdentityOperation, parse_manifest};

fn capabilities(rest: &str) -> CapabilitiesDef {
    let text = format!(
        "[package]\nname=\"x\"\nversion=\"1.0.0\"\n[[component]]\nfile=\"x\"\n[capabilities]\n{rest}"
    );
    parse_manifest(&text, Path::new("Capsule.toml"))
        .unwrap_or_else(|error| panic!("{error}"))
        .0
        .capabilities
}

const EVERYTHING: &str = "uplink=true\nnet=[\"a.com\"]\nnet_connect=[\"a.com:1\"]\nnet_bind=[\"unix:*\"]\nnet_tcp_bind=[\"localhost:*\"]\nnet_udp=[\"bind:127.0.0.1:*\"]\nbind_workers=4\nkv=[\"k\"]\nfs_read=[\"cwd://\"]\nfs_write=[\"home://\"]\nhost_process=[\"sh\"]\nallow_persistent=true\nidentity=[\"link\"]\nallow_prompt_injection=true\nipc_publish=[\"a\"]\nipc_subscribe=[\"b\"]";

#[test]
fn held_names_are_sorted_and_leave_out_numbers_and_access_lists() {
    let held = capabilities(EVERYTHING).held_names();
    assert_eq!(
        held,
        [
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
        ]
    );
    assert!(held.is_sorted());
    assert!(capabilities("").held_names().is_empty());
}

// sys case 34
#[test]
fn empty_lists_false_flags_and_workers_are_not_held() {
    let set = capabilities("fs_read=[\"cwd://\"]\nnet=[]\nuplink=true\nbind_workers=4");
    assert_eq!(set.held_names(), ["fs_read", "uplink"]);
    assert!(set.has("uplink"));
    for name in ["net", "bind_workers", "ipc_publish", "Uplink", ""] {
        assert!(!set.has(name), "{name}");
    }
}

#[test]
fn expansions_are_what_was_added_and_never_what_was_removed() {
    let old = capabilities(
        "net=[\"a.com\",\"b.com\"]\nidentity=[\"resolve\"]\nbind_workers=2\nuplink=true",
    );
    let new = capabilities(
        "net=[\"b.com\",\"c.com\"]\nidentity=[\"resolve\",\"admin\"]\nbind_workers=3\nallow_prompt_injection=true",
    );
    let expansions = new.expansions_from(&old);
    let listed: Vec<_> = expansions
        .iter()
        .map(|(key, new)| format!("{key}={}", new.join("+")))
        .collect();
    assert_eq!(
        listed,
        [
            "allow_prompt_injection=enabled",
            "bind_workers=workers: 3",
            "identity=admin",
            "net=c.com"
        ]
    );
    assert!(old.expansions_from(&old).is_empty());
    let narrowed = capabilities("net=[\"a.com\"]");
    assert!(narrowed.expansions_from(&old).is_empty());
}

#[test]
fn workers_default_to_one_and_stating_one_is_no_expansion() {
    assert_eq!(capabilities("").workers(), 1);
    assert_eq!(capabilities("bind_workers=0").workers(), 1);
    assert!(
        capabilities("bind_workers=1")
            .expansions_from(&capabilities(""))
            .is_empty()
    );
    assert_eq!(
        capabilities("bind_workers=2").expansions_from(&capabilities(""))["bind_workers"],
        ["workers: 2"]
    );
}

#[test]
fn an_approved_set_survives_being_stored_as_json() {
    let set = capabilities(EVERYTHING);
    assert_eq!(set.identity, [IdentityOperation::Link]);
    let stored = serde_json::to_string(&set).unwrap();
    assert_eq!(
        serde_json::from_str::<CapabilitiesDef>(&stored).unwrap(),
        set
    );
    let older: CapabilitiesDef = serde_json::from_str("{\"net\":[\"*\"],\"gone\":1}").unwrap();
    assert_eq!(older.held_names(), ["net"]);
}
