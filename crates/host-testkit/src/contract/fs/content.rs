//! Cases about whole files.
#![expect(clippy::unwrap_used, reason = "a case ends at the first wrong answer")]

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use astrid_host_fs::{FsView, MAX_CONTENT, MAX_LISTED, arms::V1_0 as Arm};

use super::{Bed, Maker, arm};

/// fs case 15
pub async fn a_whole_file_has_at_most_ten_mebibytes(make: Maker) {
    let bed = Bed::new(make);
    for (name, size) in [("below", 10_485_759), ("limit", 10_485_760), ("above", 10_485_761)] {
        std::fs::File::create(bed.workspace().join(name)).unwrap().set_len(size).unwrap();
    }
    let mut host = bed.serve();
    assert_eq!(host.fs().read_file("below".into()).await.unwrap().len(), 10_485_759);
    assert_eq!(host.fs().read_file("limit".into()).await.unwrap().len(), 10_485_760);
    assert_eq!(arm(host.fs().read_file("above".into()).await), Err(Arm::TooLarge));
}

/// fs case 16
pub async fn content_at_the_limit_is_written_and_more_touches_nothing(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.write("old", "old").await;
    for name in ["old", "new"] {
        let more = vec![0; MAX_CONTENT + 1];
        assert_eq!(arm(host.fs().write_file(name.into(), more.clone()).await), Err(Arm::TooLarge));
        assert_eq!(arm(host.fs().append(name.into(), more).await), Err(Arm::TooLarge));
    }
    assert_eq!(host.read("old").await.as_deref(), Ok("old"));
    assert!(!host.exists("new").await);
    for size in [MAX_CONTENT - 1, MAX_CONTENT] {
        host.write("written", vec![7; size]).await;
        assert_eq!(host.fs().stat("written".into()).await.unwrap().size, size as u64);
        host.fs().append(format!("appended{size}"), vec![7; size]).await.unwrap();
    }
}

/// fs case 18
pub async fn a_listing_has_at_most_4096_names_sorted_and_hides_what_guests_cannot_write(make: Maker) {
    let bed = Bed::new(make);
    let full = bed.workspace().join("full");
    std::fs::create_dir(&full).unwrap();
    for n in 0..MAX_LISTED {
        std::fs::write(full.join(format!("n{:04}", (n * 7) % MAX_LISTED)), "").unwrap();
    }
    let odd = bed.workspace().join("odd");
    std::fs::create_dir(&odd).unwrap();
    let invalid = std::ffi::OsStr::from_bytes(b"\xff");
    for hidden in ["e\u{301}".as_ref(), "a\nb".as_ref(), invalid, ".astrid-tmp.0123456789abcdef".as_ref()] {
        std::fs::write(odd.join(hidden), "").unwrap();
    }
    for shown in ["b", "a", "é", "B", ".dot"] {
        std::fs::write(odd.join(shown), "").unwrap();
    }
    let mut host = bed.serve();
    let names = host.fs().read_dir("full".into()).await.unwrap();
    assert_eq!(names.len(), MAX_LISTED);
    assert!(names.is_sorted());
    assert_eq!(host.fs().read_dir("odd".into()).await.unwrap(), [".dot", "B", "a", "b", "é"]);
    host.write("full/one-more", "").await;
    assert_eq!(arm(host.fs().read_dir("full".into()).await), Err(Arm::TooLarge));
    for left in [MAX_LISTED, MAX_LISTED - 1] {
        host.fs().unlink(format!("full/n{:04}", MAX_LISTED - left)).await.unwrap();
        assert_eq!(host.fs().read_dir("full".into()).await.unwrap().len(), left);
    }
    assert_eq!(arm(host.fs().read_dir("full/n0002".into()).await), Err(Arm::NotDirectory));
    assert_eq!(arm(host.fs().read_dir("none".into()).await), Err(Arm::NotFound));
}

/// fs case 30, for write-file
pub async fn writing_replaces_content_and_keeps_the_mode(make: Maker) {
    let bed = Bed::new(make);
    let script = bed.workspace().join("script");
    std::fs::write(&script, "old and long").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(bed.workspace().join("d")).unwrap();
    let mut host = bed.serve();
    host.write("script", "new").await;
    assert_eq!(host.read("script").await.as_deref(), Ok("new"));
    assert_eq!(host.fs().stat("script".into()).await.unwrap().mode & 0o777, 0o755);
    host.write("script", "").await;
    assert_eq!(host.read("script").await.as_deref(), Ok(""));
    for (path, expected) in [
        ("d", Arm::IsDirectory),
        ("", Arm::IsDirectory),
        ("new/", Arm::IsDirectory),
        ("no/new", Arm::NotFound),
        ("script/new", Arm::NotDirectory),
    ] {
        assert_eq!(arm(host.fs().write_file(path.into(), vec![1]).await), Err(expected), "{path}");
    }
    assert_eq!(host.fs().read_dir(String::new()).await.unwrap(), ["d", "script"]);
}

/// fs case 35
pub async fn writing_through_one_of_two_names_keeps_both(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.write("a", "one").await;
    host.fs().hard_link("a".into(), "b".into()).await.unwrap();
    host.write("b", "two").await;
    assert_eq!(host.read("a").await.as_deref(), Ok("two"));
}

/// fs case 16, in small
pub async fn appending_creates_and_adds(make: Maker) {
    let mut host = Bed::new(make).serve();
    for part in ["a", "", "b"] {
        host.fs().append("log".into(), part.into()).await.unwrap();
    }
    assert_eq!(host.read("log").await.as_deref(), Ok("ab"));
    assert_eq!(arm(host.fs().append(String::new(), vec![1]).await), Err(Arm::IsDirectory));
}

/// fs case 40
pub async fn parallel_appends_never_mix(make: Maker) {
    let mut host = Bed::new(make).serve();
    let tasks: Vec<_> = (0..16_u8)
        .map(|task| {
            let mut host = host.twin();
            tokio::spawn(async move {
                let mut line = vec![b'a' + task; 99];
                line.push(b'\n');
                for _ in 0..1000 {
                    host.fs().append("log".into(), line.clone()).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let log = host.fs().read_file("log".into()).await.unwrap();
    assert_eq!(log.len(), 1_600_000);
    let whole =
        |line: &[u8]| line.last() == Some(&b'\n') && line.iter().take(99).all(|b| Some(b) == line.first());
    assert!(log.chunks(100).all(whole));
}

/// fs case 42
pub async fn readers_see_one_whole_content(make: Maker) {
    const ROUNDS: usize = 40;
    let mut host = Bed::new(make).serve();
    host.write("f", vec![b'0'; 256 << 10]).await;
    let mut tasks = Vec::new();
    for writer in 0..8_u8 {
        let mut host = host.twin();
        tasks.push(tokio::spawn(async move {
            for _ in 0..ROUNDS {
                host.write("f", vec![b'a' + writer; 256 << 10]).await;
            }
        }));
    }
    for _ in 0..8 {
        let mut host = host.twin();
        tasks.push(tokio::spawn(async move {
            for _ in 0..ROUNDS {
                let content = host.fs().read_file("f".into()).await.unwrap();
                assert_eq!(content.len(), 256 << 10);
                assert!(content.iter().all(|byte| Some(byte) == content.first()), "a mixture was read");
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// fs case 30
pub async fn copies_keep_content_and_mode_and_replace(make: Maker) {
    let bed = Bed::new(make);
    let script = bed.workspace().join("script");
    std::fs::write(&script, vec![5; 3 << 20]).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(bed.workspace().join("d")).unwrap();
    let mut host = bed.serve();
    host.write("home://b", "old").await;
    for to in ["home://b", "copy", "tmp://c"] {
        host.fs().copy("script".into(), to.into()).await.unwrap();
        assert_eq!(host.fs().read_file(to.into()).await.unwrap(), vec![5; 3 << 20], "{to}");
        assert_eq!(host.fs().stat(to.into()).await.unwrap().mode & 0o777, 0o755, "{to}");
    }
    for (from, to, expected) in [
        ("d", "x", Arm::IsDirectory),
        ("script", "d", Arm::IsDirectory),
        ("none", "x", Arm::NotFound),
        ("script", "none/x", Arm::NotFound),
    ] {
        assert_eq!(arm(host.fs().copy(from.into(), to.into()).await), Err(expected), "{from} {to}");
    }
    assert!(!host.exists("x").await);
}

/// fs case 30
pub async fn a_large_copy_replaces_its_destination_under_readers(make: Maker) {
    const SIZE: u64 = 64 << 20;
    let bed = Bed::new(make);
    std::fs::File::create(bed.workspace().join("large")).unwrap().set_len(SIZE).unwrap();
    let mut host = bed.serve();
    host.write("to", "old").await;
    let mut reader = host.twin();
    let reading = tokio::spawn(async move {
        let mut sizes = Vec::new();
        while sizes.last() != Some(&SIZE) {
            sizes.push(reader.fs().stat("to".into()).await.unwrap().size);
        }
        sizes
    });
    host.fs().copy("large".into(), "to".into()).await.unwrap();
    let sizes = reading.await.unwrap();
    assert!(sizes.iter().all(|size| [3, SIZE].contains(size)), "a part of the copy was seen: {sizes:?}");
}

/// fs case 30
pub async fn a_copy_onto_itself_keeps_the_content(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.write("a", "kept").await;
    host.fs().hard_link("a".into(), "b".into()).await.unwrap();
    for to in ["a", "./a", "b"] {
        host.fs().copy("a".into(), to.into()).await.unwrap();
        assert_eq!(host.read(to).await.as_deref(), Ok("kept"));
    }
}
