//! Cases about making, renaming and removing names.
#![expect(clippy::unwrap_used, reason = "a case ends at the first wrong answer")]

use std::os::unix::fs::symlink;

use astrid_host_fs::{FsView, arms::V1_0 as Arm};

use super::{Bed, Maker, arm};

/// fs case 26
pub async fn mkdir_makes_one_level_once(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.write("a.txt", "x").await;
    host.fs().mkdir("d".into()).await.unwrap();
    host.fs().mkdir("d/e/".into()).await.unwrap();
    for (path, expected) in [
        ("d", Arm::AlreadyExists),
        ("a.txt", Arm::AlreadyExists),
        ("q/r", Arm::NotFound),
        ("a.txt/r", Arm::NotDirectory),
        ("workspace://", Arm::AlreadyExists),
        ("d/..", Arm::AlreadyExists),
    ] {
        assert_eq!(arm(host.fs().mkdir(path.into()).await), Err(expected), "{path}");
    }
}

/// fs case 27
pub async fn one_of_many_racing_mkdirs_wins_and_all_mkdir_alls_do(make: Maker) {
    let host = Bed::new(make).serve();
    let mut one = Vec::new();
    let mut all = Vec::new();
    for _ in 0..32 {
        let mut twin = host.twin();
        one.push(tokio::spawn(async move { arm(twin.fs().mkdir("lock".into()).await) }));
        let mut twin = host.twin();
        all.push(tokio::spawn(async move { arm(twin.fs().mkdir_all("p/q/r".into()).await) }));
    }
    let mut won = 0;
    for task in one {
        match task.await.unwrap() {
            Ok(()) => won += 1,
            lost => assert_eq!(lost, Err(Arm::AlreadyExists)),
        }
    }
    assert_eq!(won, 1);
    for task in all {
        assert_eq!(task.await.unwrap(), Ok(()));
    }
}

/// fs case 28
pub async fn mkdir_all_stops_at_what_is_no_directory(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.write("a.txt", "x").await;
    for path in ["", "d", "d", "d/e/f/", "home://.config/app"] {
        assert_eq!(arm(host.fs().mkdir_all(path.into()).await), Ok(()), "{path}");
    }
    assert_eq!(arm(host.fs().mkdir_all("a.txt".into()).await), Err(Arm::AlreadyExists));
    assert_eq!(arm(host.fs().mkdir_all("a.txt/b".into()).await), Err(Arm::NotDirectory));
    assert!(host.exists("d/e/f").await);
}

/// fs case 29
pub async fn unlink_removes_names_and_no_directories(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.write("a.txt", "x").await;
    host.fs().mkdir("d".into()).await.unwrap();
    for (path, expected) in [
        ("d", Arm::IsDirectory),
        ("d/", Arm::IsDirectory),
        ("", Arm::IsDirectory),
        ("a.txt/", Arm::NotDirectory),
        ("missing", Arm::NotFound),
    ] {
        assert_eq!(arm(host.fs().unlink(path.into()).await), Err(expected), "{path}");
    }
    host.fs().unlink("a.txt".into()).await.unwrap();
    assert!(!host.exists("a.txt").await);
}

/// fs case 31
pub async fn rename_follows_the_rules_of_posix(make: Maker) {
    let mut host = Bed::new(make).serve();
    for path in ["a", "b", "c"] {
        host.write(path, path).await;
    }
    for path in ["d", "empty", "full/x"] {
        host.fs().mkdir_all(path.into()).await.unwrap();
    }
    for (from, to, expected) in [
        ("d", "full", Err(Arm::NotEmpty)),
        ("a", "d", Err(Arm::IsDirectory)),
        ("d", "a", Err(Arm::NotDirectory)),
        ("d", "d/x", Err(Arm::InvalidPath)),
        ("a", "home://a", Err(Arm::CrossVfs)),
        ("", "x", Err(Arm::Access)),
        ("d", "", Err(Arm::Access)),
        ("none", "x", Err(Arm::NotFound)),
        ("a", "x/", Err(Arm::NotDirectory)),
        ("a", "a", Ok(())),
        ("a", "b", Ok(())),
        ("cwd://c", "workspace://c2", Ok(())),
        ("d", "empty", Ok(())),
    ] {
        assert_eq!(arm(host.fs().rename(from.into(), to.into()).await), expected, "{from} {to}");
    }
    assert_eq!(host.read("b").await.as_deref(), Ok("a"));
    assert_eq!(host.fs().read_dir(String::new()).await.unwrap(), ["b", "c2", "empty", "full"]);
}

/// fs case 32
pub async fn removing_a_tree_counts_its_entries_and_follows_no_link(make: Maker) {
    let bed = Bed::new(make);
    let w = bed.workspace();
    std::fs::create_dir_all(w.join("d/s")).unwrap();
    std::fs::create_dir(w.join("kept")).unwrap();
    std::fs::create_dir(w.join("empty")).unwrap();
    for file in ["d/f1", "d/s/f2", "kept/f", "file"] {
        std::fs::write(w.join(file), "").unwrap();
    }
    symlink("../kept", w.join("d/link")).unwrap();
    symlink("kept", w.join("link")).unwrap();
    let mut host = bed.serve();
    for (path, expected) in [
        ("d", Ok(5)),
        ("empty", Ok(1)),
        ("file", Err(Arm::NotDirectory)),
        ("link", Err(Arm::NotDirectory)),
        ("link/", Err(Arm::NotDirectory)),
        ("d", Err(Arm::NotFound)),
        ("", Err(Arm::Access)),
    ] {
        assert_eq!(arm(host.fs().remove_dir_all(path.into()).await), expected, "{path}");
    }
    assert!(host.exists("kept/f").await);
    for n in 0..600 {
        host.fs().mkdir_all(format!("wide/{}/{n}", n % 3)).await.unwrap();
    }
    assert_eq!(arm(host.fs().remove_dir_all("wide".into()).await), Ok(604));
}

/// fs case 32
pub async fn a_very_deep_tree_is_removed_with_few_descriptors(make: Maker) {
    const DEPTH: u64 = 2000;
    let bed = Bed::new(make);
    let mut host = bed.serve();
    // Deeper than any path can say: half of it is moved below the other half.
    let half = "d/".repeat(1000);
    host.fs().mkdir_all(format!("one/{half}")).await.unwrap();
    host.fs().mkdir_all(format!("two/{half}")).await.unwrap();
    host.fs().rename("two".into(), format!("one/{half}two")).await.unwrap();
    assert_eq!(arm(host.fs().remove_dir_all("one".into()).await), Ok(DEPTH + 2));
    assert!(!host.exists("one").await);
}

/// fs case 34
pub async fn a_hard_link_is_the_same_file(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.write("a", "a").await;
    host.fs().mkdir("d".into()).await.unwrap();
    host.fs().hard_link("a".into(), "d/b".into()).await.unwrap();
    host.fs().append("d/b".into(), b"!".into()).await.unwrap();
    assert_eq!(host.read("a").await.as_deref(), Ok("a!"));
    for (from, to, expected) in [
        ("a", "d/b", Arm::AlreadyExists),
        ("d", "x", Arm::IsDirectory),
        ("a", "tmp://x", Arm::CrossVfs),
        ("none", "x", Arm::NotFound),
    ] {
        assert_eq!(arm(host.fs().hard_link(from.into(), to.into()).await), Err(expected), "{from} {to}");
    }
}
