//! Cases about open files.
#![expect(clippy::unwrap_used, reason = "a case ends at the first wrong answer")]

use astrid_host_fs::{FileKind, FsView, OpenMode, Timestamp, arms::V1_0 as Arm};

use super::{Bed, Maker, arm};

const MODES: [OpenMode; 4] = [OpenMode::Read, OpenMode::Write, OpenMode::Append, OpenMode::ReadWrite];

/// fs cases 20, 22
pub async fn open_modes_differ_as_the_contract_says(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.fs().mkdir("d".into()).await.unwrap();
    for mode in [OpenMode::Read, OpenMode::ReadWrite] {
        assert_eq!(arm(host.fs().open("no".into(), mode).await).err(), Some(Arm::NotFound));
    }
    for mode in MODES {
        assert_eq!(arm(host.fs().open("d".into(), mode).await).err(), Some(Arm::IsDirectory));
    }
    host.write("a", "a").await;
    let append = host.fs().open("a".into(), OpenMode::Append).await.unwrap();
    assert_eq!(arm(host.fs().write_at(&append, 0, b"b".into()).await), Ok(1));
    assert_eq!(arm(host.fs().read_at(&append, 0, 1).await), Err(Arm::Access));
    assert_eq!(host.read("a").await.as_deref(), Ok("ab"));
    let read = host.fs().open("a".into(), OpenMode::Read).await.unwrap();
    assert_eq!(arm(host.fs().write_at(&read, 0, b"x".into()).await), Err(Arm::Access));
    assert_eq!(arm(host.fs().set_len(&read, 0).await), Err(Arm::Access));
    assert_eq!(host.fs().read_at(&read, 1, 5).await.unwrap(), b"b");
    let write = host.fs().open("a".into(), OpenMode::Write).await.unwrap();
    assert_eq!(host.read("a").await.as_deref(), Ok(""));
    assert_eq!(arm(host.fs().read_at(&write, 0, 1).await), Err(Arm::Access));
    for (name, mode) in [("w", OpenMode::Write), ("p", OpenMode::Append)] {
        host.fs().open(name.into(), mode).await.unwrap();
        assert!(host.exists(name).await);
    }
}

/// fs case 17
pub async fn pieces_have_at_most_one_mebibyte_and_end_with_the_file(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.write("f", "abc").await;
    let f = host.fs().open("f".into(), OpenMode::ReadWrite).await.unwrap();
    assert_eq!(host.fs().read_at(&f, 0, 1_048_576).await.unwrap(), b"abc");
    assert_eq!(arm(host.fs().read_at(&f, 0, 1_048_577).await), Err(Arm::TooLarge));
    for (offset, max) in [(0, 0), (3, 1), (1 << 40, 9), (1 << 63, 1), (u64::MAX, 1)] {
        assert!(host.fs().read_at(&f, offset, max).await.unwrap().is_empty(), "{offset}");
    }
    assert_eq!(arm(host.fs().write_at(&f, 0, vec![1; 1_048_577]).await), Err(Arm::TooLarge));
    assert_eq!(arm(host.fs().write_at(&f, 1 << 63, vec![1]).await), Err(Arm::TooLarge));
    assert_eq!(arm(host.fs().write_at(&f, 1, vec![]).await), Ok(0));
    assert_eq!(arm(host.fs().write_at(&f, 3, vec![b'd'; 1_048_576]).await), Ok(1_048_576));
    assert_eq!(host.fs().read_at(&f, 2, 3).await.unwrap(), b"cdd");
}

/// fs case 25
pub async fn a_gap_reads_as_zeroes_and_a_cut_file_grows_zeroes(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.write("f", "").await;
    let f = host.fs().open("f".into(), OpenMode::ReadWrite).await.unwrap();
    assert_eq!(arm(host.fs().write_at(&f, 10, b"x".into()).await), Ok(1));
    assert_eq!(host.fs().stat_handle(&f).await.unwrap().size, 11);
    assert_eq!(host.fs().read_at(&f, 0, 20).await.unwrap(), b"\0\0\0\0\0\0\0\0\0\0x");
    host.fs().write_at(&f, 0, b"12345678".into()).await.unwrap();
    host.fs().set_len(&f, 5).await.unwrap();
    host.fs().set_len(&f, 8).await.unwrap();
    assert_eq!(host.fs().read_at(&f, 0, 20).await.unwrap(), b"12345\0\0\0");
    assert_eq!(arm(host.fs().set_len(&f, u64::MAX).await), Err(Arm::TooLarge));
}

/// fs case 25
pub async fn a_handle_outlives_its_name(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.write("f", "kept").await;
    let f = host.fs().open("f".into(), OpenMode::Read).await.unwrap();
    host.fs().rename("f".into(), "g".into()).await.unwrap();
    assert_eq!(host.fs().stat_handle(&f).await.unwrap().size, 4);
    host.fs().unlink("g".into()).await.unwrap();
    assert_eq!(host.fs().stat_handle(&f).await.unwrap().size, 4);
    assert_eq!(host.fs().read_at(&f, 0, 9).await.unwrap(), b"kept");
    host.fs().drop_handle(f);
}

/// fs case 50
pub async fn every_mode_can_be_synced(make: Maker) {
    let mut host = Bed::new(make).serve();
    host.write("f", "x").await;
    for mode in MODES {
        let f = host.fs().open("f".into(), mode).await.unwrap();
        assert_eq!(arm(host.fs().sync_data(&f).await), Ok(()), "{mode:?}");
        assert_eq!(arm(host.fs().sync_all(&f).await), Ok(()), "{mode:?}");
        host.fs().drop_handle(f);
    }
    let made = host.fs().open("made".into(), OpenMode::Write).await.unwrap();
    assert_eq!(arm(host.fs().sync_all(&made).await), Ok(()));
}

/// fs case 37
pub async fn stat_tells_kind_size_and_times(make: Maker) {
    let bed = Bed::new(make);
    let path = bed.workspace().join("f");
    std::fs::write(&path, "12345").unwrap();
    let before_1970 = std::time::UNIX_EPOCH - std::time::Duration::from_nanos(500_000_000);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(before_1970).unwrap();
    let mut host = bed.serve();
    let stat = host.fs().stat("f".into()).await.unwrap();
    assert_eq!((stat.size, stat.kind, stat.mode & 0o170_000), (5, FileKind::Regular, 0o100_000));
    assert_eq!(stat.modified, Some(Timestamp { seconds: -1, nanoseconds: 500_000_000 }));
    assert!(stat.accessed.is_some());
    assert_eq!(host.fs().stat(String::new()).await.unwrap().kind, FileKind::Directory);
    assert_eq!(arm(host.fs().stat("f/".into()).await).err(), Some(Arm::NotDirectory));
}
