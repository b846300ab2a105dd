//! Clocks, sleep, entropy, readiness.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::common::state;
use astrid_host_context::CallKind;
use astrid_host_sys::{Entropy, EntropyFailed, Error, SysCtx, SysView, arms};
use astrid_host_testkit::FakeHost;
use tokio::sync::watch;
use tokio::time::Instant;

// sys case 24
#[tokio::test]
async fn readiness_is_told_once_and_needs_nobody_to_listen() {
    let (sender, mut receiver) = watch::channel(false);
    let mut state_ = state(FakeHost::builder(), SysCtx::builder().ready(sender));
    // A handler has nothing to be ready for.
    state_.sys().signal_ready();
    assert!(!receiver.has_changed().unwrap());
    state_.fake.set_call(|call| call.kind(CallKind::RunLoop));
    state_.sys().signal_ready();
    assert!(*receiver.borrow_and_update());
    state_.sys().signal_ready();
    assert!(!receiver.has_changed().unwrap());
    state(FakeHost::builder(), SysCtx::builder()).sys().signal_ready();
}

// sys cases 25, 26 and 38
#[test]
fn clocks_follow_the_hosts_and_work_without_authority() {
    let mut state = state(FakeHost::builder(), SysCtx::builder());
    state.fake.cancellation().retire();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    assert!(u128::from(state.sys().clock_ms()).abs_diff(now) < 50);
    let mut last = 0;
    for _ in 0..100_000 {
        let now = state.sys().clock_monotonic_ns();
        assert!(now >= last);
        last = now;
    }
    assert_eq!(state.sys().random_bytes(4).unwrap().len(), 4);
}

// sys cases 27 and 31
#[tokio::test(start_paused = true)]
async fn a_sleep_lasts_as_long_as_asked_up_to_a_minute_and_counts_as_progress() {
    let mut state = state(FakeHost::builder(), SysCtx::builder());
    let progress = state.fake.call().progress().clone();
    for nanos in [0, 1_000_000, 59_999_999_999, 60_000_000_000] {
        let started = Instant::now();
        state.sys().sleep(nanos).await.unwrap();
        assert!(started.elapsed() >= Duration::from_nanos(nanos));
        assert_eq!(progress.take_yielded(), nanos > 0);
    }
    for nanos in [60_000_000_001, u64::MAX] {
        let started = Instant::now();
        assert!(matches!(state.sys().sleep(nanos).await, Err(Error::TooLarge { .. })));
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert!(!progress.take_yielded());
    }
}

// sys cases 28 and 31
#[tokio::test(start_paused = true)]
async fn a_token_ends_a_sleep_at_once_and_length_is_checked_before_it() {
    let mut state = state(FakeHost::builder(), SysCtx::builder());
    let (token, progress) = (state.fake.cancellation(), state.fake.call().progress().clone());
    let started = Instant::now();
    let fire = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        token.cancel();
    };
    let mut view = state.sys();
    let (slept, ()) = tokio::join!(view.sleep(60_000_000_000), fire);
    assert!(matches!(slept, Err(Error::Cancelled)));
    assert!(started.elapsed() <= Duration::from_millis(60));
    for nanos in [0, 1] {
        assert!(matches!(state.sys().sleep(nanos).await, Err(Error::Cancelled)));
    }
    assert!(matches!(state.sys().sleep(61_000_000_000).await, Err(Error::TooLarge { .. })));
    assert!(!progress.take_yielded());
}

// sys case 29
#[tokio::test(start_paused = true)]
async fn one_principals_end_leaves_anothers_sleep_alone() {
    let mut alice = state(FakeHost::builder(), SysCtx::builder());
    let mut bob = state(FakeHost::builder(), SysCtx::builder());
    let (a, b) = (alice.fake.capsule_cancellation().child(), alice.fake.capsule_cancellation().child());
    alice.fake.set_call(|call| call.cancellation(a.clone()));
    bob.fake.set_call(|call| call.cancellation(b));
    let (mut alice, mut bob) = (alice.sys(), bob.sys());
    let (first, second, ()) =
        tokio::join!(alice.sleep(1_000_000_000), bob.sleep(1_000_000_000), async { a.retire() });
    assert!(matches!(first, Err(Error::Cancelled)));
    second.unwrap();
}

struct NoEntropy;

impl Entropy for NoEntropy {
    fn fill(&self, _: &mut [u8]) -> Result<(), EntropyFailed> {
        Err(EntropyFailed("injected".to_owned()))
    }
}

// sys case 32
#[test]
fn random_bytes_are_as_many_as_asked_up_to_a_page_and_never_repeat() {
    let mut state_ = state(FakeHost::builder(), SysCtx::builder());
    for length in [0, 1, 4095, 4096] {
        assert_eq!(state_.sys().random_bytes(length).unwrap().len() as u64, length);
    }
    for length in [4097, u64::MAX] {
        assert!(matches!(state_.sys().random_bytes(length), Err(Error::TooLarge { .. })));
    }
    let drawn: HashSet<_> = (0..10_000).map(|_| state_.sys().random_bytes(16).unwrap()).collect();
    assert_eq!(drawn.len(), 10_000);
    let mut broken = state(FakeHost::builder(), SysCtx::builder().entropy(Arc::new(NoEntropy)));
    let error = broken.sys().random_bytes(1).unwrap_err();
    assert_eq!(arms::V1_0::from(&error), arms::V1_0::Unknown("entropy unavailable"));
}

// sys case 30
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_sleeps_take_one_sleeps_time_and_no_thread() {
    let threads = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let before = threads();
    let started = Instant::now();
    let sleeping: Vec<_> = (0..10_000)
        .map(|_| {
            let mut host = state(FakeHost::builder(), SysCtx::builder());
            tokio::spawn(async move { host.sys().sleep(1_000_000_000).await.is_ok() })
        })
        .collect();
    let during = threads();
    for slept in sleeping {
        assert!(slept.await.unwrap());
    }
    // The chapter's twentieth, widened by what a shared machine adds; one after the other is hours.
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    // Other tests of this file may have begun or ended theirs.
    assert!(during < before + 32, "{before} before, {during} while 10000 sleep");
}

// sys case 26
#[tokio::test]
async fn one_clock_for_all_stores_never_goes_back_and_a_sleep_shows_on_it() {
    let latest = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                let mut host = state(FakeHost::builder(), SysCtx::builder());
                for _ in 0..125_000 {
                    // What any store has seen before this question must not be later than the answer.
                    let seen = latest.load(std::sync::atomic::Ordering::SeqCst);
                    let now = host.sys().clock_monotonic_ns();
                    assert!(now >= seen, "{now} after {seen}");
                    latest.fetch_max(now, std::sync::atomic::Ordering::SeqCst);
                }
            });
        }
    });
    let mut host = state(FakeHost::builder(), SysCtx::builder());
    let before = host.sys().clock_monotonic_ns();
    host.sys().sleep(50_000_000).await.unwrap();
    assert!(host.sys().clock_monotonic_ns() - before >= 50_000_000);
}
