//! Datagram sockets.

use std::net::{SocketAddr, UdpSocket as Plain};
use std::time::Duration;

use crate::common::*;
use astrid_host_context::{Failure, Outcome};
use astrid_host_net::{Connections, Error, MAY_BIND_UDP, MAY_SEND_UDP, NetCtx, UdpSocket};
use astrid_host_testkit::FakeHost;
use wasmtime::component::Resource;

async fn bound(store: &mut Store, host: &str) -> (Resource<UdpSocket>, SocketAddr) {
    let socket = store.net().udp_bind(host, 0).await.unwrap();
    let address = store.net().udp_local_addr(&socket).unwrap().parse().unwrap();
    (socket, address)
}

fn peer(host: &str) -> (Plain, u16) {
    let peer = Plain::bind((host, 0)).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let port = peer.local_addr().unwrap().port();
    (peer, port)
}

// net case 43
#[tokio::test]
async fn a_bind_needs_a_literal_an_entry_and_a_share() {
    let mut store = store_with(FakeHost::builder().deny(MAY_BIND_UDP, "0.0.0.0:0"), |net| net);
    assert!(matches!(store.net().udp_bind("example.com", 0).await, Err(Error::Address(_))));
    let error = store.net().udp_bind("0.0.0.0", 0).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Denied("policy"));
    let (_, address) = bound(&mut store, "localhost").await;
    assert!(address.ip().is_loopback() && address.port() > 0);
    let error = store.net().udp_bind("127.0.0.1", address.port()).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Failed("address-in-use"));
    for _ in 1..4 {
        bound(&mut store, "127.0.0.1").await;
    }
    let error = store.net().udp_bind("127.0.0.1", 0).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Denied("quota"));
}

// net case 44
#[tokio::test]
async fn datagrams_travel_whole_are_cut_to_the_room_given_and_never_too_long() {
    let mut store = store();
    for host in ["127.0.0.1", "::1"] {
        let (socket, address) = bound(&mut store, host).await;
        let (peer, port) = peer(host);
        let mut buffer = vec![0; 70_000];
        for size in [1, 65_507] {
            let data = pattern(size);
            assert_eq!(store.net().send_to(&socket, &data, host, port).await.unwrap() as usize, size);
            let (n, from) = peer.recv_from(&mut buffer).unwrap();
            assert!(buffer[..n] == data && from == address);
        }
        let limit = if host == "::1" { 65_527 } else { 65_507 };
        let error = store.net().send_to(&socket, &vec![0; limit + 1], host, port).await.unwrap_err();
        assert!(matches!(error, Error::MessageTooLong), "{error:?}");
        peer.send_to(&[1; 100], address).unwrap();
        peer.send_to(b"next", address).unwrap();
        peer.send_to(b"gone", address).unwrap();
        peer.send_to(b"last", address).unwrap();
        let (data, from) = store.net().recv_from(&socket, 10).await.unwrap().unwrap();
        assert_eq!((data, from), (vec![1; 10], peer.local_addr().unwrap()));
        assert_eq!(store.net().recv_from(&socket, u32::MAX).await.unwrap().unwrap().0, b"next");
        assert_eq!(store.net().recv_from(&socket, 0).await.unwrap().unwrap().0, b"");
        assert_eq!(store.net().recv_from(&socket, 9).await.unwrap().unwrap().0, b"last");
        store.net().set_udp_read_timeout(&socket, Some(50)).unwrap();
        assert!(store.net().recv_from(&socket, 10).await.unwrap().is_none());
        assert!(matches!(store.net().set_udp_read_timeout(&socket, Some(0)), Err(Error::ZeroTimeout)));
        store.net().drop_handle(socket).unwrap();
    }
}

// net case 45
#[tokio::test]
async fn a_peer_needs_entry_and_airlock_unless_it_wrote_to_us() {
    let (peer, port) = peer("127.0.0.1");
    let closed = std::sync::Arc::new(astrid_airlock::Airlock::builder().build());
    let mut store = Store {
        host: FakeHost::builder().deny(MAY_SEND_UDP, &format!("127.0.0.1:{port}")).build(),
        net: NetCtx::builder(closed).build(),
        io: Default::default(),
    };
    let (socket, address) = bound(&mut store, "127.0.0.1").await;
    for _ in 0..2 {
        let error = store.net().send_to(&socket, b"x", "10.0.0.1", 9).await.unwrap_err();
        assert!(matches!(error, Error::Airlock(_)));
    }
    let error = store.net().send_to(&socket, b"x", "127.0.0.1", port).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Denied("policy"));
    peer.send_to(b"ask", address).unwrap();
    store.net().recv_from(&socket, 9).await.unwrap().unwrap();
    store.net().send_to(&socket, b"answer", "127.0.0.1", port).await.unwrap();
    let mut buffer = [0; 16];
    assert_eq!(peer.recv(&mut buffer).unwrap(), 6);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    let error = store.net().send_to(&socket, b"x", "127.0.0.1", port).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Denied("policy"));
}

/// An IPv4 address of this machine that is not loopback, of whatever interface, if it has one.
fn own_address() -> Option<std::net::IpAddr> {
    let found = if_addrs::get_if_addrs().unwrap();
    let mut usable = found.iter().map(if_addrs::Interface::ip).filter(|ip| ip.is_ipv4() && !ip.is_loopback());
    usable.find(|ip| Plain::bind((*ip, 0)).is_ok())
}

// net case 46
#[tokio::test]
async fn a_loopback_socket_reaches_out_through_another_that_only_hears_whom_it_wrote_to() {
    let Some(own) = own_address() else {
        eprintln!("NOT TESTED: this machine has no IPv4 address but loopback (net case 46)");
        return;
    };
    let mut rules = loopback();
    rules.allow(&capsule(), &format!("{own}:*")).unwrap();
    let mut store =
        store_behind(std::sync::Arc::new(astrid_airlock::Airlock::builder().rules(rules).build()));
    let (socket, address) = bound(&mut store, "127.0.0.1").await;
    let far = Plain::bind((own, 0)).unwrap();
    let stranger = Plain::bind((own, 0)).unwrap();
    let port = far.local_addr().unwrap().port();
    store.net().send_to(&socket, b"out", &own.to_string(), port).await.unwrap();
    let mut buffer = [0; 16];
    let (_, outward) = far.recv_from(&mut buffer).unwrap();
    assert_ne!(outward, address);
    assert_eq!(store.net().udp_local_addr(&socket).unwrap(), address.to_string());
    stranger.send_to(b"unasked", outward).unwrap();
    far.send_to(b"reply", outward).unwrap();
    let (data, from) = store.net().recv_from(&socket, 99).await.unwrap().unwrap();
    assert_eq!((&data[..], from), (&b"reply"[..], far.local_addr().unwrap()));
    let ready = store.net().subscribe_udp(&socket).unwrap();
    assert!(!store.io().ready(&ready).unwrap());
    let near = Plain::bind("127.0.0.1:0").unwrap();
    near.send_to(b"near", address).unwrap();
    store.io().block(&ready).await.unwrap();
    assert_eq!(store.net().recv_from(&socket, 99).await.unwrap().unwrap().0, b"near");
}

// net case 47
#[tokio::test]
async fn a_connected_socket_hears_one_peer_and_can_be_turned_to_another_and_back() {
    let mut store = store();
    let (socket, address) = bound(&mut store, "127.0.0.1").await;
    let ((one, first), (two, second)) = (peer("127.0.0.1"), peer("127.0.0.1"));
    assert!(matches!(store.net().send(&socket, b"x").await, Err(Error::NotConnected)));
    assert!(matches!(store.net().recv(&socket, 9).await, Err(Error::NotConnected)));
    two.send_to(b"before", address).unwrap();
    store.net().udp_connect(&socket, "127.0.0.1", first).await.unwrap();
    assert_eq!(store.net().udp_peer_addr(&socket).unwrap().unwrap(), format!("127.0.0.1:{first}"));
    two.send_to(b"other", address).unwrap();
    one.send_to(b"mine", address).unwrap();
    assert_eq!(store.net().recv(&socket, 99).await.unwrap().unwrap(), b"mine");
    store.net().send(&socket, b"hi").await.unwrap();
    store.net().send_to(&socket, b"ho", "127.0.0.1", first).await.unwrap();
    let error = store.net().send_to(&socket, b"x", "127.0.0.1", second).await.unwrap_err();
    assert!(matches!(error, Error::Connected));
    store.net().udp_connect(&socket, "127.0.0.1", second).await.unwrap();
    store.net().send(&socket, b"two").await.unwrap();
    let mut buffer = [0; 16];
    assert_eq!(two.recv(&mut buffer).unwrap(), 3);
    // A failure leaves the old state.
    assert!(store.net().udp_connect(&socket, "10.0.0.1", 9).await.is_err());
    assert_eq!(store.net().udp_peer_addr(&socket).unwrap().unwrap(), format!("127.0.0.1:{second}"));
    for _ in 0..2 {
        store.net().udp_disconnect(&socket).await.unwrap();
    }
    assert_eq!(store.net().udp_peer_addr(&socket).unwrap(), None);
    // The port the guest told others is still its own.
    one.send_to(b"still here", address).unwrap();
    assert_eq!(store.net().recv_from(&socket, 99).await.unwrap().unwrap().0, b"still here");
}

// net case 47
#[tokio::test]
async fn a_refusal_is_heard_once() {
    let mut store = store();
    let (socket, _) = bound(&mut store, "127.0.0.1").await;
    let (gone, port) = peer("127.0.0.1");
    drop(gone);
    store.net().udp_connect(&socket, "127.0.0.1", port).await.unwrap();
    store.net().send(&socket, b"x").await.unwrap();
    let error = store.net().send(&socket, b"x").await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Failed("connection-refused"));
}

#[tokio::test]
async fn readiness_is_there_while_a_datagram_is_and_no_longer() {
    let mut store = store();
    let (socket, address) = bound(&mut store, "127.0.0.1").await;
    let ready = store.net().subscribe_udp(&socket).unwrap();
    assert!(!store.io().ready(&ready).unwrap());
    let (peer, _) = peer("127.0.0.1");
    peer.send_to(b"0123456789", address).unwrap();
    store.io().block(&ready).await.unwrap();
    assert!(store.io().ready(&ready).unwrap());
    assert_eq!(store.net().recv_from(&socket, 4).await.unwrap().unwrap().0, b"0123");
    assert!(!store.io().ready(&ready).unwrap());
    store.net().drop_handle(socket).unwrap();
    assert!(store.io().ready(&ready).unwrap());
}

// principals §6: what a disabled principal holds ends, whoever uses it at that moment
#[tokio::test]
async fn a_revoked_principals_sockets_are_gone_their_ports_are_free_and_their_waits_end() {
    let connections = Connections::new();
    let mut stores = ["alice", "bob"].map(|who| {
        store_with(FakeHost::builder().principal(who), |net| net.connections(connections.clone()))
    });
    let [alice, bob] = &mut stores;
    let (hers, address) = bound(alice, "127.0.0.1").await;
    let (his, other) = bound(bob, "127.0.0.1").await;
    let waiting = async {
        let error = alice.net().recv_from(&hers, 10).await.unwrap_err();
        assert!(matches!(error, Error::InvalidHandle), "{error:?}");
    };
    let revoking = async {
        tokio::task::yield_now().await;
        assert_eq!(connections.close_udp_of(&"alice".parse().unwrap()), 1);
    };
    tokio::join!(waiting, revoking);
    assert!(matches!(alice.net().send_to(&hers, b"x", "127.0.0.1", 9).await, Err(Error::InvalidHandle)));
    let again = Plain::bind(address).unwrap();
    again.send_to(b"to bob", other).unwrap();
    let (data, _) = bob.net().recv_from(&his, 10).await.unwrap().unwrap();
    assert_eq!(data, b"to bob");
    assert_eq!(connections.close_udp_of(&"alice".parse().unwrap()), 0);
}
