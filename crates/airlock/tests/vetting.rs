//! Resolve, judge, dial.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use astrid_airlock::{
    Admission, Airlock, DialError, Host, LocalEgress, OwnAddresses, Refused, Resolver, Scripted,
    SystemResolver,
};
use astrid_host_context::CapsuleId;
use tokio::net::TcpListener;

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn host(text: &str) -> Host {
    Host::parse(text).unwrap()
}

fn capsule(id: &str) -> CapsuleId {
    CapsuleId::parse(id).unwrap()
}

fn rules(entries: &[&str]) -> LocalEgress {
    let mut rules = LocalEgress::new();
    for entry in entries {
        rules.allow(&capsule("c"), entry).unwrap();
    }
    rules
}

fn airlock(dns: Scripted, entries: &[&str]) -> Airlock {
    Airlock::builder().resolver(Arc::new(dns)).rules(rules(entries)).build()
}

async fn vetted(airlock: &Airlock, name: &str, port: u16) -> Result<Vec<SocketAddr>, Refused> {
    airlock.vet(&capsule("c"), &host(name), port).await.map(|v| v.addresses().to_vec())
}

fn blocked<T: std::fmt::Debug>(result: Result<T, Refused>) -> bool {
    matches!(result, Err(Refused::Blocked { .. }))
}

// net case 5
#[tokio::test]
async fn of_a_mixed_answer_only_the_public_addresses_remain() {
    let dns = Scripted::new()
        .answer("inner.test", [ip("10.0.0.1")])
        .answer("mixed.test", [ip("10.0.0.1"), ip("8.8.8.8"), ip("::ffff:127.0.0.1"), ip("2606::1")])
        .answer("empty.test", []);
    let airlock = airlock(dns, &[]);
    assert!(blocked(vetted(&airlock, "inner.test", 80).await));
    let mixed = vetted(&airlock, "mixed.test", 80).await.unwrap();
    assert_eq!(mixed, ["[2606::1]:80".parse().unwrap(), "8.8.8.8:80".parse().unwrap()]);
    for name in ["empty.test", "unknown.test"] {
        assert!(matches!(vetted(&airlock, name, 80).await, Err(Refused::Unresolvable(_))));
    }
}

// net case 7
#[tokio::test]
async fn numeric_spellings_and_localhost_never_pass_without_opt_in() {
    let airlock = Airlock::builder().resolver(Arc::new(SystemResolver::new())).build();
    for name in ["2130706433", "127.1", "0x7f000001", "0177.0.0.1", "localhost", "127.0.0.1", "::1"] {
        assert!(airlock.vet(&capsule("c"), &host(name), 80).await.is_err(), "{name}");
    }
}

// net case 9
#[tokio::test]
async fn an_opt_in_holds_for_one_capsule_and_port_until_it_is_removed() {
    let airlock = airlock(Scripted::new(), &["127.0.0.1:80"]);
    let mut changes = airlock.rules_changed();
    assert_eq!(vetted(&airlock, "127.0.0.1", 80).await.unwrap(), [SocketAddr::new(LOCAL, 80)]);
    assert!(blocked(vetted(&airlock, "127.0.0.1", 81).await));
    assert!(blocked(airlock.vet(&capsule("other"), &host("127.0.0.1"), 80).await));
    assert!(!changes.has_changed().unwrap());
    airlock.replace_rules(LocalEgress::new());
    changes.changed().await.unwrap();
    assert!(blocked(vetted(&airlock, "127.0.0.1", 80).await));
}

// net case 10
#[tokio::test]
async fn a_name_never_admits_metadata_and_the_literal_does() {
    let meta = ip("169.254.169.254");
    let dns = Scripted::new().answer("meta.test", [meta]).answer("lan.test", [ip("192.168.1.1")]);
    let airlock =
        airlock(dns, &["meta.test:80", "169.254.169.254:80", "lan.test:80", "0.0.0.0:80", "224.0.0.1:80"]);
    assert!(blocked(vetted(&airlock, "meta.test", 80).await));
    assert!(vetted(&airlock, "169.254.169.254", 80).await.is_ok());
    assert!(vetted(&airlock, "lan.test", 80).await.is_ok());
    assert!(blocked(vetted(&airlock, "0.0.0.0", 80).await));
    assert!(blocked(vetted(&airlock, "224.0.0.1", 80).await));
}

// net case 8
#[tokio::test]
async fn a_name_that_rebinds_is_asked_once_and_the_checked_address_is_dialled() {
    let listener = TcpListener::bind((LOCAL, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let dns =
        Arc::new(Scripted::new().answer("rebind.test", [LOCAL]).answer("rebind.test", [ip("10.0.0.1")]));
    let airlock =
        Airlock::builder().resolver(dns.clone()).rules(rules(&[&format!("rebind.test:{port}")])).build();
    let vetted = airlock.vet(&capsule("c"), &host("rebind.test"), port).await.unwrap();
    assert_eq!(vetted.admission(), Admission::OptedIn);
    let stream = vetted.dial().await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), SocketAddr::new(LOCAL, port));
    assert_eq!(dns.asked("rebind.test"), 1);
}

// net case 52
#[tokio::test]
async fn an_own_public_address_is_blocked_unless_the_operator_says_otherwise() {
    let own = || OwnAddresses::fixed([ip("8.8.4.4")]);
    let strict = Airlock::builder().own_addresses(own()).build();
    assert!(blocked(vetted(&strict, "8.8.4.4", 80).await));
    assert!(vetted(&strict, "8.8.8.8", 80).await.is_ok());
    let lax = Airlock::builder().own_addresses(OwnAddresses::fixed([])).build();
    assert!(vetted(&lax, "8.8.4.4", 80).await.is_ok());
    assert!(OwnAddresses::of_this_machine().contains(LOCAL));
}

#[tokio::test]
async fn a_scoped_address_is_blocked_whatever_it_is() {
    let airlock = airlock(Scripted::new(), &["[fe80::1]:80"]);
    let address = |scope| std::net::SocketAddrV6::new("fe80::1".parse().unwrap(), 80, 0, scope).into();
    assert!(airlock.admits(&capsule("c"), &host("fe80::1"), address(0)).is_ok());
    assert!(blocked(airlock.admits(&capsule("c"), &host("fe80::1"), address(2))));
}

#[tokio::test]
async fn dialling_goes_on_to_the_next_address_and_reports_a_refusal() {
    let listener = TcpListener::bind((LOCAL, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let dns = Scripted::new().answer("two.test", [ip("127.0.0.2"), LOCAL]);
    let airlock = airlock(dns, &[&format!("two.test:{port}")]);
    let both = airlock.vet(&capsule("c"), &host("two.test"), port).await.unwrap();
    assert_eq!(both.dial().await.unwrap().peer_addr().unwrap().ip(), LOCAL);
    drop(listener);
    let error = both.dial().await.unwrap_err();
    assert!(matches!(error, DialError::Failed(e) if e.kind() == std::io::ErrorKind::ConnectionRefused));
}

#[tokio::test]
async fn a_silent_resolver_is_the_callers_to_time_out() {
    tokio::time::pause();
    let airlock = airlock(Scripted::new().silent("slow.test"), &[]);
    let waited = tokio::time::timeout(Duration::from_secs(60), vetted(&airlock, "slow.test", 80)).await;
    assert!(waited.is_err());
}

#[tokio::test]
async fn the_systems_resolver_knows_this_machine_and_no_invalid_name() {
    let system = SystemResolver::new();
    assert!(system.resolve("localhost").await.unwrap().iter().all(IpAddr::is_loopback));
    assert!(system.resolve("name.invalid").await.is_err());
}

// http case 52
#[test]
fn consent_admits_what_a_literal_entry_could_and_nothing_else() {
    let airlock = airlock(Scripted::new(), &[]);
    for text in ["127.0.0.1", "10.0.0.1", "[::1]", "169.254.169.254", "192.0.2.1"] {
        let vetted = airlock.vet_consented(&host(text), 80).unwrap();
        assert_eq!((vetted.addresses().len(), vetted.admission()), (1, Admission::OptedIn), "{text}");
    }
    for text in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "[64:ff9b::a00:1]"] {
        assert!(blocked(airlock.vet_consented(&host(text), 80)), "{text}");
    }
    assert!(airlock.vet_consented(&host("localhost"), 80).is_err());
}

#[test]
fn rules_that_are_in_force_already_are_no_change() {
    let airlock = airlock(Scripted::new(), &["127.0.0.1:80"]);
    let mut changed = airlock.rules_changed();
    assert!(!airlock.put_rules(rules(&["127.0.0.1:80"])));
    assert!(!changed.has_changed().unwrap());
    assert!(airlock.put_rules(rules(&["127.0.0.1:81"])));
    assert!(changed.has_changed().unwrap());
    changed.mark_unchanged();
}
