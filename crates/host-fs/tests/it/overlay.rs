//! What an overlay shows, what it leaves alone, and how its changes end.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use crate::workspace::{Bench, arm, snapshot};
use astrid_host_fs::{Direct, FsView, OpenMode, Overlay, OverlayError, Scheme, arms::V1_0 as Arm};

// fs case 51
#[tokio::test]
async fn a_deleted_file_of_the_lower_tree_is_hidden_and_can_be_made_again() {
    let bench = Bench::new(&[("d/f", "old"), ("d/g", "g")]);
    let before = snapshot(&bench.lower());
    let mut open = bench.open();
    open.host.fs().unlink("d/f".into()).await.unwrap();
    assert_eq!(open.read("d/f").await, Err(Arm::NotFound));
    assert_eq!(arm(open.host.fs().unlink("d/f".into()).await), Err(Arm::NotFound));
    assert_eq!(open.list("d").await, ["g"]);
    assert_eq!(open.changes("alice"), ["removed d/f"]);
    open.write("d/f", "new").await;
    assert_eq!(open.read("d/f").await.as_deref(), Ok("new"));
    assert_eq!(open.list("d").await, ["f", "g"]);
    open.host.fs().unlink("d/f".into()).await.unwrap();
    assert_eq!(open.list("d").await, ["g"]);
    open.host.fs().mkdir("d/f".into()).await.unwrap();
    assert!(open.list("d/f").await.is_empty());
    assert_eq!(snapshot(&bench.lower()), before);
}

// fs case 51
#[tokio::test]
async fn a_directory_made_anew_shows_nothing_of_the_one_that_was_removed() {
    let bench = Bench::new(&[("d/f", "old"), ("d/s/g", "g"), ("kept", "k")]);
    let mut open = bench.open();
    assert_eq!(arm(open.host.fs().remove_dir_all("d".into()).await), Ok(4));
    assert_eq!(open.list("").await, ["kept"]);
    open.host.fs().mkdir_all("d/s".into()).await.unwrap();
    assert_eq!((open.list("d").await, open.list("d/s").await), (vec!["s".to_owned()], vec![]));
    assert_eq!(open.read("d/s/g").await, Err(Arm::NotFound));
    open.write("d/f", "new").await;
    assert_eq!(open.changes("alice"), ["replaced d/", "added d/f", "added d/s/"]);
    bench.close(open).await;
    let mut open = bench.open();
    assert_eq!(open.list("d").await, ["f", "s"]);
    open.of("alice").commit().unwrap();
    assert_eq!(std::fs::read_to_string(bench.at("d/f")).unwrap(), "new");
    assert!(bench.at("d/s").is_dir() && !bench.at("d/s/g").exists());
    assert_eq!(std::fs::read_to_string(bench.at("kept")).unwrap(), "k");
}

// fs case 51
#[tokio::test]
async fn a_merged_tree_is_removed_and_every_entry_counted_once() {
    let bench = Bench::new(&[("d/f1", ""), ("d/f2", ""), ("d/s/x", ""), ("d/l", "->..")]);
    let mut open = bench.open();
    for path in ["d/f1", "d/new", "d/s/y"] {
        open.write(path, "upper").await;
    }
    open.host.fs().unlink("d/f2".into()).await.unwrap();
    // d, f1, new, s, x, y, l
    assert_eq!(arm(open.host.fs().remove_dir_all("d".into()).await), Ok(7));
    assert_eq!(open.changes("alice"), ["removed d/"]);
}

// fs case 51
#[tokio::test]
async fn what_lies_in_the_lower_tree_can_be_renamed_with_all_below_it() {
    let tree = [("f", "f"), ("d/a", "a"), ("d/s/b", "b"), ("d/gone", ""), ("l", "->f"), ("empty/", "")];
    let bench = Bench::new(&tree);
    std::fs::set_permissions(bench.at("d/a"), std::fs::Permissions::from_mode(0o751)).unwrap();
    let modified = bench.at("d/a").metadata().unwrap().modified().unwrap();
    let before = snapshot(&bench.lower());
    let mut open = bench.open();
    open.host.fs().unlink("d/gone".into()).await.unwrap();
    open.write("d/s/c", "c").await;
    for (from, to) in [("f", "g"), ("l", "m"), ("d", "empty"), ("empty", "e")] {
        open.host.fs().rename(from.into(), to.into()).await.unwrap();
    }
    assert_eq!(open.list("").await, ["e", "g", "m"]);
    assert_eq!((open.list("e").await, open.list("e/s").await.len()), (vec!["a".into(), "s".into()], 2));
    assert_eq!(open.read("e/s/b").await.as_deref(), Ok("b"));
    assert_eq!(arm(open.host.fs().read_link("m".into()).await).as_deref(), Ok("workspace://f"));
    // The old names are free, and nothing of what they stood for comes back with them.
    open.host.fs().mkdir_all("d/s".into()).await.unwrap();
    assert!(open.list("d/s").await.is_empty());
    assert_eq!(snapshot(&bench.lower()), before);
    open.of("alice").commit().unwrap();
    let a = bench.at("e/a").metadata().unwrap();
    assert_eq!((a.permissions().mode() & 0o777, a.modified().unwrap()), (0o751, modified));
    assert_eq!(std::fs::read_dir(bench.at("d/s")).unwrap().count(), 0);
    assert_eq!(std::fs::read_link(bench.at("m")).unwrap().to_str(), Some("f"));
    assert!(!bench.at("f").exists() && !bench.at("empty").exists());
}

// fs case 51
#[tokio::test]
async fn a_commit_lands_exactly_the_changes_and_a_rollback_none() {
    let tree = [("a", "a"), ("b", "b"), ("log", "1\n"), ("d/x", "x"), ("old/f", "f"), ("file", "turns")];
    let bench = Bench::new(&tree);
    std::fs::set_permissions(bench.at("b"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let before = snapshot(&bench.lower());
    for decision in ["rollback", "commit"] {
        let mut open = bench.open();
        open.write("b", "B").await;
        open.host.fs().append("log".into(), b"2\n".into()).await.unwrap();
        open.host.fs().remove_dir_all("old".into()).await.unwrap();
        open.host.fs().mkdir_all("d/n/m".into()).await.unwrap();
        open.host.fs().hard_link("b".into(), "d/n/b2".into()).await.unwrap();
        open.host.fs().unlink("file".into()).await.unwrap();
        open.host.fs().mkdir("file".into()).await.unwrap();
        let expected = [
            "modified b",
            "added d/n/",
            "added d/n/b2",
            "added d/n/m/",
            "replaced file",
            "modified log",
            "removed old/",
        ];
        assert_eq!(open.changes("alice"), expected);
        assert_eq!(snapshot(&bench.lower()), before);
        match decision {
            "rollback" => open.of("alice").rollback().unwrap(),
            _ => open.of("alice").commit().unwrap(),
        }
        assert!(open.changes("alice").is_empty());
        if decision == "rollback" {
            assert_eq!(snapshot(&bench.lower()), before);
            assert_eq!(open.read("b").await.as_deref(), Ok("b"));
            assert_eq!(open.list("").await, ["a", "b", "d", "file", "log", "old"]);
        } else {
            assert_eq!(open.list("").await, ["a", "b", "d", "file", "log"]);
            assert_eq!(open.read("d/n/b2").await.as_deref(), Ok("B"));
        }
    }
    let mut after = snapshot(&bench.lower());
    for kept in ["a", "d", "d/x"] {
        assert_eq!(after.remove(kept).as_ref(), before.get(kept), "{kept}");
    }
    assert!(after["b"].starts_with("100755 2 ") && after["b"].ends_with(" B"), "{}", after["b"]);
    assert!(after["log"].ends_with(" 1\n2\n"));
    assert_eq!(after.keys().collect::<Vec<_>>(), ["b", "d/n", "d/n/b2", "d/n/m", "file", "log"]);
}

// fs case 51
#[tokio::test]
async fn principals_do_not_see_what_another_has_not_committed() {
    let bench = Bench::new(&[("f", "lower"), ("g", "g")]);
    let mut open = bench.open();
    for who in ["alice", "bob"] {
        open.host.fake.serve(who);
        assert_eq!(open.read("f").await.as_deref(), Ok("lower"));
        open.write("f", who).await;
        open.write(who, who).await;
    }
    open.host.fs().unlink("g".into()).await.unwrap();
    open.host.fake.serve("alice");
    assert_eq!(open.list("").await, ["alice", "f", "g"]);
    assert_eq!(open.read("f").await.as_deref(), Ok("alice"));
    open.of("alice").commit().unwrap();
    open.host.fake.serve("bob");
    assert_eq!(open.list("").await, ["alice", "bob", "f"]);
    assert_eq!(open.read("f").await.as_deref(), Ok("bob"));
    open.of("bob").rollback().unwrap();
    assert_eq!(open.list("").await, ["alice", "f", "g"]);
    assert_eq!(open.read("f").await.as_deref(), Ok("alice"));
}

#[tokio::test]
async fn a_call_without_principal_has_no_overlay() {
    let bench = Bench::new(&[("f", "lower")]);
    let mut open = bench.open();
    open.host = crate::common::state(
        astrid_host_testkit::FakeHost::builder().no_principal(),
        Arc::new(astrid_host_fs::Directories::new().overlays(open.overlays.clone())),
    );
    assert_eq!(open.read("f").await, Err(Arm::CapabilityDenied));
}

#[tokio::test]
async fn a_link_of_the_lower_tree_leads_to_what_is_seen() {
    let bench = Bench::new(&[("d/f", "old"), ("l", "->d/f"), ("e", "->d"), ("up/x", "->../d/f")]);
    let before = snapshot(&bench.lower());
    let mut open = bench.open();
    open.write("l", "new").await;
    for path in ["d/f", "l", "e/f", "up/x", "up/../e/../d/f"] {
        assert_eq!(open.read(path).await.as_deref(), Ok("new"), "{path}");
    }
    open.host.fs().remove_dir_all("d".into()).await.unwrap();
    assert_eq!(open.read("l").await, Err(Arm::NotFound));
    assert_eq!(snapshot(&bench.lower()), before);
}

#[tokio::test]
async fn changes_outlive_the_process_and_belong_to_one_at_a_time() {
    let bench = Bench::new(&[("a", "a"), ("d/x", "x")]);
    let mut open = bench.open();
    open.write("d/y", "y").await;
    open.host.fs().unlink("a".into()).await.unwrap();
    let lower = Arc::new(Direct::builder().open(&bench.lower()).unwrap());
    let kept = bench.directory.path().join("overlay/alice");
    let second = Overlay::open(lower, Scheme::Workspace, &kept);
    assert!(matches!(second, Err(OverlayError::InUse)), "{second:?}");
    bench.close(open).await;
    // A record that was not finished is none.
    let cuts = kept.join("changes/cuts");
    let mut record = std::fs::read(&cuts).unwrap();
    record.extend(b"d/x");
    std::fs::write(&cuts, record).unwrap();
    let mut open = bench.open();
    assert_eq!(open.list("").await, ["d"]);
    assert_eq!(open.list("d").await, ["x", "y"]);
    open.host.fs().unlink("d/x".into()).await.unwrap();
    bench.close(open).await;
    assert_eq!(bench.open().changes("alice"), ["removed a", "removed d/x", "added d/y"]);
}

#[tokio::test]
async fn a_commit_waits_for_nobody_who_still_writes() {
    let bench = Bench::new(&[("f", "old")]);
    let mut open = bench.open();
    let reading = open.host.fs().open("f".into(), OpenMode::Read).await.unwrap();
    let file = open.host.fs().open("f".into(), OpenMode::Append).await.unwrap();
    open.host.fs().write_at(&file, 0, b"er".into()).await.unwrap();
    let refused = open.of("alice").commit();
    assert!(matches!(refused, Err(OverlayError::Busy(1))), "{refused:?}");
    assert_eq!(std::fs::read_to_string(bench.at("f")).unwrap(), "old");
    open.host.fs().drop_handle(file);
    // Closing happens on the pool; a call that follows there comes after it.
    while open.of("alice").commit().is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(std::fs::read_to_string(bench.at("f")).unwrap(), "older");
    assert_eq!(open.host.fs().read_at(&reading, 0, 9).await.unwrap(), b"old");
}

#[tokio::test]
async fn a_commit_follows_no_link_that_somebody_else_put_in_the_way() {
    let bench = Bench::new(&[("d/f", "old"), ("g", "g")]);
    let mut open = bench.open();
    open.write("d/f", "new").await;
    // Somebody else turned the directory into a link, which a commit never follows.
    std::fs::rename(bench.at("d"), bench.at("real")).unwrap();
    std::os::unix::fs::symlink("real", bench.at("d")).unwrap();
    open.of("alice").commit().unwrap();
    assert_eq!(std::fs::read_to_string(bench.at("real/f")).unwrap(), "old");
    assert_eq!(std::fs::read_to_string(bench.at("d/f")).unwrap(), "new");
    assert!(!bench.at("d").is_symlink());
}

#[tokio::test]
async fn a_commit_that_fails_keeps_all_changes_and_can_be_tried_again() {
    let bench = Bench::new(&[("old", "old")]);
    {
        let mut open = bench.open();
        for path in ["a", "b", "c"] {
            open.write(path, path).await;
        }
        open.write("old", "new").await;
    }
    let kept = bench.directory.path().join("overlay/alice");
    let small = Direct::builder().entries(Some(2)).open(&bench.lower()).unwrap();
    let overlay = Overlay::open(Arc::new(small), Scheme::Workspace, &kept).unwrap();
    let failed = overlay.commit();
    assert!(matches!(&failed, Err(OverlayError::At { path, .. }) if path == "c"), "{failed:?}");
    assert_eq!(overlay.changes().unwrap().len(), 4);
    assert!(!kept.join("changes/journal").exists());
    drop(overlay);
    assert_eq!(std::fs::read_to_string(bench.at("old")).unwrap(), "old");
    let open = bench.open();
    assert_eq!(open.changes("alice"), ["modified a", "modified b", "added c", "modified old"]);
    open.of("alice").commit().unwrap();
    let files: Vec<_> = ["a", "b", "c", "old"].map(|f| std::fs::read_to_string(bench.at(f)).unwrap()).into();
    assert_eq!(files, ["a", "b", "c", "new"]);
}
