use super::*;

fn key(n: u128) -> LaneKey {
    (Uuid::from_u128(n), None)
}

// ipc case 48
#[test]
fn a_wait_that_would_close_a_circle_is_refused_and_ends_with_its_guard() {
    let waits = Arc::new(Waits::default());
    let _ab = waits.begin(key(1), key(2)).unwrap();
    let bc = waits.begin(key(2), key(3)).unwrap();
    assert!(waits.begin(key(3), key(1)).is_none());
    assert!(waits.begin(key(4), key(4)).is_none());
    drop(bc);
    assert!(waits.begin(key(3), key(1)).is_some());
}

#[tokio::test]
async fn jobs_of_one_lane_run_in_order_and_one_at_a_time() {
    let lane = Arc::new(Lane::new());
    let seen = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let (done, mut finished) = tokio::sync::mpsc::channel(1);
    for n in 0..lane::CAPACITY {
        let (seen, done) = (seen.clone(), done.clone());
        let job = async move {
            seen.lock().push(n);
            tokio::task::yield_now().await;
            assert_eq!(seen.lock().last(), Some(&n));
            if n + 1 == lane::CAPACITY {
                done.send(()).await.unwrap();
            }
        };
        lane.push(lane.try_reserve().unwrap(), Box::pin(job));
    }
    finished.recv().await.unwrap();
    assert_eq!(*seen.lock(), (0..lane::CAPACITY).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_lane_has_no_slot_until_a_job_starts() {
    let lane = Arc::new(Lane::new());
    let mut slots: Vec<_> = std::iter::from_fn(|| lane.try_reserve()).collect();
    assert_eq!(slots.len(), lane::CAPACITY);
    let waiter = tokio::spawn({
        let lane = lane.clone();
        async move { lane.reserve().await.is_some() }
    });
    tokio::task::yield_now().await;
    lane.push(slots.pop().unwrap(), Box::pin(async {}));
    assert!(waiter.await.unwrap());
}

#[tokio::test]
async fn a_job_that_panics_does_not_stop_its_lane() {
    let lane = Arc::new(Lane::new());
    let (done, finished) = tokio::sync::oneshot::channel();
    lane.push(lane.try_reserve().unwrap(), Box::pin(async { panic!("a test's own") }));
    lane.push(lane.try_reserve().unwrap(), Box::pin(async { done.send(()).unwrap() }));
    finished.await.unwrap();
}

#[tokio::test]
async fn idle_lanes_are_forgotten_and_used_ones_kept() {
    let lanes = Lanes::default();
    let held = lanes.get(key(0));
    let slot = held.try_reserve().unwrap();
    for n in 1..10_000 {
        lanes.get(key(n));
    }
    assert!(lanes.len() < 1_000);
    assert!(Arc::ptr_eq(&held, &lanes.get(key(0))));
    drop(slot);
    lanes.remove_capsule(Uuid::from_u128(0));
    assert!(!Arc::ptr_eq(&held, &lanes.get(key(0))));
}
