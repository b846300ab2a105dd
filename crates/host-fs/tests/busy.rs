//! Many stores at work, and a task that wants its turn every millisecond.
//!
//! 20 writes a store, or 1,000 with `ASTRID_LONG_TESTS` set. `benches/fs.rs` measures the same without a slow device.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod common;
#[path = "common/tampered.rs"]
mod tampered;

use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_host_fs::FsView;
use astrid_host_testkit::FakeHost;
use common::{State, state};
use tampered::{Device, both};

const STORES: usize = 64;

fn writes() -> usize {
    if std::env::var_os("ASTRID_LONG_TESTS").is_some() { 1000 } else { 20 }
}

/// Every write takes this long. On the runtime's two workers the 64 would keep a task waiting for 160 ms.
const SLOW: Duration = Duration::from_millis(5);

#[derive(Debug)]
struct Slow;

impl Device for Slow {
    fn replaces(&self) {
        std::thread::sleep(SLOW);
    }
}

// The targets' 64 parallel stores, with a bound that a busy machine keeps
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_stores_that_write_leave_the_runtime_responsive() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("workspace")).unwrap();
    for mounts in both(directory.path(), &(Arc::new(Slow) as Arc<dyn Device>)) {
        stress(state(FakeHost::builder(), mounts)).await;
    }
    for tree in ["workspace", "changes/changes/tree"] {
        assert_eq!(std::fs::read_dir(directory.path().join(tree)).unwrap().count(), STORES);
    }
}

async fn stress(host: State) {
    let mut tasks = tokio::task::JoinSet::new();
    for store in 0..STORES {
        let fake = FakeHost::builder().principal(&format!("p{}", store % 8)).build();
        let mut host = State { fake, ctx: host.ctx.clone() };
        tasks.spawn(async move {
            for _ in 0..writes() {
                host.fs().write_file(format!("f{store}"), vec![7; 512]).await.unwrap();
                host.fake.recorder().clear();
            }
        });
    }
    let mut late = Vec::new();
    while !tasks.is_empty() {
        let asked = Instant::now();
        tokio::time::sleep(Duration::from_millis(1)).await;
        late.push(asked.elapsed());
        while let Some(ended) = tasks.try_join_next() {
            ended.unwrap();
        }
    }
    late.sort_unstable();
    let median = late.get(late.len() / 2).copied().unwrap();
    assert!(
        median < Duration::from_millis(80),
        "half of {} turns came after more than {median:?}",
        late.len()
    );
}
