//! `net_bind`, `net_tcp_bind`, `net_connect` and `net_udp`.
#![expect(dead_code, reason = "each test binary uses some of the helpers")]

mod common;

use astrid_host_context::{CapsuleSecurityGate, Target};
use common::{ask, gate, lookup, reason, socket};

fn accept(gate: &dyn CapsuleSecurityGate) -> common::Verdict {
    ask(gate, "alice", ("net", "unix-accept"), Target::None)
}

// security-gate case 20
#[test]
fn unix_and_tcp_entries_never_stand_for_each_other() {
    let unix = gate(r#"net_bind = ["unix:*"]"#);
    assert!(accept(&unix).is_ok());
    assert!(socket(&unix, "tcp-bind", "127.0.0.1", 80).is_err());
    let tcp = gate(r#"net_bind = ["127.0.0.1:*"]"#);
    assert!(socket(&tcp, "tcp-bind", "127.0.0.1", 80).is_ok());
    assert!(socket(&tcp, "tcp-bind", "127.0.0.1", 0).is_ok());
    assert!(accept(&tcp).is_err());
    let anywhere = gate(r#"net_bind = ["0.0.0.0:*"]"#);
    assert!(socket(&anywhere, "tcp-bind", "0.0.0.0", 80).is_ok(), "the loopback rule comes later");
}

#[test]
fn an_ephemeral_port_needs_every_port() {
    let gate = gate(r#"net_bind = ["127.0.0.1:8080"]"#);
    assert!(socket(&gate, "tcp-bind", "127.0.0.1", 8080).is_ok());
    assert!(socket(&gate, "tcp-bind", "127.0.0.1", 0).is_err());
}

// net case 26, 27
#[test]
fn net_tcp_bind_alone_suffices_and_is_named_in_the_denial() {
    let gate = gate("net_bind = [\"unix:*\"]\nnet_tcp_bind = [\"localhost:80\", \"[::1]:*\"]");
    assert!(socket(&gate, "tcp-bind", "localhost", 80).is_ok());
    assert!(socket(&gate, "tcp-bind", "::1", 1).is_ok());
    assert!(socket(&gate, "tcp-bind", "[::1]", 1).is_ok());
    let reason = reason(socket(&gate, "tcp-bind", "::1:2", 1));
    assert!(reason.contains("localhost:80"), "{reason}");
}

// security-gate case 21, net case 1
#[test]
fn a_connect_entry_is_one_host_and_its_port() {
    let gate = gate(r#"net_connect = ["Db.local:5432", "h:443", "[::1]:80", "::2:80"]"#);
    assert!(socket(&gate, "connect", "db.LOCAL", 5432).is_ok());
    assert!(socket(&gate, "connect", "db.local.", 5432).is_ok());
    assert!(socket(&gate, "connect", "db.local", 5433).is_err());
    assert!(socket(&gate, "connect", "x.db.local", 5432).is_err());
    assert!(socket(&gate, "connect", "H.", 443).is_ok());
    assert!(socket(&gate, "connect", "h", 80).is_err());
    assert!(socket(&gate, "connect", "0:0::1", 80).is_ok());
    assert!(socket(&gate, "connect", "::2", 80).is_ok());
    assert!(socket(&gate, "connect", "::3", 80).is_err());
}

#[test]
fn the_name_is_matched_and_not_what_it_means() {
    let gate = gate(r#"net_connect = ["127.0.0.1:*", "bücher.de:*"]"#);
    for other in ["localhost", "2130706433", "127.1", "::ffff:127.0.0.1", ""] {
        assert!(socket(&gate, "connect", other, 80).is_err(), "{other}");
    }
    for same in ["bücher.de", "xn--bcher-kva.de", "BÜCHER.DE."] {
        assert!(socket(&gate, "connect", same, 80).is_ok(), "{same}");
    }
}

// net case 43
#[test]
fn udp_entries_for_binding_and_for_peers_are_apart() {
    let gate = gate(r#"net_udp = ["bind:127.0.0.1:*", "send:a.com:53", "*:123"]"#);
    assert!(socket(&gate, "udp-bind", "127.0.0.1", 0).is_ok());
    assert!(socket(&gate, "udp-bind", "0.0.0.0", 0).is_err());
    assert!(socket(&gate, "udp-send", "a.com", 53).is_ok());
    assert!(socket(&gate, "udp-send", "a.com", 54).is_err());
    assert!(socket(&gate, "udp-send", "anyone", 123).is_ok());
    assert!(socket(&gate, "udp-send", "127.0.0.1", 5).is_err());
    assert!(socket(&gate, "connect", "a.com", 53).is_err(), "udp entries connect no tcp");
    let all = self::gate(r#"net_udp = ["*"]"#);
    assert!(socket(&all, "udp-send", "anyone", 1).is_ok());
    assert!(socket(&all, "udp-bind", "127.0.0.1", 1).is_err());
}

// net case 48
#[test]
fn a_name_that_may_be_reached_may_be_looked_up() {
    let tcp = gate(r#"net_connect = ["h:443"]"#);
    for allowed in ["h", "H.", "h:443"] {
        assert!(lookup(&tcp, allowed).is_ok(), "{allowed}");
    }
    for denied in ["h:80", "x", "", "h:", "[h]"] {
        assert!(lookup(&tcp, denied).is_err(), "{denied}");
    }
    let udp = gate(r#"net_udp = ["h:53", "bind:127.0.0.1:*"]"#);
    assert!(lookup(&udp, "h").is_ok());
    assert!(lookup(&udp, "127.0.0.1").is_err(), "a bound address is no peer");
}

#[test]
fn nothing_declared_is_nothing_allowed() {
    let gate = gate("");
    assert!(accept(&gate).is_err());
    for verb in ["connect", "tcp-bind", "udp-bind", "udp-send"] {
        assert!(socket(&gate, verb, "localhost", 1).is_err(), "{verb}");
        assert!(ask(&gate, "alice", ("net", verb), Target::None).is_err(), "{verb}");
    }
    assert!(lookup(&gate, "localhost").is_err());
}
