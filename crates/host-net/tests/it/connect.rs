//! `connect-tcp` and `lookup-host`: policy, airlock, quota, time.

use std::sync::Arc;
use std::time::Duration;

use crate::common::*;
use astrid_airlock::{Airlock, LocalEgress, Scripted};
use astrid_host_context::{Failure, Outcome};
use astrid_host_net::{Connections, Error, FrameRead, MAY_CONNECT, MAY_LOOKUP, NetCtx, limits};
use astrid_host_testkit::{FakeHost, Told, free_port};

fn behind(dns: Scripted, entries: &[&str]) -> (Store, Arc<Airlock>, Connections) {
    let mut rules = LocalEgress::new();
    for entry in entries {
        rules.allow(&capsule(), entry).unwrap();
    }
    let airlock = Arc::new(Airlock::builder().rules(rules).resolver(Arc::new(dns)).build());
    let open = Connections::new();
    let net = NetCtx::builder(airlock.clone()).connections(open.clone()).build();
    (Store { host: FakeHost::builder().build(), net, io: Default::default() }, airlock, open)
}

// net case 1
#[tokio::test]
async fn a_denied_endpoint_sees_no_packet_and_leaves_one_denial() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut store =
        store_with(FakeHost::builder().deny(MAY_CONNECT, &format!("127.0.0.1:{port}")), |net| net);
    let error = store.net().connect_tcp("127.0.0.1", port).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Denied("policy"));
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    let records = store.host.recorder().audited();
    let [one] = &records[..] else { panic!("one record") };
    assert_eq!((one.op.function, one.outcome), ("connect-tcp", Outcome::Denied("policy")));
}

// net case 1
#[tokio::test]
async fn the_policy_is_asked_about_the_name_as_given_without_case_and_trailing_dot() {
    let (mut store, ..) = behind(Scripted::new(), &[]);
    let _ = store.net().connect_tcp("H.Example.", 443).await;
    let told = store.host.recorder().told();
    let asked = told.iter().find_map(|told| match told {
        Told::Policy { target, .. } => target.clone(),
        _ => None,
    });
    assert_eq!(asked.unwrap(), "h.example:443");
}

// net case 2
#[tokio::test]
async fn blocked_literals_are_rejected_before_quota_and_network() {
    let (mut store, ..) = behind(Scripted::new(), &[]);
    for host in [
        "127.0.0.1",
        "127.255.255.255",
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::1",
        "::",
        "::ffff:10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "fe80::1",
        "fd00:ec2::254",
    ] {
        let error = store.net().connect_tcp(host, 80).await.unwrap_err();
        assert!(matches!(error, Error::Airlock(_)), "{host}: {error:?}");
    }
    let charged = store.host.recorder().told();
    assert!(!charged.iter().any(|told| matches!(told, Told::Quota { .. })));
}

// net case 5
#[tokio::test]
async fn a_name_is_judged_by_its_addresses() {
    let dns = Scripted::new()
        .answer("inside.test", ["10.0.0.1".parse().unwrap()])
        .answer("mixed.test", ["10.0.0.1".parse().unwrap(), "127.0.0.1".parse().unwrap()]);
    let peer = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = peer.local_addr().unwrap().port();
    // Opting a name in admits its loopback address; the private one would be admitted too, so only
    // the literal is lifted here.
    let (mut store, ..) = behind(dns, &["mixed.test:*"]);
    assert!(matches!(store.net().connect_tcp("inside.test", port).await, Err(Error::Airlock(_))));
    assert!(matches!(store.net().connect_tcp("nowhere.test", port).await, Err(Error::Unresolvable)));
}

// net case 6
#[tokio::test]
async fn a_name_is_asked_for_once_and_what_was_judged_is_dialled() {
    let peer = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = peer.local_addr().unwrap().port();
    let answers = ["127.0.0.1".parse().unwrap()];
    let dns = Arc::new(
        Scripted::new().answer("rebind.test", answers).answer("rebind.test", ["127.0.0.2".parse().unwrap()]),
    );
    let mut rules = LocalEgress::new();
    rules.allow(&capsule(), "rebind.test:*").unwrap();
    let airlock = Arc::new(Airlock::builder().rules(rules).resolver(dns.clone()).build());
    let mut store = store_behind(airlock);
    let stream = store.net().connect_tcp("rebind.test", port).await.unwrap();
    assert_eq!(dns.asked("rebind.test"), 1);
    assert_eq!(store.net().peer_addr(&stream).unwrap(), format!("127.0.0.1:{port}"));
}

// net case 7
#[tokio::test]
async fn numeric_spellings_of_loopback_never_connect() {
    let dns = Scripted::new()
        .answer("2130706433", ["127.0.0.1".parse().unwrap()])
        .answer("localhost", ["127.0.0.1".parse().unwrap()]);
    let peer = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (mut store, ..) = behind(dns, &[]);
    for host in ["2130706433", "127.1", "0x7f000001", "localhost"] {
        let error = store.net().connect_tcp(host, peer.local_addr().unwrap().port()).await.unwrap_err();
        assert!(matches!(error, Error::Airlock(_) | Error::Unresolvable), "{host}: {error:?}");
    }
}

// net case 8
#[tokio::test]
async fn malformed_hosts_and_port_0_are_no_addresses() {
    let mut store = store();
    let long = "x".repeat(256);
    for host in ["", &long, "a\0b", "a b", "a/b", "u@h", "h:80", "h?x", "h%1", "h\\x"] {
        let error = store.net().connect_tcp(host, 80).await.unwrap_err();
        assert!(matches!(error, Error::Host(_)), "{host:?}: {error:?}");
    }
    assert!(matches!(store.net().connect_tcp("127.0.0.1", 0).await, Err(Error::Address(_))));
}

// net case 9
#[tokio::test]
async fn an_entry_taken_back_closes_the_stream_and_refuses_the_next() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (mut store, airlock, open) = behind(Scripted::new(), &[&format!("127.0.0.1:{port}")]);
    let watch = tokio::spawn(open.clone().follow(Arc::downgrade(&airlock)));
    tokio::task::yield_now().await;
    assert!(matches!(store.net().connect_tcp("127.0.0.1", port ^ 1).await, Err(Error::Airlock(_))));
    let stream = store.net().connect_tcp("127.0.0.1", port).await.unwrap();
    let _peer = listener.accept().await.unwrap();
    let taking = async {
        tokio::task::yield_now().await;
        airlock.replace_rules(LocalEgress::new());
    };
    let mut net = store.net();
    // The case's second is for a machine that does nothing else; nothing but the rule's end would end this.
    let waited = tokio::time::timeout(Duration::from_secs(30), net.read_bytes(&stream, 1));
    let (ended, ()) = tokio::join!(waited, taking);
    assert!(matches!(ended.unwrap(), Err(Error::InvalidHandle)));
    assert!(matches!(store.net().connect_tcp("127.0.0.1", port).await, Err(Error::Airlock(_))));
    watch.abort();
}

#[tokio::test]
async fn a_peer_that_refused_is_spared_for_a_second_and_others_are_not() {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut store = store();
    let refused = |error: Error| assert_eq!(error.outcome(), Outcome::Failed("connection-refused"));
    refused(store.net().connect_tcp("127.0.0.1", address.port()).await.unwrap_err());
    // Somebody listens now, and would see a packet.
    let listener = std::net::TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    refused(store.net().connect_tcp("127.0.0.1", address.port()).await.unwrap_err());
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    // Another capsule never heard of it.
    store_with(FakeHost::builder(), |net| net).net().connect_tcp("127.0.0.1", address.port()).await.unwrap();
    listener.accept().unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(1001)).await;
    tokio::time::resume();
    store.net().connect_tcp("127.0.0.1", address.port()).await.unwrap();
}

#[tokio::test]
async fn streams_and_what_the_airlock_refused_are_counted() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (mut store, airlock, open) = behind(Scripted::new(), &[&format!("127.0.0.1:{port}")]);
    let stream = store.net().connect_tcp("127.0.0.1", port).await.unwrap();
    let (mut peer, _) = listener.accept().await.unwrap();
    store.net().write_bytes(&stream, b"four").await.unwrap();
    send(&mut peer, b"seventy").await;
    assert_eq!(store.net().read_bytes(&stream, 99).await.unwrap().len(), 7);
    let while_open = open.figures();
    assert_eq!((while_open.open, while_open.connected, while_open.accepted), (1, 1, 0));
    assert_eq!((while_open.received, while_open.sent), (7, 4));
    store.drop_stream(stream);
    assert_eq!(open.figures(), astrid_host_net::StreamFigures { open: 0, ..while_open });
    assert!(store.net().connect_tcp("10.0.0.1", 80).await.is_err());
    assert!(store.net().connect_tcp("169.254.169.254", 80).await.is_err());
    assert_eq!(airlock.rejections(), [("metadata", 1), ("private", 1)]);
}

// net case 11
#[tokio::test]
async fn a_closed_port_refuses() {
    let error = store().net().connect_tcp("127.0.0.1", free_port()).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Failed("connection-refused"));
}

// net case 11
#[tokio::test(start_paused = true)]
async fn resolving_and_connecting_end_after_ten_seconds_and_with_an_unload_at_once() {
    let (mut store, ..) = behind(Scripted::new().silent("slow.test"), &[]);
    let before = tokio::time::Instant::now();
    assert!(matches!(store.net().connect_tcp("slow.test", 80).await, Err(Error::Timeout)));
    assert!((9_800..10_200).contains(&before.elapsed().as_millis()));
    let token = store.host.cancellation();
    let unload = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        token.cancel();
    };
    let before = tokio::time::Instant::now();
    let mut net = store.net();
    let (ended, ()) = tokio::join!(net.connect_tcp("slow.test", 80), unload);
    assert_eq!(ended.unwrap_err().outcome(), Outcome::Cancelled("cancelled"));
    assert!(before.elapsed() <= Duration::from_millis(1_050));
}

// net case 12
#[tokio::test]
async fn the_ninth_stream_is_refused_without_a_packet_and_others_have_their_own_eight() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let mut store = store();
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(store.connect(address).await);
    }
    let refused = store.net().connect_tcp("127.0.0.1", address.port()).await.unwrap_err();
    assert_eq!(refused.outcome(), Outcome::Denied("quota"));
    store.host.serve("bob");
    for _ in 0..8 {
        streams.push(store.connect(address).await);
    }
    store.host.serve("alice");
    let first = streams.remove(0);
    store.drop_stream(first);
    store.connect(address).await;
    // The last of them may still be on its way through the kernel.
    let (mut seen, begun) = (0, std::time::Instant::now());
    while seen < 17 && begun.elapsed() < Duration::from_secs(30) {
        seen += usize::from(listener.accept().is_ok());
    }
    assert_eq!(seen, 17);
    assert!(listener.accept().is_err(), "none of those that were refused");
}

#[tokio::test]
async fn one_capsule_has_a_limit_over_all_its_principals() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut store = store_with(FakeHost::builder().limit(&limits::CAPSULE_STREAMS, 2), |net| net);
    for name in ["a", "b"] {
        store.host.serve(name);
        store.connect(address).await;
    }
    store.host.serve("c");
    let refused = store.net().connect_tcp("127.0.0.1", address.port()).await.unwrap_err();
    assert_eq!(refused.outcome(), Outcome::Denied("quota"));
}

// net case 51
#[tokio::test]
async fn connects_and_accepts_are_recorded_once_with_addresses_and_refused_without_a_record() {
    let mut store = store();
    let (listener, address) = store.listen().await;
    let client = store.connect(address).await;
    store.net().accept_tcp(&listener).await.unwrap();
    let records = store.host.recorder().audited();
    let of = |function| records.iter().filter(|r| r.op.function == function).collect::<Vec<_>>();
    let ([connect], [accept], [bind]) = (&of("connect-tcp")[..], &of("accept")[..], &of("bind-tcp")[..])
    else {
        panic!("one record each: {records:?}")
    };
    assert_eq!(connect.facts, [("address", address.to_string())]);
    assert_eq!(bind.facts, [("local", address.to_string())]);
    let local = store.net().local_addr(&client).unwrap();
    assert_eq!(accept.facts, [("local", address.to_string()), ("peer", local)]);

    let waiting = tokio::net::TcpStream::connect(address).await.unwrap();
    store.host.recorder().refuse_records(true);
    for error in [
        store.net().connect_tcp("127.0.0.1", address.port()).await.unwrap_err(),
        store.net().accept_tcp(&listener).await.unwrap_err(),
        store.net().bind_tcp("127.0.0.1", 0).await.unwrap_err(),
        store.net().udp_bind("127.0.0.1", 0).await.unwrap_err(),
    ] {
        assert_eq!(error.outcome(), Outcome::Denied("audit-unavailable"));
    }
    store.host.recorder().refuse_records(false);
    // The client that waited was not taken, and no other came.
    assert!(store.net().poll_accept_tcp(&listener, 0).await.unwrap().is_some());
    assert!(store.net().poll_accept_tcp(&listener, 0).await.unwrap().is_none());
    drop(waiting);
}

// net case 48
#[tokio::test]
async fn a_lookup_gives_permitted_addresses_in_order_with_the_port_that_was_given() {
    let (public, second) = ("8.8.8.8", "2606:4700::1111");
    let dns = Scripted::new()
        .answer("h", [public.parse().unwrap(), "10.0.0.1".parse().unwrap(), second.parse().unwrap()])
        .answer("private", ["10.0.0.1".parse().unwrap()])
        .silent("slow");
    let (mut store, ..) = behind(dns, &[]);
    let mut net = store.net();
    assert_eq!(net.lookup_host("h").await.unwrap(), [public, second]);
    assert_eq!(net.lookup_host("H.:443").await.unwrap(), ["8.8.8.8:443", "[2606:4700::1111]:443"]);
    assert_eq!(net.lookup_host("[::1]:80").await.unwrap(), [""; 0]);
    assert_eq!(net.lookup_host("private").await.unwrap(), [""; 0]);
    assert!(matches!(net.lookup_host("nowhere").await, Err(Error::Unresolvable)));
    tokio::time::pause();
    assert!(matches!(net.lookup_host("slow").await, Err(Error::Timeout)));
}

// net case 48
#[tokio::test(start_paused = true)]
async fn the_101st_lookup_in_a_second_is_refused_and_an_undeclared_one_always() {
    let dns = Scripted::new().answer("h", ["8.8.8.8".parse().unwrap()]);
    let (mut store, ..) = behind(dns, &[]);
    for _ in 0..100 {
        store.net().lookup_host("h").await.unwrap();
    }
    let refused = store.net().lookup_host("h").await.unwrap_err();
    assert_eq!(refused.outcome(), Outcome::Denied("quota"));
    store.host.serve("bob");
    store.net().lookup_host("h").await.unwrap();
    store.host.serve("alice");
    tokio::time::advance(Duration::from_secs(1)).await;
    store.net().lookup_host("h").await.unwrap();
    let mut store = store_with(FakeHost::builder().deny(MAY_LOOKUP, "host:h:443"), |net| net);
    let denied = store.net().lookup_host("h:443").await.unwrap_err();
    assert_eq!(denied.outcome(), Outcome::Denied("policy"));
}

#[tokio::test]
async fn a_closed_connection_is_an_invalid_handle_for_every_function() {
    let open = Connections::new();
    let mut store = store_with(FakeHost::builder(), |net| net.connections(open.clone()));
    let (stream, mut peer) = store.pair().await;
    assert_eq!(open.close(|facts| facts.principal.as_ref().is_some_and(|p| p.as_str() == "bob")), 0);
    assert_eq!(open.close(|facts| facts.principal.as_ref().is_some_and(|p| p.as_str() == "alice")), 1);
    assert_eq!(rest(&mut peer).await, b"");
    let mut net = store.net();
    assert!(matches!(net.read(&stream).await, Err(Error::InvalidHandle)));
    assert!(matches!(net.write(&stream, b"x").await, Err(Error::InvalidHandle)));
    assert!(matches!(net.peer_addr(&stream), Err(Error::InvalidHandle)));
    net.drop_handle(stream).unwrap();
    assert!(open.is_empty());
    let (stream, peer) = store.pair().await;
    drop(peer);
    // An end in order is none.
    let ended = loop {
        match store.net().read(&stream).await.unwrap() {
            FrameRead::Pending => {}
            other => break other,
        }
    };
    assert_eq!(ended, FrameRead::Closed);
}

#[tokio::test]
async fn a_stream_is_counted_by_every_look_at_the_figures_while_it_ends() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (mut store, _airlock, open) = behind(Scripted::new(), &[&format!("127.0.0.1:{port}")]);
    for round in 1..=100 {
        let stream = store.net().connect_tcp("127.0.0.1", port).await.unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        send(&mut peer, b"x").await;
        assert_eq!(store.net().read_bytes(&stream, 9).await.unwrap(), b"x");
        let open = open.clone();
        let (looks, looking) = std::sync::mpsc::channel();
        let looked = std::thread::spawn(move || {
            loop {
                let figures = open.figures();
                let _ = looks.send(());
                assert_eq!((figures.connected, figures.received), (round, round), "{} open", figures.open);
                if figures.open == 0 {
                    return;
                }
            }
        });
        looking.recv().unwrap();
        store.drop_stream(stream);
        looked.join().unwrap();
    }
}
