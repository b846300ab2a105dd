//! TCP listeners.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::common::*;
use astrid_host_context::{Failure, Outcome, Subject};
use astrid_host_net::{Connections, Error, MAY_BIND_TCP, limits};
use astrid_host_testkit::{FakeHost, free_port};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

// net case 26
#[tokio::test]
async fn only_loopback_is_bound_whatever_the_policy_says() {
    let mut store = store();
    for (host, starts) in [
        ("127.0.0.1", "127.0.0.1:"),
        ("localhost", "127.0.0.1:"),
        ("127.9.9.9", "127.9.9.9:"),
        ("::1", "[::1]:"),
        ("[::1]", "[::1]:"),
    ] {
        let listener = store.net().bind_tcp(host, 0).await.unwrap();
        let address = store.net().listener_addr(&listener).unwrap();
        assert!(address.starts_with(starts) && !address.ends_with(":0"), "{host}: {address}");
        store.net().drop_handle(listener).unwrap();
    }
    for host in ["0.0.0.0", "::", "::ffff:127.0.0.1", "192.168.1.2", "example.com", "8.8.8.8"] {
        let error = store.net().bind_tcp(host, 0).await.unwrap_err();
        assert!(matches!(error, Error::Airlock(_)), "{host}: {error:?}");
    }
    let mut store = store_with(FakeHost::builder().deny(MAY_BIND_TCP, "0.0.0.0:80"), |net| net);
    let error = store.net().bind_tcp("0.0.0.0", 80).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Denied("policy"));
}

// net case 27
#[tokio::test]
async fn a_port_is_bound_once_and_free_at_once_after_a_drop() {
    let mut store = store();
    let (listener, address) = store.listen().await;
    let error = store.net().bind_tcp("127.0.0.1", address.port()).await.unwrap_err();
    assert!(matches!(&error, Error::Io(e) if e.kind() == std::io::ErrorKind::AddrInUse), "{error:?}");
    let client = TcpStream::connect(address).await.unwrap();
    let stream = store.net().accept_tcp(&listener).await.unwrap();
    store.net().drop_handle(listener).unwrap();
    let again = store.net().bind_tcp("127.0.0.1", address.port()).await.unwrap();
    drop((client, stream, again));
    let mut kept = Vec::new();
    for _ in 1..4 {
        kept.push(store.listen().await);
    }
    let error = store.net().bind_tcp("127.0.0.1", 0).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Denied("quota"));
}

// net case 28
#[tokio::test]
async fn stores_of_one_capsule_share_a_listener_as_far_as_the_manifest_lets_them() {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut first = store_with(FakeHost::builder(), |net| net.bind_workers(2));
    let mut second =
        Store { host: FakeHost::builder().build(), net: first.net.clone(), io: Default::default() };
    let mut third =
        Store { host: FakeHost::builder().build(), net: first.net.clone(), io: Default::default() };
    let a = first.net().bind_tcp("127.0.0.1", address.port()).await.unwrap();
    let b = second.net().bind_tcp("127.0.0.1", address.port()).await.unwrap();
    let error = third.net().bind_tcp("127.0.0.1", address.port()).await.unwrap_err();
    assert!(matches!(&error, Error::Io(e) if e.kind() == std::io::ErrorKind::AddrInUse), "{error:?}");
    let call = second.host.call();
    let subject = Subject { principal: call.principal(), capsule: call.capsule() };
    assert_eq!(second.host.recorder().held(&subject, &limits::TCP_LISTENERS), 0);
    let clients = async {
        let one = TcpStream::connect(address).await.unwrap();
        (one, TcpStream::connect(address).await.unwrap())
    };
    let (mut one, mut two) = (first.net(), second.net());
    let (one, two, _clients) = tokio::join!(one.accept_tcp(&a), two.accept_tcp(&b), clients);
    one.unwrap();
    two.unwrap();
}

// net case 28
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_workers_serve_four_clients_side_by_side_over_one_socket_and_one_share() {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let first = store_with(FakeHost::builder(), |net| net.bind_workers(4));
    let (net, start) = (first.net.clone(), Arc::new(tokio::sync::Barrier::new(5)));
    let together = Arc::new(tokio::sync::Barrier::new(4));
    let serve = |start: Arc<tokio::sync::Barrier>, together: Arc<tokio::sync::Barrier>, net| async move {
        let mut store = Store { host: FakeHost::builder().build(), net, io: Default::default() };
        // All at once: whoever is second has to find what the first one bound, even while others wait on it.
        start.wait().await;
        let listener = store.net().bind_tcp("127.0.0.1", address.port()).await.unwrap();
        let share = listeners_held(&store);
        start.wait().await;
        let stream = store.net().accept_tcp(&listener).await.unwrap();
        // Each waits for the other three before it answers: one after the other they would never.
        together.wait().await;
        store.net().write_bytes(&stream, b"served").await.unwrap();
        share
    };
    let workers: Vec<_> =
        (0..4).map(|_| tokio::spawn(serve(start.clone(), together.clone(), net.clone()))).collect();
    start.wait().await;
    start.wait().await;
    let client = || async move {
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut said = [0; 6];
        client.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"served");
    };
    let clients = async { tokio::join!(client(), client(), client(), client()) };
    tokio::time::timeout(Duration::from_secs(30), clients).await.unwrap();
    let mut shares = 0;
    for worker in workers {
        shares += worker.await.unwrap();
    }
    assert_eq!(shares, 1, "one of them pays for the socket");
}

fn listeners_held(store: &Store) -> u64 {
    let call = store.host.call();
    let subject = Subject { principal: call.principal(), capsule: call.capsule() };
    store.host.recorder().held(&subject, &limits::TCP_LISTENERS)
}

// net case 28
#[tokio::test]
async fn a_worker_that_waits_for_clients_is_no_further_handle() {
    let port = free_port();
    let mut first = store_with(FakeHost::builder(), |net| net.bind_workers(2));
    let mut second =
        Store { host: FakeHost::builder().build(), net: first.net.clone(), io: Default::default() };
    let listener = first.net().bind_tcp("127.0.0.1", port).await.unwrap();
    let ready = first.net().subscribe_tcp(&listener).unwrap();
    let mut net = first.net();
    let mut waiting = Box::pin(net.accept_tcp(&listener));
    assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
    let again = second.net().bind_tcp("127.0.0.1", port).await.unwrap();
    drop(waiting);
    assert!(!first.io().ready(&ready).unwrap());
    // Handles that are gone make room.
    second.net().drop_handle(again).unwrap();
    second.net().bind_tcp("127.0.0.1", port).await.unwrap();
    assert!(second.net().bind_tcp("127.0.0.1", port).await.is_err());
}

// net case 29
#[tokio::test(start_paused = true)]
async fn a_poll_accept_waits_as_long_as_it_is_told_and_at_most_a_minute() {
    let mut store = store();
    let (listener, _) = store.listen().await;
    for (asked, waited) in [(0, 0), (100, 100), (u64::MAX, 60_000)] {
        let before = tokio::time::Instant::now();
        assert!(store.net().poll_accept_tcp(&listener, asked).await.unwrap().is_none());
        let took = u64::try_from(before.elapsed().as_millis()).unwrap();
        assert!((waited..waited + 5).contains(&took), "{asked}: {took}");
    }
}

// net case 29
#[tokio::test]
async fn a_client_that_comes_during_a_poll_accept_is_handed_out() {
    let mut store = store();
    let (listener, address) = store.listen().await;
    let client = async {
        tokio::task::yield_now().await;
        TcpStream::connect(address).await.unwrap()
    };
    let mut net = store.net();
    let (found, mut client) = tokio::join!(net.poll_accept_tcp(&listener, 10_000), client);
    let stream = found.unwrap().unwrap();
    // What it sent is untouched by the host.
    send(&mut client, b"GET").await;
    assert_eq!(store.net().read_bytes(&stream, 9).await.unwrap(), b"GET");
    // A waiting client is found even without a wait.
    let _next = TcpStream::connect(address).await.unwrap();
    let ready = store.net().subscribe_tcp(&listener).unwrap();
    store.io().block(&ready).await.unwrap();
    assert!(store.net().poll_accept_tcp(&listener, 0).await.unwrap().is_some());
}

// net case 30
#[tokio::test]
async fn readiness_takes_nobody_and_a_full_quota_leaves_the_client_in_the_kernel() {
    let open = Connections::new();
    let host = FakeHost::builder().limit(&limits::STREAMS, 1);
    let mut store = store_with(host, |net| net.connections(open.clone()));
    let (listener, address) = store.listen().await;
    let ready = store.net().subscribe_tcp(&listener).unwrap();
    assert!(!store.io().ready(&ready).unwrap());
    let first = TcpStream::connect(address).await.unwrap();
    store.io().block(&ready).await.unwrap();
    assert!(store.io().ready(&ready).unwrap());
    assert!(open.is_empty());
    let taken = store.net().accept_tcp(&listener).await.unwrap();
    assert!(!store.io().ready(&ready).unwrap());
    let mut second = TcpStream::connect(address).await.unwrap();
    let refused = store.net().accept_tcp(&listener).await.unwrap_err();
    assert_eq!(refused.outcome(), Outcome::Denied("quota"));
    let quick = tokio::time::timeout(Duration::from_millis(20), second.read_u8()).await;
    assert!(quick.is_err(), "the waiting client stays connected");
    store.drop_stream(taken);
    drop(first);
    let stream = store.net().accept_tcp(&listener).await.unwrap();
    store.net().write(&stream, b"served").await.unwrap();
    assert_eq!(second.read_u32().await.unwrap(), 6);
}

#[tokio::test]
async fn a_listener_pollable_keeps_no_port() {
    let mut store = store();
    let (listener, address): (_, SocketAddr) = store.listen().await;
    let ready = store.net().subscribe_tcp(&listener).unwrap();
    assert!(!store.io().ready(&ready).unwrap());
    store.net().drop_handle(listener).unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    assert!(store.io().ready(&ready).unwrap());
}
