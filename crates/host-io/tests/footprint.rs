//! What parked waits cost a process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot set up must fail"
)]

#[macro_use]
mod common;

use std::sync::LazyLock;
use std::time::Duration;

use astrid_host_io::IoView;
use common::state;
use common::world::{GUEST, guest, run};

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

// io case 15; alone in its binary, so that nobody else's threads are counted
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_parked_guests_need_no_thread_and_leave_others_running() {
    LazyLock::force(&GUEST);
    let before = threads();
    let parked: Vec<_> = (0..1000)
        .map(|_| {
            tokio::spawn(async {
                let (mut store, instance) = guest(false).await;
                let token = store.data().state.host.capsule_cancellation();
                let parked = store.data().state.host.call().progress().clone();
                let wait = tokio::spawn(async move { run(&mut store, &instance, 0).await.unwrap() });
                while !parked.take_yielded() {
                    tokio::task::yield_now().await;
                }
                (token, wait)
            })
        })
        .collect();
    let mut waits = Vec::new();
    for task in parked {
        waits.push(task.await.unwrap());
    }
    // A timer still fires with all of them parked.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(threads(), before);
    assert!(waits.iter().all(|(_, wait)| !wait.is_finished()));
    for (token, _) in &waits {
        token.cancel();
    }
    for (_, wait) in waits {
        assert_eq!(wait.await.unwrap(), 1);
    }
    // §4: less than 4 KiB for each parked call.
    let mut s = state();
    let (_gate, p) = s.pollable();
    let mut io = s.io();
    assert!(size_of_val(&io.block(&p)) < 4096);
}
