//! `pollable` and `poll`.

use std::time::Duration;

use crate::common::{Gate, State, again, state, with};
use astrid_host_context::Standing;
use astrid_host_io::limits::{MAX_POLL, POLL_MEMBERS, POLLABLES};
use astrid_host_io::{Error, IoView, Pollable};
use astrid_host_testkit::FakeHost;
use tokio::time::{Instant, sleep};
use wasmtime::component::Resource;

fn many(state: &mut State, n: usize) -> (Vec<Gate>, Vec<Resource<Pollable>>) {
    (0..n).map(|_| state.pollable()).unzip()
}

fn open_all(gates: &[Gate]) {
    gates.iter().for_each(Gate::open);
}

// io case 1
#[tokio::test]
async fn poll_of_an_empty_list_is_invalid_input_without_parking_and_leaves_one_record() {
    let mut s = state();
    assert!(matches!(s.io().poll(&[]).await, Err(Error::EmptyList)));
    assert_eq!(s.events(), [("poll", 0, "failed", Some("invalid-input"))]);
    assert!(!s.host.call().progress().take_yielded());
}

// io case 2
#[tokio::test]
async fn poll_of_255_and_256_ready_pollables_gives_all_indices_ascending() {
    for n in [255, 256] {
        let mut s = state();
        let (gates, pollables) = many(&mut s, n);
        open_all(&gates);
        let ready = s.io().poll(&pollables).await.unwrap();
        assert_eq!(ready, (0..n as u32).collect::<Vec<_>>());
    }
}

// io case 3
#[tokio::test]
async fn poll_of_257_is_too_large_and_probes_nothing() {
    let mut s = state();
    let (gates, pollables) = many(&mut s, MAX_POLL + 1);
    open_all(&gates);
    assert!(matches!(s.io().poll(&pollables).await, Err(Error::TooMany { given: 257, cap: 256 })));
    assert!(gates.iter().all(|gate| gate.asked() == 0));
}

// io case 4
#[tokio::test]
async fn a_profile_lowers_the_cap_of_poll_and_never_raises_it() {
    let mut s = with(FakeHost::builder().limit(&POLL_MEMBERS, 8));
    let (gates, pollables) = many(&mut s, 9);
    open_all(&gates);
    assert_eq!(s.io().poll(&pollables[..8]).await.unwrap().len(), 8);
    assert!(matches!(s.io().poll(&pollables).await, Err(Error::TooMany { given: 9, cap: 8 })));

    let mut s = with(FakeHost::builder().limit(&POLL_MEMBERS, 1000));
    let (_gates, pollables) = many(&mut s, 257);
    assert!(matches!(s.io().poll(&pollables).await, Err(Error::TooMany { cap: 256, .. })));
}

// io case 5
#[tokio::test]
async fn members_that_became_ready_within_one_wake_come_ascending() {
    let mut s = state();
    let (gates, pollables) = many(&mut s, 10);
    let mut io = s.io();
    let (ready, ()) = tokio::join!(io.poll(&pollables), async {
        gates[7].open();
        gates[2].open();
    });
    assert_eq!(ready.unwrap(), [2, 7]);
}

// io case 6
#[tokio::test]
async fn a_pollable_listed_twice_gets_both_indices() {
    let mut s = state();
    let (p_gate, p) = s.pollable();
    let (_q_gate, q) = s.pollable();
    let list = [again(&p), again(&q), again(&q), again(&p)];
    let mut io = s.io();
    let (ready, ()) = tokio::join!(io.poll(&list), async { p_gate.open() });
    assert_eq!(ready.unwrap(), [0, 3]);
}

// io case 7
#[tokio::test]
async fn indices_are_ascending_whatever_the_order_in_the_table() {
    let mut s = state();
    let (gates, mut pollables) = many(&mut s, 256);
    open_all(&gates);
    pollables.reverse();
    assert_eq!(s.io().poll(&pollables).await.unwrap(), (0..256).collect::<Vec<u32>>());
}

// io case 8
#[tokio::test(start_paused = true)]
async fn a_parked_poll_is_cancelled_when_the_token_fires() {
    let mut s = state();
    let (_gate, p) = s.pollable();
    let token = s.host.cancellation();
    let start = Instant::now();
    let mut io = s.io();
    let list = [p];
    let (result, ()) = tokio::join!(io.poll(&list), async {
        sleep(Duration::from_millis(50)).await;
        token.cancel();
    });
    assert!(matches!(result, Err(Error::Stopped(_))));
    assert_eq!(start.elapsed(), Duration::from_millis(50));
    assert_eq!(s.events(), [("poll", 0, "cancelled", Some("cancelled"))]);
}

// io case 9
#[tokio::test]
async fn a_token_that_fired_before_wins_over_a_ready_member() {
    let mut s = state();
    let (gate, p) = s.pollable();
    gate.open();
    s.host.cancellation().cancel();
    assert!(matches!(s.io().block(&p).await, Err(Error::Stopped(_))));
    assert!(matches!(s.io().poll(&[p]).await, Err(Error::Stopped(_))));
}

// §2.3: if readiness and cancellation are both true, cancelled wins
#[tokio::test]
async fn a_token_that_fires_in_the_same_wake_as_readiness_wins() {
    let mut s = state();
    let (gate, p) = s.pollable();
    let token = s.host.cancellation();
    let mut io = s.io();
    let (result, ()) = tokio::join!(io.block(&p), async {
        gate.open();
        token.cancel();
    });
    assert!(matches!(result, Err(Error::Stopped(_))));
}

// io case 10
#[tokio::test]
async fn releasing_one_principal_ends_its_waits_and_leaves_anothers_parked() {
    // Two calls of one capsule: bob's token is a sibling under the same capsule token.
    let mut alice = state();
    let mut bob = state();
    let capsule = alice.host.capsule_cancellation();
    let bobs = capsule.child();
    bob.host.set_call(|call| call.cancellation(bobs));
    let (_a, alices) = alice.pollable();
    let (b, bobs) = bob.pollable();
    let token = alice.host.cancellation();
    let bob_waits = tokio::spawn(async move {
        let result = bob.io().block(&bobs).await;
        (bob, result)
    });
    let mut io = alice.io();
    let (result, ()) = tokio::join!(io.block(&alices), async { token.retire() });
    assert!(matches!(result, Err(Error::Stopped(_))));
    tokio::task::yield_now().await;
    assert!(!bob_waits.is_finished());
    assert_eq!(capsule.standing(), Standing::Live);
    b.open();
    bob_waits.await.unwrap().1.unwrap();
}

// io case 11
#[tokio::test]
async fn ready_follows_the_bytes_of_its_stream_and_stays_true_after_the_end() {
    let mut s = state();
    let (feed, stream) = s.input();
    let p = s.io().subscribe_input(&stream).unwrap();
    assert!(!s.io().ready(&p).unwrap());
    feed.send(&b"x"[..]);
    assert!(s.io().ready(&p).unwrap());
    assert_eq!(s.io().read(&stream, 1).unwrap(), b"x");
    assert!(!s.io().ready(&p).unwrap());
    feed.end();
    assert!(s.io().ready(&p).unwrap());
    closed!(s.io().read(&stream, 1));
    assert!(s.io().ready(&p).unwrap());
    s.io().block(&p).await.unwrap();
}

// io case 12
#[tokio::test]
async fn an_idle_pollable_is_ready_after_the_token_fired() {
    let mut s = state();
    let (_gate, p) = s.pollable();
    assert!(!s.io().ready(&p).unwrap());
    s.host.cancellation().cancel();
    assert!(s.io().ready(&p).unwrap());
}

// io case 13
#[tokio::test]
async fn blocking_twice_on_a_ready_pollable_consumes_nothing() {
    let mut s = state();
    let (feed, stream) = s.input();
    let p = s.io().subscribe_input(&stream).unwrap();
    feed.send(&b"abc"[..]);
    s.io().block(&p).await.unwrap();
    s.io().block(&p).await.unwrap();
    assert_eq!(feed.left(), 3);
}

// io case 14
#[tokio::test]
async fn a_source_the_host_tore_down_is_ready_and_closed() {
    let mut s = state();
    let (gate, p) = s.pollable();
    let (_idle, q) = s.pollable();
    gate.tear_down();
    assert!(s.io().ready(&p).unwrap());
    closed!(s.io().block(&p).await);
    closed!(s.io().poll(&[again(&q), again(&p)]).await);
}

// io case 14, for a stream whose source went away while a guest waits
#[tokio::test]
async fn a_parked_block_ends_closed_when_its_source_is_torn_down() {
    let mut s = state();
    let (gate, p) = s.pollable();
    let mut io = s.io();
    let (result, ()) = tokio::join!(io.block(&p), async { gate.tear_down() });
    closed!(result);
    let (feed, stream) = s.input();
    feed.tear_down();
    closed!(s.io().blocking_read(&stream, 1).await);
}

// §2.3: a host-side lookup that fails is closed and no trap
#[tokio::test]
async fn a_handle_the_table_does_not_know_is_closed() {
    let mut s = state();
    let stray = || Resource::<Pollable>::new_borrow(4711);
    assert!(s.io().ready(&stray()).unwrap());
    closed!(s.io().block(&stray()).await);
    closed!(s.io().poll(&[stray()]).await);
}

// io case 16: parked means not polled; CPU use follows from the number of probes
#[tokio::test(start_paused = true)]
async fn an_idle_block_is_asked_once_and_not_again_until_it_is_woken() {
    let mut s = state();
    let (gate, p) = s.pollable();
    let mut io = s.io();
    let waited = tokio::time::timeout(Duration::from_secs(1), io.block(&p)).await;
    assert!(waited.is_err());
    assert!(gate.asked() <= 3, "asked {} times", gate.asked());
}

// §2.4: a wait that really parked is cooperative, one answered at once is not
#[tokio::test]
async fn only_a_wait_that_parked_counts_as_yielded() {
    let mut s = state();
    let (gate, p) = s.pollable();
    gate.open();
    s.io().block(&p).await.unwrap();
    s.io().poll(&[again(&p)]).await.unwrap();
    assert!(!s.host.call().progress().take_yielded());
    assert!(!s.host.call().progress().has_waited_outside());
    gate.shut();
    let mut io = s.io();
    let (result, ()) = tokio::join!(io.block(&p), async { gate.open() });
    result.unwrap();
    assert!(s.host.call().progress().take_yielded());
    assert!(s.host.call().progress().has_waited_outside());
}

// §2.4: indices, count and ready count are in the record
#[tokio::test]
async fn a_poll_records_how_many_it_was_given_and_how_many_were_ready() {
    let mut s = state();
    let (gates, pollables) = many(&mut s, 5);
    open_all(&gates[1..3]);
    s.io().poll(&pollables).await.unwrap();
    let events = s.host.recorder().audited();
    assert_eq!(events[0].facts, [("count", "5".to_owned()), ("ready", "2".to_owned())]);
    assert_eq!(events[0].principal.as_ref().unwrap().as_str(), "alice");
}

// §2.3: a deadline ends a wait as cancellation does, the contract has no other word for it
#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_wait_as_cancelled() {
    let mut s = with(FakeHost::builder().timeout(Duration::from_secs(2)));
    let (_gate, p) = s.pollable();
    let start = Instant::now();
    assert!(matches!(s.io().block(&p).await, Err(Error::Stopped(_))));
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert_eq!(s.events(), [("pollable.block", 0, "cancelled", Some("deadline"))]);
}

// §2.3: dropping a pollable while its source lives on elsewhere is safe
#[tokio::test]
async fn a_pollable_may_be_dropped_while_its_source_lives_on() {
    let mut s = state();
    let (gate, p) = s.pollable();
    {
        let mut io = s.io();
        let list = [again(&p)];
        let mut wait = std::pin::pin!(io.poll(&list));
        assert!(futures_util::poll!(wait.as_mut()).is_pending());
    }
    s.io().drop_resource(p).unwrap();
    gate.open();
    assert_eq!(s.held(&POLLABLES), 0);
}
