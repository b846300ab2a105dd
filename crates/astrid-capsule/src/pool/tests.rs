use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[derive(Default)]
struct Count(Arc<AtomicUsize>);

impl Make for Count {
    type Item = usize;
    type Error = ();

    async fn make(&self, _: Option<&Principal>) -> Result<usize, ()> {
        Ok(self.0.fetch_add(1, Ordering::Relaxed))
    }

    /// As if the first hundred had processes.
    fn pinned(item: &usize) -> bool {
        *item < 100
    }
}

impl Pool<Count> {
    /// Of items that may go.
    fn affine(_: Count, max: usize) -> Self {
        Self::new(Count::from(100), max, Mode::Affine)
    }

    /// The first so many items are pinned.
    fn sticky(pinned: usize, max: usize) -> Self {
        Self::new(Count::from(100 - pinned), max, Mode::Sticky)
    }
}

impl From<usize> for Count {
    fn from(next: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(next)))
    }
}

fn name(text: &str) -> Principal {
    Principal::parse(text).unwrap()
}

async fn use_once(pool: &Pool<Count>, who: &Principal) -> usize {
    let mut lease = pool.checkout(Some(who), None).await.unwrap();
    let item = *lease.item();
    lease.give_back();
    item
}

#[tokio::test]
async fn an_instance_is_lent_again_only_to_the_principal_that_used_it() {
    let (pool, alice, bob) = (Pool::affine(Count::default(), 4), name("alice"), name("bob"));
    let first = use_once(&pool, &alice).await;
    assert_ne!(use_once(&pool, &bob).await, first);
    assert_eq!(use_once(&pool, &alice).await, first);
}

#[tokio::test]
async fn a_lease_that_is_dropped_discards_its_instance() {
    let (pool, alice) = (Pool::affine(Count::default(), 4), name("alice"));
    drop(pool.checkout(Some(&alice), None).await.unwrap());
    assert_eq!(pool.idle_len(), 0);
    assert_eq!(use_once(&pool, &alice).await, 101);
}

#[tokio::test]
async fn lent_and_idle_instances_together_stay_within_the_bound() {
    let pool = Pool::affine(Count::default(), 2);
    for who in ["a", "b", "c", "d"] {
        use_once(&pool, &name(who)).await;
    }
    assert_eq!(pool.idle_len(), 2);
    let _held = pool.checkout(Some(&name("e")), None).await.unwrap();
    assert_eq!(pool.idle_len(), 1);
}

// engines case 20
#[tokio::test(start_paused = true)]
async fn a_third_call_on_a_pool_of_two_waits_and_gives_up_at_its_deadline() {
    let (pool, alice) = (Pool::affine(Count::default(), 2), name("alice"));
    let first = pool.checkout(Some(&alice), None).await.unwrap();
    let _second = pool.checkout(Some(&alice), None).await.unwrap();
    let until = Instant::now() + Duration::from_secs(1);
    let third = pool.checkout(Some(&alice), Some(until)).await;
    assert!(matches!(third, Err(Unavailable::Timeout)));
    drop(first);
    assert!(pool.checkout(Some(&alice), Some(until)).await.is_ok());
}

#[tokio::test]
async fn closing_wakes_waiters_and_keeps_nothing() {
    let (pool, alice) = (Arc::new(Pool::affine(Count::default(), 1)), name("alice"));
    let held = pool.checkout(Some(&alice), None).await.unwrap();
    let waiter = tokio::spawn({
        let (pool, alice) = (pool.clone(), alice.clone());
        async move { pool.checkout(Some(&alice), None).await.err() }
    });
    tokio::task::yield_now().await;
    pool.close();
    assert_eq!(waiter.await.unwrap(), Some(Unavailable::Closed));
    held.give_back();
    assert_eq!(pool.idle_len(), 0);
}

#[tokio::test(start_paused = true)]
async fn idle_instances_beyond_the_warm_ones_are_let_go_after_half_a_minute() {
    let (pool, alice) = (Pool::affine(Count::default(), 8), name("alice"));
    let mut leases = Vec::new();
    for _ in 0..8 {
        leases.push(pool.checkout(Some(&alice), None).await.unwrap());
    }
    leases.into_iter().for_each(Lease::give_back);
    let evict = tokio::spawn(pool.evict_periodically());
    tokio::time::sleep(EVICT_EVERY + Duration::from_secs(1)).await;
    assert_eq!(pool.idle_len(), MIN_IDLE);
    evict.abort();
}

// principals case 12
#[tokio::test]
async fn what_idles_for_a_principal_can_be_let_go_without_the_others() {
    let (pool, alice, bob) = (Pool::affine(Count::default(), 4), name("alice"), name("bob"));
    let (of_alice, of_bob) = (use_once(&pool, &alice).await, use_once(&pool, &bob).await);
    pool.forget(&alice);
    assert_ne!(use_once(&pool, &alice).await, of_alice);
    assert_eq!(use_once(&pool, &bob).await, of_bob);
}

#[tokio::test]
async fn a_sticky_principal_has_one_instance_and_its_calls_are_served_one_by_one() {
    let (pool, alice, bob) = (Arc::new(Pool::sticky(0, 4)), name("alice"), name("bob"));
    let mut first = pool.checkout(Some(&alice), None).await.unwrap();
    let item = *first.item();
    let second = tokio::spawn({
        let (pool, alice) = (pool.clone(), alice.clone());
        async move { use_once(&pool, &alice).await }
    });
    assert_ne!(use_once(&pool, &bob).await, item, "another principal does not wait");
    assert!(!second.is_finished());
    first.give_back();
    assert_eq!(second.await.unwrap(), item);
    assert_eq!(use_once(&pool, &alice).await, item);
}

#[tokio::test(start_paused = true)]
async fn a_sticky_call_gives_up_its_turn_at_its_deadline_and_at_the_end_of_the_pool() {
    let (pool, alice) = (Arc::new(Pool::sticky(0, 4)), name("alice"));
    let held = pool.checkout(Some(&alice), None).await.unwrap();
    let until = Instant::now() + Duration::from_secs(1);
    assert!(matches!(pool.checkout(Some(&alice), Some(until)).await, Err(Unavailable::Timeout)));
    let waiter = tokio::spawn({
        let (pool, alice) = (pool.clone(), alice.clone());
        async move { pool.checkout(Some(&alice), None).await.err() }
    });
    tokio::task::yield_now().await;
    pool.close();
    assert_eq!(waiter.await.unwrap(), Some(Unavailable::Closed));
    drop(held);
    assert!(matches!(pool.checkout(Some(&alice), None).await, Err(Unavailable::Closed)));
}

#[tokio::test]
async fn a_new_principal_takes_the_place_of_the_coldest_that_holds_no_process() {
    let pool = Pool::sticky(1, 2);
    let pinned = use_once(&pool, &name("holds")).await;
    let free = use_once(&pool, &name("idles")).await;
    use_once(&pool, &name("new")).await;
    assert_eq!(use_once(&pool, &name("holds")).await, pinned);
    assert_ne!(use_once(&pool, &name("idles")).await, free, "it had to go");
}

#[tokio::test(start_paused = true)]
async fn a_new_principal_is_denied_where_all_hold_processes_and_waits_where_one_is_in_a_call() {
    let pool = Arc::new(Pool::sticky(2, 2));
    let (alice, bob) = (name("alice"), name("bob"));
    use_once(&pool, &alice).await;
    use_once(&pool, &bob).await;
    let until = Instant::now() + Duration::from_secs(1);
    let denied = pool.checkout(Some(&name("new")), Some(until)).await;
    assert!(matches!(denied, Err(Unavailable::Limit)));
    assert!(Instant::now() < until, "at once");
    let in_call = pool.checkout(Some(&alice), None).await.unwrap();
    let late = pool.checkout(Some(&name("new")), Some(until)).await;
    assert!(matches!(late, Err(Unavailable::Timeout)));
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { pool.checkout(Some(&name("new")), None).await.is_ok() }
    });
    tokio::task::yield_now().await;
    drop(in_call);
    assert!(waiter.await.unwrap(), "what trapped left its place");
}

#[tokio::test(start_paused = true)]
async fn a_sticky_instance_is_let_go_after_half_an_hour_unless_it_holds_a_process() {
    let pool = Pool::sticky(1, 8);
    for who in ["holds", "a", "b", "c", "d", "e"] {
        use_once(&pool, &name(who)).await;
    }
    let evict = tokio::spawn(pool.evict_periodically());
    tokio::time::sleep(STICKY_IDLE - Duration::from_secs(60)).await;
    assert_eq!(pool.idle_len(), 6, "more than the warm ones, for it is one each");
    use_once(&pool, &name("e")).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(pool.idle_len(), 2, "who holds a process, and who called meanwhile");
    evict.abort();
}

#[tokio::test(start_paused = true)]
async fn exclusive_waits_for_what_is_lent_and_lends_nothing_until_it_ends() {
    let (pool, alice) = (Arc::new(Pool::affine(Count::default(), 3)), name("alice"));
    let held = pool.checkout(Some(&alice), None).await.unwrap();
    let soon = || Some(Instant::now() + Duration::from_secs(1));
    assert!(matches!(pool.exclusive(soon()).await, Err(Unavailable::Timeout)));
    assert!(pool.checkout(Some(&alice), soon()).await.is_ok(), "a wait that ended takes nothing");
    let waiter = tokio::spawn({
        let pool = pool.clone();
        async move { pool.exclusive(None).await.unwrap() }
    });
    tokio::task::yield_now().await;
    assert!(matches!(pool.checkout(Some(&alice), soon()).await, Err(Unavailable::Timeout)), "it is next");
    held.give_back();
    let alone = waiter.await.unwrap();
    assert!(matches!(pool.checkout(Some(&alice), soon()).await, Err(Unavailable::Timeout)));
    drop(alone);
    assert!(pool.checkout(Some(&alice), None).await.is_ok());
}

#[tokio::test]
async fn those_that_wait_are_served_in_order_and_before_whoever_comes_later() {
    let (pool, alice) = (Pool::affine(Count::default(), 1), name("alice"));
    use_once(&pool, &alice).await;
    let held = pool.take(Some(&alice)).unwrap();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(pool.checkout(Some(&alice), None))).collect();
    assert!(waiting.iter_mut().all(|waiter| waiter.as_mut().poll(&mut cx).is_pending()));
    held.give_back();
    assert!(pool.take(Some(&alice)).is_none(), "the item idles for who came first");
    let mut late = Box::pin(pool.checkout(Some(&alice), None));
    assert!(late.as_mut().poll(&mut cx).is_pending());
    for mut waiter in waiting {
        assert!(late.as_mut().poll(&mut cx).is_pending());
        waiter.as_mut().await.unwrap().give_back();
    }
    late.await.unwrap().give_back();
    pool.take(Some(&alice)).unwrap().give_back();
}

#[tokio::test]
async fn a_place_handed_to_a_call_that_went_away_goes_on() {
    let (pool, alice) = (Pool::affine(Count::default(), 1), name("alice"));
    let held = pool.checkout(Some(&alice), None).await.unwrap();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut waiting: Vec<_> = (0..2).map(|_| Box::pin(pool.checkout(Some(&alice), None))).collect();
    assert!(waiting.iter_mut().all(|waiter| waiter.as_mut().poll(&mut cx).is_pending()));
    held.give_back();
    drop(waiting.remove(0));
    let next = waiting.remove(0).await.unwrap();
    let mut gone = Box::pin(pool.checkout(Some(&alice), None));
    assert!(gone.as_mut().poll(&mut cx).is_pending());
    next.give_back();
    drop(gone);
    pool.take(Some(&alice)).unwrap().give_back();
}

#[tokio::test]
async fn draining_waits_for_what_is_lent_and_for_nothing_else() {
    let (pool, alice) = (Pool::affine(Count::default(), 2), name("alice"));
    let (first, second) =
        (pool.checkout(Some(&alice), None).await.unwrap(), pool.checkout(Some(&alice), None).await.unwrap());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut waiter = Box::pin(pool.checkout(Some(&alice), None));
    assert!(waiter.as_mut().poll(&mut cx).is_pending());
    let mut drained = Box::pin(pool.drain(Duration::from_secs(3600)));
    assert!(drained.as_mut().poll(&mut cx).is_pending());
    assert!(matches!(waiter.await, Err(Unavailable::Closed)));
    first.give_back();
    assert!(drained.as_mut().poll(&mut cx).is_pending());
    drop(second);
    drained.await;
    assert!(pool.take(Some(&alice)).is_none());
}

/// Items come and go through the front without the lock; a place that got lost there hangs, and one too many shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_place_is_lost_or_lent_twice_when_calls_come_and_go_at_once() {
    const MAX: usize = 3;
    for max_is_short in [true, false] {
        let max = if max_is_short { MAX } else { 64 };
        let pool = Arc::new(Pool::affine(Count::default(), max));
        let lent = Arc::new(AtomicUsize::new(0));
        let owners: Arc<parking_lot::Mutex<HashMap<usize, Principal>>> = Arc::default();
        let calls = (0..12).map(|n| {
            let (pool, lent, owners) = (pool.clone(), lent.clone(), owners.clone());
            tokio::spawn(async move {
                let who = name(["a", "b", "c", "d"][n % 4]);
                for round in 0..400 {
                    let mut lease = match pool.take(Some(&who)) {
                        Some(lease) => lease,
                        None => pool.checkout(Some(&who), None).await.unwrap(),
                    };
                    assert!(lent.fetch_add(1, Ordering::SeqCst) < max);
                    let owner = owners.lock().entry(*lease.item()).or_insert(who.clone()).clone();
                    assert_eq!(owner, who, "an item is one principal's for good");
                    if round % 5 == 0 {
                        tokio::task::yield_now().await;
                    }
                    lent.fetch_sub(1, Ordering::SeqCst);
                    match round % 50 {
                        0 => drop(lease),
                        _ => lease.give_back(),
                    }
                    if n == 0 && round % 40 == 0 {
                        let alone = pool.exclusive(None).await.unwrap();
                        assert_eq!(lent.load(Ordering::SeqCst), 0);
                        drop(alone);
                    }
                }
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
        let all = pool.exclusive(Some(Instant::now())).await;
        assert!(all.is_ok(), "every place is free");
        drop(all);
        pool.close();
        pool.drain(Duration::ZERO).await;
        assert_eq!(pool.idle_len(), 0);
    }
}

#[tokio::test]
async fn the_item_in_front_goes_to_another_principals_call_as_a_place() {
    let (pool, alice, bob) = (Pool::affine(Count::default(), 1), name("alice"), name("bob"));
    let of_alice = use_once(&pool, &alice).await;
    assert!(pool.take(Some(&bob)).is_none());
    let mut lease = pool.checkout(Some(&bob), None).await.unwrap();
    assert_ne!(*lease.item(), of_alice);
    assert!(pool.take(Some(&alice)).is_none());
    lease.give_back();
    assert_eq!(pool.idle_len(), 1);
}
