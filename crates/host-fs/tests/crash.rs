//! A child process replaces a file until it is killed; what it left must be one whole content.
//!
//! 20 rounds, or 200 with `ASTRID_LONG_TESTS` set.

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use astrid_host_fs::{Direct, Directories, FsView};
use astrid_host_testkit::FakeHost;
use common::state;

const DIRECTORY: &str = "ASTRID_FS_CRASH_DIRECTORY";

fn rounds() -> u64 {
    if std::env::var_os("ASTRID_LONG_TESTS").is_some() { 200 } else { 20 }
}

// fs case 41
#[test]
fn after_sigkill_a_file_is_whole_and_no_temporary_survives_the_next_mount() {
    let directory = tempfile::tempdir().unwrap();
    for round in 0..rounds() {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_child_replaces_a_file_until_it_is_killed", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !lines.next().unwrap().unwrap().contains("replaced once") {}
        std::thread::sleep(Duration::from_micros((round * 7919) % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let content = std::fs::read(directory.path().join("f")).unwrap();
        assert_eq!(content.len(), 1 << 20, "round {round}");
        assert!(content.iter().all(|byte| Some(byte) == content.first()), "round {round}: a mixture");
        Direct::builder().open(directory.path()).unwrap().scan();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "round {round}");
    }
}

#[tokio::test]
async fn a_child_replaces_a_file_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let workspace = Direct::builder().open(Path::new(&directory)).unwrap();
    let mounts = Directories::new().workspace(std::sync::Arc::new(workspace));
    let mut host = state(FakeHost::builder(), std::sync::Arc::new(mounts));
    for round in 0_u64.. {
        let byte = if round % 2 == 0 { b'A' } else { b'B' };
        host.fs().write_file("f".into(), vec![byte; 1 << 20]).await.unwrap();
        host.fake.recorder().clear();
        if round == 0 {
            println!("replaced once");
        }
    }
}
