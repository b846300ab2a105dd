//! Waits and workers. A program of its own, so that nothing else takes the two workers.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up must fail")]
#![expect(dead_code, reason = "of the helpers, this program needs the few for puppets")]

mod common;

use std::time::{Duration, Instant};

use astrid_host_process::limits::BACKGROUND;
use astrid_host_process::{Keep, ProcessView, SpawnRequest};
use astrid_host_testkit::FakeHost;

// process case 80
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_waits_on_two_workers_hold_up_nobody() {
    let (mut desk, mut script) = common::puppets_of(FakeHost::builder().limit(&BACKGROUND, 64));
    let keep = Keep { keep_stdin_open: Some(true), ..Keep::default() };
    let id = desk.state.keep(SpawnRequest { keep, ..common::sh("") }).await;
    let puppet = script.next().await;
    let mut guests = Vec::new();
    for n in 0..200 {
        let (mut state, id) = (desk.store(FakeHost::builder()), id.clone());
        guests.push(tokio::spawn(async move {
            let mut view = state.process();
            match n % 2 {
                0 => common::arm_of(view.wait(&id, 300_000).await),
                _ => common::arm_of(view.write_stdin(&id, &vec![0; 1024 * 1024]).await),
            }
        }));
    }
    // They all wait, and the writers among them are about to for good: nobody reads.
    let mut best = Duration::MAX;
    for _ in 0..50 {
        let begun = Instant::now();
        desk.state.process().list_processes(None).await.unwrap();
        best = best.min(begun.elapsed());
        tokio::task::yield_now().await;
    }
    assert!(best < Duration::from_millis(50), "{best:?}");
    puppet.exit(0);
    for (n, guest) in guests.into_iter().enumerate() {
        assert_eq!(guest.await.unwrap(), if n % 2 == 0 { "ok" } else { "Closed" });
    }
}
