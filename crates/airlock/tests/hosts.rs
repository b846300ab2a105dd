//! What a guest may write for a host, and what it becomes.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use astrid_airlock::{Host, LocalEgress};
use astrid_host_context::CapsuleId;
use proptest::prelude::*;

fn name(text: &str) -> Host {
    Host::Name(text.to_owned())
}

#[test]
fn names_are_lower_case_ascii_without_a_trailing_dot() {
    for (given, held) in [
        ("EXAMPLE.com.", "example.com"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a_b.example", "a_b.example"),
        ("ｅｘａｍｐｌｅ。com", "example.com"),
    ] {
        assert_eq!(Host::parse(given).unwrap(), name(held), "{given}");
    }
}

#[test]
fn literals_are_addresses_and_mapped_ones_are_ipv4() {
    for (given, held) in [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("１２７.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("[::ffff:10.0.0.1]", "10.0.0.1"),
        ("2001:DB8::0:1", "2001:db8::1"),
    ] {
        assert_eq!(Host::parse(given).unwrap(), Host::Literal(held.parse().unwrap()), "{given}");
    }
}

// net case 7
#[test]
fn other_numeric_spellings_are_names_to_be_resolved_and_judged() {
    for given in ["2130706433", "127.1", "0x7f000001", "0x7f.1", "0177.0.0.1"] {
        assert_eq!(Host::parse(given).unwrap(), name(given));
    }
}

// net case 6
#[test]
fn malformed_hosts_are_refused() {
    let long = "a".repeat(256);
    for given in [
        "",
        " ",
        "a b",
        "a\0b",
        "a\nb",
        "a/b",
        "u@h",
        "h?",
        "h#",
        "h%25",
        "a\\b",
        "h:80",
        "[::1",
        "[1.2.3.4]",
        "fe80::1%eth0",
        ".",
        "a..b",
        ".a",
        "xn--a",
        "\u{ad}",
        &long,
    ] {
        assert!(Host::parse(given).is_err(), "{given:?}");
    }
}

#[test]
fn a_rule_admits_its_own_capsule_host_and_port_alone() {
    let (a, b) = (CapsuleId::parse("a").unwrap(), CapsuleId::parse("b").unwrap());
    let mut rules = LocalEgress::new();
    rules.allow(&a, "127.0.0.1:8080").unwrap();
    rules.allow(&a, "[::1]:*").unwrap();
    rules.allow(&a, "Intranet.test.:443").unwrap();
    let names = |capsule, host: &str, port| rules.names(capsule, &Host::parse(host).unwrap(), port);
    assert!(names(&a, "127.0.0.1", 8080) && names(&a, "::ffff:127.0.0.1", 8080));
    assert!(names(&a, "::1", 1) && names(&a, "[::1]", 65535) && names(&a, "intranet.TEST", 443));
    assert!(!names(&a, "127.0.0.1", 8081) && !names(&a, "127.0.0.2", 8080) && !names(&a, "localhost", 8080));
    assert!(!names(&b, "127.0.0.1", 8080));
    for bad in ["", "h", "h:", "h:0", "h:65536", "h:x", ":80", "a b:80", "h/:80"] {
        assert!(rules.allow(&b, bad).is_err(), "{bad:?}");
    }
    assert!(!rules.names(&b, &name("h"), 80));
}

proptest! {
    #[test]
    fn parsing_never_panics_and_what_it_holds_parses_to_itself(text in "\\PC{0,40}") {
        if let Ok(host) = Host::parse(&text) {
            prop_assert_eq!(&Host::parse(&host.text()).unwrap(), &host);
            prop_assert_eq!(&Host::parse(&host.to_string()).unwrap(), &host);
        }
    }
}
