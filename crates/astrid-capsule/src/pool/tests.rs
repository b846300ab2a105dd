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
    let (pool, alice, bob) = (Pool::new(Count::default(), 4), name("alice"), name("bob"));
    let first = use_once(&pool, &alice).await;
    assert_ne!(use_once(&pool, &bob).await, first);
    assert_eq!(use_once(&pool, &alice).await, first);
}

#[tokio::test]
async fn a_lease_that_is_dropped_discards_its_instance() {
    let (pool, alice) = (Pool::new(Count::default(), 4), name("alice"));
    drop(pool.checkout(Some(&alice), None).await.unwrap());
    assert_eq!(pool.idle_len(), 0);
    assert_eq!(use_once(&pool, &alice).await, 1);
}

#[tokio::test]
async fn lent_and_idle_instances_together_stay_within_the_bound() {
    let pool = Pool::new(Count::default(), 2);
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
    let (pool, alice) = (Pool::new(Count::default(), 2), name("alice"));
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
    let (pool, alice) = (Arc::new(Pool::new(Count::default(), 1)), name("alice"));
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
    let (pool, alice) = (Pool::new(Count::default(), 8), name("alice"));
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
    let (pool, alice, bob) = (Pool::new(Count::default(), 4), name("alice"), name("bob"));
    let (of_alice, of_bob) = (use_once(&pool, &alice).await, use_once(&pool, &bob).await);
    pool.forget(&alice);
    assert_ne!(use_once(&pool, &alice).await, of_alice);
    assert_eq!(use_once(&pool, &bob).await, of_bob);
}

#[tokio::test]
async fn those_that_wait_are_served_in_order_and_before_whoever_comes_later() {
    let (pool, alice) = (Pool::new(Count::default(), 1), name("alice"));
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
    let (pool, alice) = (Pool::new(Count::default(), 1), name("alice"));
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
    let (pool, alice) = (Pool::new(Count::default(), 2), name("alice"));
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
