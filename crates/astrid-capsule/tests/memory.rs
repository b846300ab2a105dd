//! Resident memory over many loads, alone in its process so that no other test adds to it.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod support;

use std::time::Duration;

use serde_json::json;
use support::{Place, call, guest};

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// The least of some looks: whoever looks at a file now and then has it open for a moment.
fn descriptors() -> usize {
    let looks = (0..20).map(|_| {
        std::thread::sleep(Duration::from_millis(5));
        std::fs::read_dir("/proc/self/fd").unwrap().count()
    });
    looks.min().unwrap()
}

// engines case 26, lifecycle case 26
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_loads_and_unloads_leave_memory_and_descriptors_where_they_were() {
    let place = Place::new();
    let runtime = place.runtime().await;
    let manifest =
        "[publish]\n\"looper.v1.answer\" = \"opaque\"\n[subscribe]\n\"looper.v1.ask\" = \"opaque\"\n";
    let loop_dir = place.capsule("looper", &guest("looper"), manifest);
    let probe_dir = place.probe("probe");
    let cycle = async || {
        let looper = runtime.load(&loop_dir).await.unwrap();
        let probe = runtime.load(&probe_dir).await.unwrap();
        looper.wait_ready(Duration::from_secs(30)).await;
        call(&probe, "alice", "noop", json!({})).await;
        runtime.unload("looper").await.unwrap();
        runtime.unload("probe").await.unwrap();
    };
    // Allocators and caches fill up first.
    for _ in 0..30 {
        cycle().await;
    }
    let (memory, files) = (resident_kib(), descriptors());
    for _ in 0..100 {
        cycle().await;
    }
    let (after, files_after) = (resident_kib(), descriptors());
    assert!(after <= memory + memory / 20, "{memory} KiB before, {after} KiB after");
    assert_eq!(files_after, files);
}
