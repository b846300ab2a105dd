//! Quotas, audit, phrases, and what one principal or store can do to another.

use std::io;

use crate::common::{State, again, feed, sink, state, with};
use astrid_host_io::limits::{MAX_TABLE, POLLABLES, STREAMS};
use astrid_host_io::{Error, IoError, IoTable, IoView, Phrase, Stopped, readiness_fn};
use astrid_host_testkit::FakeHost;
use bytes::Bytes;

// io case 29
#[test]
fn after_a_ready_pollable_a_read_of_one_is_never_empty() {
    let mut s = state();
    let (feed, stream) = s.input();
    let p = s.io().subscribe_input(&stream).unwrap();
    let mut random = 0x9e37_79b9_u32;
    let mut ready_seen = 0;
    for _ in 0..10_000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match random >> 29 {
            0..=2 => feed.send(vec![1; (random >> 16) as usize % 5]),
            3 | 4 => drop(s.io().read(&stream, u64::from(random >> 20) % 4)),
            _ => {}
        }
        if s.io().ready(&p).unwrap() {
            ready_seen += 1;
            assert_eq!(s.io().read(&stream, 1).unwrap().len(), 1);
        }
    }
    assert!(ready_seen > 1000);
}

// io case 30
#[test]
fn a_stream_with_a_live_pollable_cannot_be_dropped_before_it() {
    let mut s = state();
    let (_feed, input) = s.input();
    let (_sink, output) = s.output();
    let p = s.io().subscribe_input(&input).unwrap();
    let q = s.io().subscribe_output(&output).unwrap();
    assert!(matches!(s.io().drop_resource(again_own(&input)), Err(Error::Table(_))));
    assert!(matches!(s.io().drop_output(again_own(&output)), Err(Error::Table(_))));
    assert_eq!((s.held(&STREAMS), s.held(&POLLABLES)), (2, 2));
    s.io().drop_resource(p).unwrap();
    s.io().drop_resource(q).unwrap();
    s.io().drop_resource(input).unwrap();
    s.io().drop_output(output).unwrap();
    assert_eq!((s.held(&STREAMS), s.held(&POLLABLES)), (0, 0));
}

fn again_own<T: 'static>(resource: &wasmtime::component::Resource<T>) -> wasmtime::component::Resource<T> {
    wasmtime::component::Resource::new_own(resource.rep())
}

// io case 47
#[test]
fn the_pollable_over_the_quota_traps_and_a_dropped_store_gives_all_back() {
    let mut s = with(FakeHost::builder().limit(&POLLABLES, 4));
    let recorder = s.host.recorder().clone();
    let (_feed, stream) = s.input();
    let mine: Vec<_> = (0..4).map(|_| s.io().subscribe_input(&stream).unwrap()).collect();
    let fifth = s.io().subscribe_input(&stream).unwrap_err();
    assert!(fifth.to_string().contains("quota"), "{fifth}");
    drop(mine);
    let call = s.host.call().clone();
    let services = s.host.services().clone();
    drop(s);
    let subject = astrid_host_context::Subject { principal: call.principal(), capsule: call.capsule() };
    assert_eq!(recorder.held(&subject, &POLLABLES), 0);
    assert_eq!(recorder.held(&subject, &STREAMS), 0);
    // A second store on the same services can make four again.
    let mut slot = astrid_host_context::CallSlot::new(call);
    let mut table = wasmtime::component::ResourceTable::new();
    let mut host = astrid_host_context::HostCx { call: &mut slot, services: &services, table: &mut table };
    for _ in 0..4 {
        host.push_pollable(readiness_fn(|_| std::task::Poll::Pending)).unwrap();
    }
    assert!(host.push_pollable(readiness_fn(|_| std::task::Poll::Pending)).is_err());
}

// §2.1: typed quota from whoever makes a stream, per principal
#[test]
fn streams_are_counted_per_principal() {
    let mut s = with(FakeHost::builder().limit(&STREAMS, 2));
    let (_f, _a) = s.input();
    let (_s, _b) = s.output();
    let refused = s.host.cx().push_input(feed().1).unwrap_err();
    assert_eq!((refused.resource, refused.limit), ("io.streams", 2));
    assert!(s.host.cx().push_output(sink().1).is_err());
    s.host.serve("bob");
    assert!(s.host.cx().push_input(feed().1).is_ok());
}

// §2.1: the table of a store never holds more than 8,192 entries
#[test]
fn a_full_table_refuses_like_a_quota_and_gives_the_share_back() {
    let mut s = with(FakeHost::builder().limit(&POLLABLES, u64::MAX));
    let never = || readiness_fn(|_| std::task::Poll::Pending);
    for _ in 0..MAX_TABLE {
        s.host.cx().push_pollable(never()).unwrap();
    }
    let refused = s.host.cx().push_pollable(never()).unwrap_err();
    assert_eq!(refused.limit, 8192);
    assert_eq!(s.held(&POLLABLES), 8192);
    assert!(s.host.cx().push_error(IoError::new("x")).is_err());
}

// io case 50
#[test]
fn no_debug_string_tells_anything_of_the_host() {
    const SECRETS: [&str; 4] = ["/home/x", "10.0.0.1", "5f0c1a52-8f6e-4f5e-9f0e-1d2c3b4a5968", "fs_read"];
    #[derive(Debug, thiserror::Error)]
    #[error("outer {0}")]
    struct Outer(String, #[source] io::Error);

    let mut s = state();
    let text = SECRETS.join(" ");
    let kinds = [
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::TimedOut,
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::NotFound,
        io::ErrorKind::InvalidData,
        io::ErrorKind::UnexpectedEof,
        io::ErrorKind::HostUnreachable,
        io::ErrorKind::ConnectionRefused,
        io::ErrorKind::NotConnected,
        io::ErrorKind::OutOfMemory,
        io::ErrorKind::Other,
    ];
    let mut causes: Vec<IoError> = Vec::new();
    for kind in kinds {
        causes.push(IoError::new(io::Error::new(kind, text.clone())));
        causes.push(IoError::new(Outer(text.clone(), io::Error::new(kind, text.clone()))));
    }
    causes.extend((0..200).map(|code| IoError::new(io::Error::from_raw_os_error(code))));
    causes.extend(Phrase::ALL.map(|phrase| IoError::with_phrase(text.clone(), phrase)));
    causes.push(IoError::new(text.clone()));
    causes.push(IoError::new(Stopped::Cancelled));
    for cause in causes {
        let shown = format!("{cause}");
        let handle = s.host.cx().push_error(cause).unwrap();
        let said = s.io().debug_string(&handle).unwrap();
        assert_eq!(said, shown);
        assert!(!said.is_empty() && said.len() <= 256);
        assert!(SECRETS.iter().all(|secret| !said.contains(secret)), "{said}");
        s.io().drop_resource(handle).unwrap();
    }
}

// §2.2: a domain crate finds its own error again behind a guest's borrow
#[test]
fn an_error_keeps_its_rust_type() {
    let mut s = state();
    let handle = s.host.cx().push_error(IoError::new(io::Error::other("mine"))).unwrap();
    let table = &*s.host.cx().table;
    assert_eq!(table.get(&handle).unwrap().downcast_ref::<io::Error>().unwrap().to_string(), "mine");
    assert!(table.get(&handle).unwrap().downcast_ref::<std::fmt::Error>().is_none());
}

// io case 51
#[test]
fn each_moving_call_leaves_one_event_and_probing_leaves_none() {
    let mut s = state();
    let (feed, input) = s.input();
    let (sink, output) = s.output();
    let p = s.io().subscribe_input(&input).unwrap();
    feed.send(&b"fivexseven77"[..]);
    s.host.recorder().clear();
    s.io().read(&input, 5).unwrap();
    s.io().splice(&output, &input, 100).unwrap();
    s.io().check_write(&output).unwrap();
    sink.close();
    closed!(s.io().write(&output, Bytes::from_static(b"lost")));
    let principals: Vec<_> = s.host.recorder().audited().iter().map(|e| e.principal.clone()).collect();
    assert!(principals.iter().all(|p| p.as_ref().unwrap().as_str() == "alice"));
    assert_eq!(
        s.events(),
        [
            ("input-stream.read", 5, "allowed", None),
            ("output-stream.splice", 7, "allowed", None),
            ("output-stream.write", 0, "failed", Some("closed")),
        ]
    );
    for _ in 0..1000 {
        s.io().ready(&p).unwrap();
    }
    let another = s.io().subscribe_input(&input).unwrap();
    s.io().drop_resource(another).unwrap();
    assert!(s.events().is_empty());
}

// io case 53
#[tokio::test]
async fn many_stores_at_random_lose_no_byte_and_end_with_empty_accounts() {
    let tasks: Vec<_> = (0..32u32)
        .map(|seed| {
            tokio::spawn(async move {
                let mut s = state();
                random_life(&mut s, seed).await;
                let recorder = s.host.recorder().clone();
                let call = s.host.call().clone();
                drop(s);
                let subject =
                    astrid_host_context::Subject { principal: call.principal(), capsule: call.capsule() };
                assert_eq!(recorder.held(&subject, &POLLABLES), 0);
                assert_eq!(recorder.held(&subject, &STREAMS), 0);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// Bytes counted upwards go in at the feed; they come out at reads, skips and the sink in that order.
async fn random_life(s: &mut State, seed: u32) {
    let (feed, input) = s.input();
    let (sink, output) = s.output();
    let mut random = seed.wrapping_mul(747_796_405).wrapping_add(1);
    let (mut sent, mut consumed, mut spliced) = (0usize, 0usize, 0usize);
    let mut live = Vec::new();
    for _ in 0..1000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let n = (random >> 8) as usize % 40 + 1;
        match (random >> 24) % 8 {
            0 | 1 => {
                feed.send((sent..sent + n).map(|i| i as u8).collect::<Vec<_>>());
                sent += n;
            }
            2 => {
                let got = s.io().read(&input, n as u64).unwrap();
                assert!(got.iter().enumerate().all(|(i, byte)| *byte == (consumed + i) as u8));
                consumed += got.len();
            }
            3 => consumed += s.io().skip(&input, n as u64).unwrap() as usize,
            4 => {
                let before = sink.got().len();
                let moved = s.io().splice(&output, &input, n as u64).unwrap() as usize;
                let got = sink.got();
                let new = got.iter().skip(before).enumerate();
                assert!(new.into_iter().all(|(i, byte)| *byte == (consumed + i) as u8));
                consumed += moved;
                spliced += moved;
            }
            5 if sent > consumed => {
                consumed += s.io().blocking_read(&input, n as u64).await.unwrap().len();
            }
            6 => live.push(s.io().subscribe_input(&input).unwrap()),
            _ => {
                if let Some(p) = live.pop() {
                    assert_eq!(s.io().ready(&p).unwrap(), sent > consumed);
                    s.io().drop_resource(p).unwrap();
                }
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(feed.left(), sent - consumed);
    }
    assert_eq!(sink.got().len(), spliced);
    let _ = again(&input);
}
