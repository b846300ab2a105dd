//! Real kills: a child process installs without end, is killed at any moment, and what it leaves is recovered.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod support;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use astrid_capsule_install::{Done, Meta, Progress, recover};
use support::{install, install_with, place, source, state};

const ROUNDS: u64 = 40;
/// Steps that must have been hit before the rounds end, and how many there are at most until they were.
const STEPS: usize = 3;
const MOST_ROUNDS: u64 = 1_000;
const HOME: &str = "CAPSULE_INSTALL_TEST_HOME";

/// Says which step is done, so that the kills are spread over all of them.
struct Reports(PathBuf);

impl Progress for Reports {
    fn done(&self, step: Done) -> std::io::Result<()> {
        std::fs::write(&self.0, step.to_string())
    }
}

/// The child: upgrades to and fro until it is killed. It is no test of its own, and says so by doing nothing.
#[test]
fn installs_until_it_is_killed_when_it_is_the_child() {
    let Some(work) = std::env::var_os(HOME).map(PathBuf::from) else { return };
    let home = work.join("home-of-host");
    for version in ["1.1.0", "1.0.0"].iter().cycle() {
        let source = work.join(format!("source-{version}"));
        let old = Meta::read(&place(&home).target()).unwrap().unwrap().version;
        let _ = install_with(
            &home,
            &source,
            old.as_bytes(),
            version.as_bytes(),
            Arc::new(Reports(work.join("step"))),
        );
    }
}

fn child(work: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "installs_until_it_is_killed_when_it_is_the_child", "--nocapture"]);
    command.env(HOME, work).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Lifecycle case 11, guest case 32: the files' half.
#[test]
fn a_process_killed_while_it_installs_leaves_exactly_one_of_the_two_versions() {
    let work = tempfile::tempdir().unwrap();
    let home = work.path().join("home-of-host");
    let versions = ["1.0.0", "1.1.0"].map(|version| {
        let dir = source(work.path(), version);
        let fresh = tempfile::tempdir().unwrap();
        install(fresh.path(), &dir).unwrap();
        state(fresh.path())
    });
    install(&home, &work.path().join("source-1.0.0")).unwrap();

    let mut cut = HashSet::new();
    for round in 0..MOST_ROUNDS {
        if round >= ROUNDS && cut.len() >= STEPS {
            break;
        }
        let mut running = child(work.path());
        let step = work.path().join("step");
        // Begun for sure, then some while longer: an installation takes some ten milliseconds.
        while !step.exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // Up to eight times as long in others: a busy machine takes longer for the same steps.
        std::thread::sleep(Duration::from_micros(((round * 7919) % 20_000) << (round % 4)));
        running.kill().unwrap();
        running.wait().unwrap();
        // Empty while the next one is being written.
        let reported = std::fs::read_to_string(&step).unwrap();
        cut.extend((!reported.is_empty()).then_some(reported));
        std::fs::remove_file(&step).unwrap();

        let found = recover(&home);
        assert!(found.problems.is_empty(), "{:?}", found.problems);
        let target = place(&home).target();
        for pending in found.pending {
            let version = Meta::read(&target).unwrap().unwrap().version;
            // What the host is told to do belongs to the version that is there.
            let told = pending.redo().or(pending.undo()).unwrap();
            assert_eq!(told, version.as_bytes());
            pending.finish().unwrap();
        }
        let left = state(&home);
        let same = versions.contains(&left);
        assert!(same, "round {round}, killed after {cut:?}: {:?}", left.keys());
    }
    assert!(cut.len() >= STEPS, "the kills hit only {cut:?}");
}
