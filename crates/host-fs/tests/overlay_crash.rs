//! A child process commits until it is killed; what the next opening makes of it is all or nothing.
//!
//! 20 rounds, or 200 with `ASTRID_LONG_TESTS` set.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod common;
#[path = "common/workspace.rs"]
#[expect(dead_code, reason = "each test file needs some of the support")]
mod workspace;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use astrid_host_fs::{Direct, Overlay, Scheme};
use workspace::Bench;

const DIRECTORY: &str = "ASTRID_FS_OVERLAY_CRASH_DIRECTORY";
const FILES: usize = 20;

fn rounds() -> u64 {
    if std::env::var_os("ASTRID_LONG_TESTS").is_some() { 200 } else { 20 }
}

fn contents(root: &Path) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let below = contents(&path);
            seen.extend(below.into_iter().map(|(path, content)| (format!("{name}/{path}"), content)));
        } else {
            seen.insert(name, String::from_utf8(std::fs::read(&path).unwrap()).unwrap());
        }
    }
    seen
}

fn overlay(directory: &Path) -> Overlay {
    let lower = Arc::new(Direct::builder().open(&directory.join("workspace")).unwrap());
    Overlay::open(lower, Scheme::Workspace, &directory.join("overlay/alice")).unwrap()
}

// fs case 51
#[tokio::test]
async fn a_commit_that_is_killed_is_finished_or_not_begun_at_the_next_opening() {
    let (mut finished, mut kept) = (0, 0);
    // How long a commit takes here, from one that is let alone.
    let mut whole = None;
    for round in 0..=rounds() {
        let old: Vec<_> = (0..FILES).map(|n| (format!("d/f{n}"), format!("old {n}"))).collect();
        let tree: Vec<_> = old.iter().map(|(path, content)| (path.as_str(), content.as_str())).collect();
        let bench = Bench::new(&[&tree[..], &[("gone/f", "gone")]].concat());
        let before = contents(&bench.lower());
        let mut after = BTreeMap::new();
        {
            let mut open = bench.open();
            for n in 0..FILES {
                let content = format!("new {n} {}", "x".repeat(2000));
                open.write(&format!("d/f{n}"), &content).await;
                after.insert(format!("d/f{n}"), content);
            }
            astrid_host_fs::FsView::fs(&mut open.host).remove_dir_all("gone".into()).await.unwrap();
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_child_commits_until_it_is_killed", "--nocapture"])
            .env(DIRECTORY, bench.directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !lines.next().unwrap().unwrap().contains("committing") {}
        match whole {
            // A busy machine may have become busier since the first.
            None | Some(_) if round % 10 == 0 => {
                let began = Instant::now();
                while !lines.next().unwrap().unwrap().contains("committed") {}
                whole = Some(began.elapsed());
            }
            None => unreachable!("the first round measures"),
            // A tenth of these end on their own, too.
            Some(whole) => std::thread::sleep(whole.mul_f64(((round * 7919) % 1000) as f64 / 900.0)),
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let torn = contents(&bench.lower()).into_iter().find(|(path, content)| {
            let whole = before.get(path) == Some(content) || after.get(path) == Some(content);
            !whole && !path.contains(".astrid-tmp.")
        });
        assert_eq!(torn, None, "round {round}");
        let undecided = !overlay(bench.directory.path()).changes().unwrap().is_empty();
        Direct::builder().open(&bench.lower()).unwrap().scan();
        let expected = if undecided { &before } else { &after };
        assert!(&contents(&bench.lower()) == expected, "round {round}: some of the changes were applied");
        *(if undecided { &mut kept } else { &mut finished }) += 1;
    }
    println!("{finished} finished, {kept} not begun");
    assert!(finished > 1, "no commit but the first was ever begun, so nothing was tested");
}

#[test]
fn a_child_commits_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let overlay = overlay(Path::new(&directory));
    println!("committing");
    overlay.commit().unwrap();
    println!("committed");
    loop {
        std::thread::park();
    }
}
