//! What a long write of zeroes costs a process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test that cannot set up must fail"
)]

#[macro_use]
mod common;

use astrid_host_io::IoView;
use common::state;

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

// io case 40; alone in its binary, so that nobody else's memory is counted
#[tokio::test]
async fn a_gibibyte_of_zeroes_needs_no_memory_of_its_own() {
    const GIB: u64 = 1 << 30;
    let mut s = state();
    let (sink, stream) = s.output();
    sink.count_only();
    let before = resident_kib();
    s.io().blocking_write_zeroes_and_flush(&stream, GIB).await.unwrap();
    let grown = resident_kib().saturating_sub(before);
    assert_eq!(sink.counted(), (GIB, 0));
    assert!(grown < 1024, "{grown} KiB");
}
