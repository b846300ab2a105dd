//! Cases about symbolic links and special files.
#![expect(clippy::unwrap_used, reason = "a case ends at the first wrong answer")]

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use astrid_host_fs::{FileKind, FsView, OpenMode, Text, arms::V1_0 as Arm};

use super::{Bed, Maker, arm};

/// fs case 9
pub async fn a_link_out_of_the_root_is_an_escape_and_can_still_be_looked_at_and_removed(make: Maker) {
    let bed = Bed::new(make);
    std::fs::write(bed.outside().join("secret"), "s").unwrap();
    symlink(bed.outside(), bed.workspace().join("l")).unwrap();
    let mut host = bed.serve();
    let escape = Some(Arm::BoundaryEscape);
    assert_eq!(host.read("l/secret").await.err(), escape);
    assert_eq!(arm(host.fs().stat("l".into()).await).err(), escape);
    assert_eq!(arm(host.fs().exists("l".into()).await).err(), escape);
    assert_eq!(arm(host.fs().canonicalize("l".into()).await).err(), escape);
    assert_eq!(arm(host.fs().read_link("l".into()).await).err(), escape);
    assert_eq!(arm(host.fs().write_file("l/x".into(), vec![1]).await).err(), escape);
    assert_eq!(arm(host.fs().mkdir("l/d".into()).await).err(), escape);
    let stat = host.fs().stat_symlink("l".into()).await.unwrap();
    assert_eq!((stat.kind, stat.size), (FileKind::Symlink, 0));
    host.fs().unlink("l".into()).await.unwrap();
    assert!(!host.exists("l").await);
    assert_eq!(std::fs::read_to_string(bed.outside().join("secret")).unwrap(), "s");
}

/// fs case 10
pub async fn a_relative_link_inside_the_root_is_followed_and_read(make: Maker) {
    let bed = Bed::new(make);
    std::fs::create_dir(bed.workspace().join("d")).unwrap();
    std::fs::write(bed.workspace().join("t.txt"), "t").unwrap();
    symlink("../t.txt", bed.workspace().join("d/l")).unwrap();
    symlink("d", bed.workspace().join("e")).unwrap();
    symlink("x/../y", bed.workspace().join("d/inner")).unwrap();
    let mut host = bed.serve();
    assert_eq!(host.read("d/l").await.as_deref(), Ok("t"));
    assert_eq!(host.read("e/l").await.as_deref(), Ok("t"));
    assert_eq!(arm(host.fs().read_link("d/l".into()).await).as_deref(), Ok("workspace://t.txt"));
    assert_eq!(arm(host.fs().read_link("e/inner".into()).await).as_deref(), Ok("workspace://d/x/../y"));
    assert_eq!(arm(host.fs().canonicalize("e/l".into()).await).as_deref(), Ok("workspace://t.txt"));
    assert_eq!(host.fs().stat_symlink("d/l".into()).await.unwrap().size, 17);
    assert_eq!(host.fs().stat_symlink("e/".into()).await.unwrap().kind, FileKind::Directory);
}

/// fs case 11
pub async fn a_link_that_climbs_above_the_root_escapes(make: Maker) {
    let bed = Bed::new(make);
    std::fs::create_dir(bed.workspace().join("d")).unwrap();
    symlink("../../x", bed.workspace().join("d/l")).unwrap();
    symlink("me", bed.workspace().join("me")).unwrap();
    let mut host = bed.serve();
    assert_eq!(host.read("d/l").await, Err(Arm::BoundaryEscape));
    assert_eq!(arm(host.fs().read_link("d/l".into()).await), Err(Arm::BoundaryEscape));
    assert_eq!(host.read("me").await, Err(Arm::Unknown(Text::TooManyLinks)));
}

/// fs case 11
pub async fn forty_links_are_followed_and_forty_one_are_not(make: Maker) {
    let bed = Bed::new(make);
    std::fs::write(bed.workspace().join("l0"), "end").unwrap();
    for n in 1..=41 {
        symlink(format!("l{}", n - 1), bed.workspace().join(format!("l{n}"))).unwrap();
    }
    let mut host = bed.serve();
    assert_eq!(host.read("l40").await.as_deref(), Ok("end"));
    assert_eq!(host.read("l41").await, Err(Arm::Unknown(Text::TooManyLinks)));
}

/// fs cases 2, 26
pub async fn a_dangling_link_does_not_exist_and_creates_its_target_when_written(make: Maker) {
    let bed = Bed::new(make);
    symlink("target", bed.workspace().join("l")).unwrap();
    let mut host = bed.serve();
    assert!(!host.exists("l").await);
    assert_eq!(host.read("l").await, Err(Arm::NotFound));
    assert_eq!(arm(host.fs().mkdir("l".into()).await), Err(Arm::AlreadyExists));
    assert_eq!(arm(host.fs().mkdir_all("l".into()).await), Err(Arm::AlreadyExists));
    host.write("l", "made").await;
    assert_eq!(host.read("target").await.as_deref(), Ok("made"));
}

/// fs case 21
pub async fn special_files_are_never_opened(make: Maker) {
    let bed = Bed::new(make);
    let fifo = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mkfifoat(rustix::fs::CWD, bed.workspace().join("fifo"), fifo).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(bed.workspace().join("socket")).unwrap();
    let mut host = bed.serve();
    for (name, kind) in [("fifo", FileKind::Fifo), ("socket", FileKind::Socket)] {
        let started = Instant::now();
        for mode in [OpenMode::Read, OpenMode::Write, OpenMode::Append, OpenMode::ReadWrite] {
            assert_eq!(arm(host.fs().open(name.into(), mode).await).err(), Some(Arm::Access), "{name}");
        }
        assert_eq!(host.read(name).await, Err(Arm::Access));
        assert_eq!(arm(host.fs().write_file(name.into(), vec![1]).await), Err(Arm::Access));
        // The case asks for 50 ms a call; parking would be for ever.
        assert!(started.elapsed() < Duration::from_secs(5));
        assert_eq!(host.fs().stat(name.into()).await.unwrap().kind, kind);
        host.fs().unlink(name.into()).await.unwrap();
    }
}
