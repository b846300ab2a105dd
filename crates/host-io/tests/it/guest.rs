//! What only a real guest in a real store can show: traps, foreign handles, parked fibres.

use std::time::Duration;

use crate::common::Sink;
use crate::common::world::{guest, run};
use astrid_host_context::Subject;
use astrid_host_io::limits::{POLLABLES, STREAMS};

#[tokio::test]
async fn a_guest_blocks_and_polls_through_the_frozen_shape() {
    let (mut store, instance) = guest(true).await;
    assert_eq!(run(&mut store, &instance, 0).await.unwrap(), 0);
    assert_eq!(run(&mut store, &instance, 6).await.unwrap(), 2);
}

// io case 17
#[test]
fn a_guest_that_polls_a_ready_pollable_for_ever_does_not_starve_the_worker() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let greedy = tokio::spawn(async {
            let (mut store, instance) = guest(true).await;
            run(&mut store, &instance, 1).await
        });
        // Were the guest never to yield, this one-worker runtime would not come back here at all.
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!greedy.is_finished());
        greedy.abort();
        assert!(greedy.await.unwrap_err().is_cancelled());
    });
}

// io case 48
#[tokio::test]
async fn a_guest_that_traps_leaves_no_share_and_no_transport_open() {
    let (mut store, instance) = guest(true).await;
    assert!(run(&mut store, &instance, 2).await.is_err());
    assert_eq!(store.data().state.held(&POLLABLES), 50);
    assert_eq!(store.data().state.held(&STREAMS), 50);
    let recorder = store.data().state.host.recorder().clone();
    let call = store.data().state.host.call().clone();
    let sinks = store.data().sinks.clone();
    drop(store);
    let subject = Subject { principal: call.principal(), capsule: call.capsule() };
    assert_eq!((recorder.held(&subject, &POLLABLES), recorder.held(&subject, &STREAMS)), (0, 0));
    assert!(sinks.iter().all(Sink::is_dropped));
}

// io case 52
#[tokio::test]
async fn a_handle_that_is_not_this_stores_traps_before_it_reaches_the_host() {
    let (mut other, other_instance) = guest(true).await;
    run(&mut other, &other_instance, 0).await.unwrap();
    assert_eq!(run(&mut other, &other_instance, 3).await.unwrap(), 1);
    let (mut store, instance) = guest(true).await;
    let trap = run(&mut store, &instance, 3).await.unwrap_err();
    assert!(format!("{trap:?}").contains("handle"), "{trap:?}");
    assert!(store.data().state.host.recorder().told().is_empty());
    assert_eq!(run(&mut other, &other_instance, 0).await.unwrap(), 0);
}

// io cases 31 and 32
#[tokio::test]
async fn a_write_over_the_permit_traps_the_guest_and_not_the_host() {
    let (mut store, instance) = guest(true).await;
    let trap = run(&mut store, &instance, 4).await.unwrap_err();
    assert!(format!("{trap:?}").contains("exceeds the permit of 0"), "{trap:?}");
    assert!(store.data().sinks[0].got().is_empty());
    assert_eq!(store.data().state.events(), [("output-stream.write", 0, "failed", Some("trap"))]);
}

// io case 30
#[tokio::test]
async fn dropping_a_stream_before_its_pollable_traps_the_guest() {
    let (mut store, instance) = guest(true).await;
    let trap = run(&mut store, &instance, 5).await.unwrap_err();
    assert!(format!("{trap:?}").contains("has children"), "{trap:?}");
    assert_eq!((store.data().state.held(&POLLABLES), store.data().state.held(&STREAMS)), (1, 1));
}
