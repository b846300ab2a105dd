//! Overlays as files: when a change counts, and what is not used.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

use std::collections::HashMap;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use astrid_host_context::{CapsuleId, Principal, Scope};
use astrid_principals::EnvFiles;

fn scope(who: &str) -> Scope {
    Scope { principal: Some(Principal::parse(who).unwrap()), capsule: CapsuleId::parse("notes").unwrap() }
}

fn path(root: &Path, who: &str) -> PathBuf {
    root.join(format!("home/{who}/.config/env/notes.env.json"))
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    std::io::Write::write_all(&mut file.unwrap(), text.as_bytes()).unwrap();
}

fn open() -> (tempfile::TempDir, Arc<EnvFiles>) {
    let root = tempfile::tempdir().unwrap();
    let files = Arc::new(EnvFiles::open(root.path()).unwrap());
    (root, files)
}

// principals case 8
#[tokio::test]
async fn an_overlay_rewritten_between_two_calls_counts_for_the_second() {
    let (root, files) = open();
    let (alice, bob) = (scope("alice"), scope("bob"));
    let file = path(root.path(), "alice");
    // Again and again with the same length and at once, which the file's times alone might not show.
    for round in 0..200 {
        let value = format!("http://localhost:{}", 1000 + round);
        write(&file, &format!("{{\"base_url\":\"{value}\"}}"));
        files.refresh(&alice).await;
        files.refresh(&bob).await;
        assert_eq!(files.get(&alice, "base_url"), Some(value));
        assert_eq!(files.get(&bob, "base_url"), None);
    }
    std::fs::remove_file(&file).unwrap();
    files.refresh(&alice).await;
    assert_eq!(files.get(&alice, "base_url"), None);
}

// sys case 41
#[tokio::test]
async fn a_broken_overlay_is_not_used_as_a_whole_until_it_is_right_again() {
    let (root, files) = open();
    let (alice, file) = (scope("alice"), path(root.path(), "alice"));
    for broken in ["", "[]", "{\"a\":\"1\",\"b\":2}", "{\"a\":\"1\"", "{\"a\":{\"b\":\"1\"}}"] {
        write(&file, broken);
        files.refresh(&alice).await;
        assert_eq!(files.get(&alice, "a"), None, "{broken}");
    }
    write(&file, &format!("{{\"a\":\"{}\"}}", "x".repeat(65_536)));
    files.refresh(&alice).await;
    assert_eq!(files.get(&alice, "a"), None);
    write(&file, "{\"a\":\"1\"}");
    files.refresh(&alice).await;
    assert_eq!(files.get(&alice, "a").as_deref(), Some("1"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    files.refresh(&alice).await;
    assert_eq!(files.get(&alice, "a"), None, "values may be worth hiding");
}

#[tokio::test]
async fn a_link_or_a_pipe_in_an_overlays_place_is_not_followed_and_stops_nobody() {
    let (root, files) = open();
    let alice = scope("alice");
    write(&path(root.path(), "bob"), "{\"a\":\"bob's\"}");
    let file = path(root.path(), "alice");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(path(root.path(), "bob"), &file).unwrap();
    files.refresh(&alice).await;
    assert_eq!(files.get(&alice, "a"), None);
    std::fs::remove_dir_all(root.path().join("home/alice/.config")).unwrap();
    std::os::unix::fs::symlink(root.path().join("home/bob/.config"), root.path().join("home/alice/.config"))
        .unwrap();
    files.refresh(&alice).await;
    assert_eq!(files.get(&alice, "a"), None);
    std::fs::remove_file(root.path().join("home/alice/.config")).unwrap();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    files.refresh(&alice).await;
    assert_eq!(files.get(&alice, "a"), None);
}

// sys case 43
#[test]
fn who_reads_while_an_operator_writes_sees_one_whole_set() {
    let (root, files) = open();
    let alice = scope("alice");
    let set = |n: u64| HashMap::from([("a".to_owned(), n.to_string()), ("b".to_owned(), n.to_string())]);
    files.replace(&alice, &set(0)).unwrap();
    std::thread::scope(|threads| {
        let writer = threads.spawn(|| (1..=100).for_each(|n| files.replace(&alice, &set(n)).unwrap()));
        while !writer.is_finished() {
            let text = std::fs::read_to_string(path(root.path(), "alice")).unwrap();
            let seen: HashMap<String, String> = serde_json::from_str(&text).unwrap();
            assert_eq!((seen.len(), seen.get("a")), (2, seen.get("b")));
        }
    });
    files.refresh_now(&alice);
    assert_eq!(files.get(&alice, "a").as_deref(), Some("100"));
    let mode = std::fs::metadata(path(root.path(), "alice")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(path(root.path(), "alice").parent().unwrap()).unwrap().count(), 1);
    let nobody = Scope { principal: None, ..alice };
    assert!(files.replace(&nobody, &set(1)).is_err());
}
