//! Socket options, over both families.

use std::time::Duration;

use crate::common::*;
use astrid_host_net::Error;
use tokio::io::AsyncReadExt;

async fn v6_pair(store: &mut Store) -> (Stream, tokio::net::TcpStream) {
    let listener = tokio::net::TcpListener::bind("[::1]:0").await.unwrap();
    let stream = store.connect(listener.local_addr().unwrap()).await;
    (stream, listener.accept().await.unwrap().0)
}

// net case 25
#[tokio::test]
async fn options_read_back_as_they_were_set_over_ipv4_and_ipv6() {
    let mut store = store();
    for v6 in [false, true] {
        let (stream, _peer) = if v6 { v6_pair(&mut store).await } else { store.pair().await };
        let mut net = store.net();
        assert!(!net.nodelay(&stream).unwrap());
        net.set_nodelay(&stream, true).unwrap();
        assert!(net.nodelay(&stream).unwrap());
        for hops in [0, 256] {
            assert!(matches!(net.set_hop_limit(&stream, hops), Err(Error::HopLimit)));
        }
        for hops in [1, 255, 64] {
            net.set_hop_limit(&stream, hops).unwrap();
            assert_eq!(net.hop_limit(&stream).unwrap(), hops, "v6 {v6}");
        }
        assert_eq!(net.keepalive(&stream).unwrap(), None);
        for (set, got) in
            [(Some(0), Some(1)), (Some(30), Some(30)), (Some(u64::MAX), Some(32_767)), (None, None)]
        {
            net.set_keepalive(&stream, set).unwrap();
            assert_eq!(net.keepalive(&stream).unwrap(), got);
        }
        for linger in [Some(1), Some(60_000), None] {
            net.set_linger(&stream, linger).unwrap();
            assert_eq!(net.linger(&stream).unwrap(), linger);
        }
        net.set_linger(&stream, Some(u64::MAX)).unwrap();
        assert_eq!(net.linger(&stream).unwrap(), Some(60_000));
        net.set_linger(&stream, None).unwrap();
        net.set_reuseaddr(&stream, true).unwrap();
        assert!(net.reuseaddr(&stream).unwrap());
    }
}

// net case 25
#[tokio::test]
async fn timeouts_are_non_zero_capped_at_an_hour_and_read_back() {
    let mut store = store();
    let (stream, _peer) = store.pair().await;
    let mut net = store.net();
    assert!(matches!(net.set_read_timeout(&stream, Some(0)), Err(Error::ZeroTimeout)));
    assert!(matches!(net.set_write_timeout(&stream, Some(0)), Err(Error::ZeroTimeout)));
    for (set, got) in [(Some(1500), Some(1500)), (Some(u64::MAX), Some(3_600_000)), (None, None)] {
        net.set_read_timeout(&stream, set).unwrap();
        net.set_write_timeout(&stream, set).unwrap();
        assert_eq!((net.read_timeout(&stream).unwrap(), net.write_timeout(&stream).unwrap()), (got, got));
    }
}

#[tokio::test]
async fn the_kernel_really_has_what_was_set() {
    let mut store = store();
    let (listener, address) = store.listen().await;
    let client = store.connect(address).await;
    let server = store.net().accept_tcp(&listener).await.unwrap();
    let mut net = store.net();
    net.set_keepalive(&client, Some(30)).unwrap();
    net.set_keepalive(&server, None).unwrap();
    let peer = net.peer_addr(&client).unwrap();
    assert_eq!(peer, net.local_addr(&server).unwrap());
    assert_eq!(net.peer_addr(&server).unwrap(), net.local_addr(&client).unwrap());
}

// net case 25
#[tokio::test]
async fn a_linger_of_0_breaks_the_connection_off_and_one_above_does_not_hold_the_worker() {
    let mut store = store();
    let (stream, mut peer) = store.pair().await;
    store.net().set_linger(&stream, Some(0)).unwrap();
    store.drop_stream(stream);
    assert_eq!(peer.read_u8().await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);

    let (stream, mut peer) = store.pair().await;
    store.net().set_linger(&stream, Some(30_000)).unwrap();
    store.net().set_write_timeout(&stream, Some(20)).unwrap();
    while store.net().write_bytes(&stream, &[7; 1 << 16]).await.is_ok() {}
    let before = std::time::Instant::now();
    store.drop_stream(stream);
    // The close itself would hold it for the whole half minute.
    assert!(before.elapsed() < Duration::from_secs(20));
    assert!(rest(&mut peer).await.iter().all(|b| *b == 7));
}
