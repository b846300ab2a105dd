//! What a run of `spawn` costs the host. A program of its own: it looks at the memory of the whole process.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot set up must fail")]
#![expect(dead_code, reason = "of the helpers, this program needs the few that start real children")]

mod common;

use astrid_host_process::ProcessView;

/// The most memory this process has had so far, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

// process case 16
#[tokio::test]
async fn of_20_mib_the_first_and_last_5_are_kept_and_the_host_grows_by_less_than_40() {
    let mut desk = common::desk();
    desk.state.process().spawn(common::sh("echo warm")).await.unwrap();
    let before = peak();
    let done = desk.state.process().spawn(common::sh("yes | head -c 20971520")).await.unwrap();
    let grown = peak() - before;
    let line = "[... 10485760 bytes omitted ...]\n";
    assert_eq!(done.stdout.len(), 10 * 1024 * 1024 + line.len());
    let (head, rest) = done.stdout.split_at(5 * 1024 * 1024);
    assert!(head.as_bytes().chunks(2).all(|pair| pair == b"y\n"));
    assert!(rest.strip_prefix(line).unwrap().as_bytes().chunks(2).all(|pair| pair == b"y\n"));
    assert!(grown < 40 * 1024, "{grown} KiB");
}
