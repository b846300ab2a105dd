//! A thousand reads of a file system that never answers: a FUSE connection that nobody serves.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]
#![expect(dead_code, reason = "each test file needs some of the support")]

#[path = "common/child.rs"]
mod child;
mod common;
#[path = "common/place.rs"]
mod place;
#[path = "common/ways.rs"]
mod ways;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use astrid_host_fs::FsView;
use astrid_host_testkit::FakeHost;
use child::done_where_mounting_works;
use common::State;

const READS: usize = 1000;

/// Holds the connection open for as long as there is somebody at its input.
const SERVER: &str = r#"exec 3<>/dev/fuse || exit 1
mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none "$0" || exit 1
echo mounted
read line"#;

fn stall(at: &Path) -> Option<Child> {
    let mut server = Command::new("sh")
        .args(["-c", SERVER])
        .arg(at)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut said).unwrap();
    (said == "mounted\n").then_some(server)
}

// fs case 53
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_reads_that_stall_leave_workers_and_other_principals_alone() {
    let own = "a_thousand_reads_that_stall_leave_workers_and_other_principals_alone";
    if done_where_mounting_works(own) {
        return;
    }
    for place in ways::places() {
        let stalled = place.at("workspace/stalled");
        std::fs::create_dir(&stalled).unwrap();
        std::fs::write(place.at("workspace/f"), "there").unwrap();
        let Some(mut server) = stall(&stalled) else {
            eprintln!("{own}: not done, this machine gives no FUSE");
            return;
        };
        let host = place.host(FakeHost::builder());
        let mut reads = tokio::task::JoinSet::new();
        for _ in 0..READS {
            let mut host = State { fake: FakeHost::builder().build(), ctx: host.ctx.clone() };
            reads.spawn(async move { host.fs().read_file("stalled/f".into()).await });
        }
        let mut other = State { fake: FakeHost::builder().principal("bob").build(), ctx: host.ctx.clone() };
        for _ in 0..20 {
            // Whoever had no worker to run on would never come back from either.
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(other.fs().read_file("f".into()).await.unwrap(), b"there");
            other.fs().write_file("g".into(), vec![7; 100]).await.unwrap();
        }
        assert!(reads.try_join_next().is_none(), "nothing stalled");
        // Nobody holds the connection any more: what waits is told so.
        drop(server.stdin.take());
        server.wait().unwrap();
        while let Some(ended) = reads.join_next().await {
            ended.unwrap().unwrap_err();
        }
    }
}
