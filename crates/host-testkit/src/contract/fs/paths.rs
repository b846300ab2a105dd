//! Cases about spellings.
#![expect(clippy::unwrap_used, reason = "a case ends at the first wrong answer")]

use astrid_host_fs::{FsView, arms::V1_0 as Arm};

use super::{Bed, Maker, arm};

/// fs case 1
pub async fn every_spelling_of_a_place_reads_the_same_file(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.write("a.txt", "x").await;
    for path in ["a.txt", "workspace://a.txt", "cwd://a.txt", "./a.txt", "b/../a.txt"] {
        if path.starts_with('b') {
            host.fs().mkdir("b".into()).await.unwrap();
        }
        assert_eq!(host.read(path).await.as_deref(), Ok("x"), "{path}");
    }
    host.write("/tmp/t", "t").await;
    assert_eq!(host.read("tmp://t").await.as_deref(), Ok("t"));
    host.write("home://h", "h").await;
    assert_eq!(host.read("home://./h").await.as_deref(), Ok("h"));
    assert_eq!(host.read("h").await, Err(Arm::NotFound));
}

/// fs case 2
pub async fn what_is_missing_is_not_found_and_does_not_exist(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.write("a.txt", "x").await;
    assert_eq!(host.read("nope").await, Err(Arm::NotFound));
    assert_eq!(host.read("no/pe").await, Err(Arm::NotFound));
    for (path, there) in [("nope", false), ("no/pe", false), ("a.txt/x", false), ("", true), ("a.txt", true)]
    {
        assert_eq!(host.exists(path).await, there, "{path}");
    }
}

/// fs case 4
pub async fn a_dot_dot_is_followed_only_through_a_directory_that_exists(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.write("f", "content").await;
    assert_eq!(host.read("x/../f").await, Err(Arm::NotFound));
    assert_eq!(host.read("f/../f").await, Err(Arm::NotDirectory));
    host.fs().mkdir("x".into()).await.unwrap();
    assert_eq!(host.read("x/../f").await.as_deref(), Ok("content"));
}

/// fs case 36
pub async fn canonical_paths_have_one_form(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.fs().mkdir_all("d/x".into()).await.unwrap();
    host.write("d/y", "").await;
    for (path, canonical) in [
        ("./d//x/../y", "workspace://d/y"),
        ("d/x/", "workspace://d/x"),
        ("", "workspace://"),
        ("d/..", "workspace://"),
        ("/tmp", "tmp://"),
        ("home://", "home://"),
    ] {
        assert_eq!(arm(host.fs().canonicalize(path.into()).await).as_deref(), Ok(canonical), "{path}");
    }
    assert_eq!(arm(host.fs().canonicalize("d/z".into()).await), Err(Arm::NotFound));
    assert_eq!(arm(host.fs().canonicalize("d/y/".into()).await), Err(Arm::NotDirectory));
    assert_eq!(arm(host.fs().read_link("d/y".into()).await), Err(Arm::InvalidPath));
}

/// fs case 18, the names of the host's own files
pub async fn names_of_temporaries_do_not_exist(make: Maker) {
    let bed = Bed::new(make);
    let name = ".astrid-tmp.0000000000000000";
    std::fs::write(bed.workspace().join(name), "half").unwrap();
    let mut host = bed.serve();
    assert_eq!(host.read(name).await, Err(Arm::NotFound));
    assert_eq!(arm(host.fs().write_file(name.into(), vec![]).await), Err(Arm::NotFound));
    assert_eq!(arm(host.fs().unlink(name.into()).await), Err(Arm::NotFound));
    assert!(host.fs().read_dir(String::new()).await.unwrap().is_empty());
}
