//! What only another user, another process or another file system can show.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::child::{done_by_nobody, done_where_mounting_works, mount};
use crate::place::{Place, arm};
use astrid_host_fs::{Fault, FileKind, FsView, OpenMode, Overlay, OverlayError, Scheme, arms::V1_0 as Arm};
use astrid_host_testkit::FakeHost;

const DENIED: Result<(), Arm> = Err(Arm::Access);

// fs case 48
#[tokio::test]
async fn a_directory_without_permissions_is_an_access_error_and_never_missing() {
    if done_by_nobody("machine::a_directory_without_permissions_is_an_access_error_and_never_missing") {
        return;
    }
    for place in crate::ways::places() {
        let d = place.at("workspace/d");
        std::fs::create_dir(&d).unwrap();
        std::fs::write(d.join("x"), "x").unwrap();
        std::fs::set_permissions(&d, PermissionsExt::from_mode(0o000)).unwrap();
        let mut host = place.host(FakeHost::builder());
        assert_eq!(arm(host.fs().exists("d/x".into()).await.map(drop)), DENIED);
        assert_eq!(arm(host.fs().exists("d/missing".into()).await.map(drop)), DENIED);
        assert_eq!(arm(host.fs().read_file("d/x".into()).await.map(drop)), DENIED);
        assert_eq!(arm(host.fs().read_dir("d".into()).await.map(drop)), DENIED);
        assert_eq!(arm(host.fs().write_file("d/y".into(), vec![]).await), DENIED);
        std::fs::set_permissions(&d, PermissionsExt::from_mode(0o700)).unwrap();
    }
}

// fs case 48
#[tokio::test]
async fn on_a_read_only_mount_every_change_is_an_access_error() {
    if done_where_mounting_works("machine::on_a_read_only_mount_every_change_is_an_access_error") {
        return;
    }
    let place = Place::new();
    let workspace = place.at("workspace");
    let target = workspace.to_str().unwrap();
    assert!(mount(&["-t", "tmpfs", "none", target]));
    std::fs::write(workspace.join("f"), "kept").unwrap();
    assert!(mount(&["-o", "remount,ro", target]));
    let mut host = place.host(FakeHost::builder());
    assert_eq!(host.fs().read_file("f".into()).await.unwrap(), b"kept");
    assert_eq!(arm(host.fs().write_file("f".into(), vec![]).await), DENIED);
    assert_eq!(arm(host.fs().write_file("new".into(), vec![]).await), DENIED);
    assert_eq!(arm(host.fs().append("f".into(), vec![1]).await), DENIED);
    assert_eq!(arm(host.fs().mkdir("d".into()).await), DENIED);
    assert_eq!(arm(host.fs().unlink("f".into()).await), DENIED);
    assert_eq!(arm(host.fs().rename("f".into(), "g".into()).await), DENIED);
    assert_eq!(arm(host.fs().open("f".into(), OpenMode::ReadWrite).await.map(drop)), DENIED);
}

// fs cases 48, 51
#[tokio::test]
async fn over_a_read_only_mount_an_overlay_takes_changes_and_keeps_what_it_cannot_commit() {
    if done_where_mounting_works(
        "machine::over_a_read_only_mount_an_overlay_takes_changes_and_keeps_what_it_cannot_commit",
    ) {
        return;
    }
    let place = Place::new();
    let workspace = place.at("workspace");
    let target = workspace.to_str().unwrap();
    assert!(mount(&["-t", "tmpfs", "none", target]));
    std::fs::write(workspace.join("f"), "kept").unwrap();
    assert!(mount(&["-o", "remount,ro", target]));
    let lower = std::sync::Arc::new(astrid_host_fs::Direct::builder().open(&workspace).unwrap());
    let overlay = Overlay::open(lower, Scheme::Workspace, &place.at("changes")).unwrap();
    let overlay = std::sync::Arc::new(overlay);
    let mounts = astrid_host_fs::Directories::new().workspace(overlay.clone());
    let mut host = crate::common::state(FakeHost::builder(), std::sync::Arc::new(mounts));
    host.fs().append("f".into(), b"!".into()).await.unwrap();
    host.fs().rename("f".into(), "g".into()).await.unwrap();
    let failed = overlay.commit();
    let refused = matches!(&failed, Err(OverlayError::At { fault: Fault::Access, .. }));
    assert!(refused, "{failed:?}");
    assert_eq!(host.fs().read_file("g".into()).await.unwrap(), b"kept!");
    assert_eq!(std::fs::read(workspace.join("f")).unwrap(), b"kept");
    assert!(mount(&["-o", "remount,rw", target]));
    overlay.commit().unwrap();
    assert_eq!(std::fs::read(workspace.join("g")).unwrap(), b"kept!");
    assert!(!workspace.join("f").exists());
}

// fs cases 44, 51
#[tokio::test]
async fn where_changes_find_a_full_device_the_old_content_and_length_stay() {
    if done_where_mounting_works("machine::where_changes_find_a_full_device_the_old_content_and_length_stay")
    {
        return;
    }
    let place = Place { overlaid: true, ..Place::new() };
    std::fs::create_dir(place.at("changes")).unwrap();
    assert!(mount(&["-t", "tmpfs", "-o", "size=256k", "none", place.at("changes").to_str().unwrap()]));
    for (name, content) in [("old", 'o'), ("log", 'l'), ("big", 'b')] {
        let size = if name == "big" { 300 << 10 } else { 100 };
        std::fs::write(place.at("workspace").join(name), vec![content as u8; size]).unwrap();
    }
    let mut host = place.host(FakeHost::builder());
    host.fs().append("log".into(), b"!".into()).await.unwrap();
    let full = Err(Arm::Quota);
    assert_eq!(arm(host.fs().write_file("old".into(), vec![b'n'; 300 << 10]).await), full);
    assert_eq!(arm(host.fs().write_file("new".into(), vec![b'n'; 300 << 10]).await), full);
    assert_eq!(arm(host.fs().append("log".into(), vec![b'n'; 300 << 10]).await), full);
    // What cannot be copied up whole is not copied up.
    assert_eq!(arm(host.fs().append("big".into(), b"!".into()).await), full);
    assert_eq!(arm(host.fs().rename("big".into(), "moved".into()).await), full);
    assert_eq!(host.fs().read_file("old".into()).await.unwrap(), vec![b'o'; 100]);
    assert_eq!(host.fs().read_file("log".into()).await.unwrap(), [&[b'l'; 100][..], b"!"].concat());
    assert_eq!(host.fs().read_file("big".into()).await.unwrap(), vec![b'b'; 300 << 10]);
    assert_eq!(host.fs().read_dir(String::new()).await.unwrap(), ["big", "log", "old"]);
}

// fs case 44
#[tokio::test]
async fn on_a_full_device_the_old_content_and_length_stay() {
    if done_where_mounting_works("machine::on_a_full_device_the_old_content_and_length_stay") {
        return;
    }
    let place = Place::new();
    let workspace = place.at("workspace");
    assert!(mount(&["-t", "tmpfs", "-o", "size=256k", "none", workspace.to_str().unwrap()]));
    let mut host = place.host(FakeHost::builder());
    host.fs().write_file("old".into(), vec![b'o'; 8 << 10]).await.unwrap();
    host.fs().write_file("log".into(), vec![b'l'; 100]).await.unwrap();
    let full = Err(Arm::Quota);
    assert_eq!(arm(host.fs().write_file("old".into(), vec![b'n'; 300 << 10]).await), full);
    assert_eq!(arm(host.fs().write_file("new".into(), vec![b'n'; 300 << 10]).await), full);
    assert_eq!(arm(host.fs().append("log".into(), vec![b'n'; 300 << 10]).await), full);
    assert_eq!(host.fs().read_file("old".into()).await.unwrap(), vec![b'o'; 8 << 10]);
    assert_eq!(host.fs().read_file("log".into()).await.unwrap(), vec![b'l'; 100]);
    assert_eq!(std::fs::read_dir(workspace).unwrap().count(), 2, "a temporary stayed");
}

// fs case 33, by identity: case-folding file systems give a reserved directory other names in the same way
#[tokio::test]
async fn a_reserved_directory_is_closed_under_the_name_of_a_mount() {
    if done_where_mounting_works("machine::a_reserved_directory_is_closed_under_the_name_of_a_mount") {
        return;
    }
    let mut place = Place::new();
    let (reserved, alias) = (place.at("home/alice/.local/log"), place.at("home/alice/alias"));
    std::fs::create_dir_all(&reserved).unwrap();
    std::fs::create_dir(&alias).unwrap();
    std::fs::write(reserved.join("l"), "secret").unwrap();
    let above = place.at("home/alice/.local");
    assert!(mount(&["--bind", above.to_str().unwrap(), alias.to_str().unwrap()]));
    for openat2 in [true, false] {
        place.openat2 = openat2;
        let mut host = place.host(FakeHost::builder());
        let denied = Err(Arm::CapabilityDenied);
        assert_eq!(arm(host.fs().read_file("home://alias/log/l".into()).await.map(drop)), denied);
        assert_eq!(arm(host.fs().stat("home://alias/log/l".into()).await.map(drop)), denied);
        assert_eq!(arm(host.fs().read_dir("home://alias".into()).await.map(drop)), denied);
        assert_eq!(arm(host.fs().remove_dir_all("home://alias".into()).await.map(drop)), denied);
    }
}

// fs case 33
#[tokio::test]
async fn a_reserved_directory_is_closed_whatever_the_case_of_its_name_on_a_folding_file_system() {
    let own =
        "machine::a_reserved_directory_is_closed_whatever_the_case_of_its_name_on_a_folding_file_system";
    if done_where_mounting_works(own) {
        return;
    }
    let place = Place::new();
    let home = place.at("home");
    std::fs::create_dir(&home).unwrap();
    if !mount(&["-t", "tmpfs", "-o", "casefold", "none", home.to_str().unwrap()]) {
        eprintln!("{own}: not done, this kernel folds no case");
        return;
    }
    std::fs::create_dir(home.join("alice")).unwrap();
    assert!(Command::new("chattr").arg("+F").arg(home.join("alice")).status().unwrap().success());
    std::fs::create_dir_all(home.join("alice/.local/log")).unwrap();
    let mut host = place.host(FakeHost::builder());
    let denied = Err(Arm::CapabilityDenied);
    for path in ["home://.LOCAL/log", "home://.Local", "home://.config/ENV"] {
        assert_eq!(arm(host.fs().read_dir(path.into()).await.map(drop)), denied, "{path}");
        assert_eq!(arm(host.fs().mkdir_all(path.into()).await), denied, "{path}");
    }
    assert_eq!(arm(host.fs().remove_dir_all("home://.LOCAL".into()).await.map(drop)), denied);
}

// fs case 21
#[tokio::test]
async fn a_character_device_is_told_and_never_opened() {
    // The machine's own, because making one takes a privilege that not everybody has.
    let volume = astrid_host_fs::Direct::builder().open("/dev".as_ref()).unwrap();
    let mounts = astrid_host_fs::Directories::new().workspace(std::sync::Arc::new(volume));
    let mut host = crate::common::state(FakeHost::builder(), std::sync::Arc::new(mounts));
    assert_eq!(host.fs().stat("null".into()).await.unwrap().kind, FileKind::CharacterDevice);
    assert_eq!(arm(host.fs().read_file("null".into()).await.map(drop)), DENIED);
    for mode in [OpenMode::Read, OpenMode::Write, OpenMode::Append, OpenMode::ReadWrite] {
        assert_eq!(arm(host.fs().open("null".into(), mode).await.map(drop)), DENIED);
    }
}

// fs case 37
#[tokio::test]
async fn a_new_file_says_when_it_was_created() {
    let place = Place::new();
    let mut host = place.host(FakeHost::builder());
    host.fs().write_file("f".into(), vec![1]).await.unwrap();
    // What the standard library says of the same file, so that a file system without it is no failure.
    let expected = std::fs::metadata(place.at("workspace/f")).unwrap().created().ok();
    let told = host.fs().stat("f".into()).await.unwrap().created;
    let since = |at: std::time::SystemTime| at.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(
        told.map(|at| (at.seconds.unsigned_abs(), at.nanoseconds)),
        expected.map(|at| (since(at).as_secs(), since(at).subsec_nanos()))
    );
}

/// F_SETLEASE, F_WRLCK; whoever breaks the lease makes the kernel send SIGIO.
const HOLDER: &str = r#"$SIG{IO} = "IGNORE"; open(F, "+<", $ARGV[0]) or die; fcntl(F, 1024, 1) or die $!;
$| = 1; print "held\n"; <STDIN>"#;

// fs case 52
#[tokio::test]
async fn a_file_under_a_write_lease_would_block_and_parks_nobody() {
    if Command::new("perl").args(["-e", "1"]).status().is_err() {
        eprintln!("not done, this machine has no perl to hold the lease");
        return;
    }
    let place = Place::new();
    let path = place.at("workspace/a.txt");
    std::fs::write(&path, "x").unwrap();
    let mut holder = Command::new("perl")
        .args(["-e", HOLDER])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "held\n");
    let mut place = place;
    let blocked = Err(Arm::WouldBlock);
    let started = std::time::Instant::now();
    for (overlaid, openat2) in [(false, true), (false, false), (true, true), (true, false)] {
        (place.overlaid, place.openat2) = (overlaid, openat2);
        let mut host = place.host(FakeHost::builder());
        assert_eq!(arm(host.fs().open("a.txt".into(), OpenMode::Read).await.map(drop)), blocked);
        assert_eq!(arm(host.fs().read_file("a.txt".into()).await.map(drop)), blocked);
        assert_eq!(host.fs().stat("a.txt".into()).await.unwrap().size, 1);
        if overlaid {
            // Copying it up reads it.
            assert_eq!(arm(host.fs().append("a.txt".into(), vec![1]).await), blocked);
        }
    }
    (place.overlaid, place.openat2) = (false, true);
    let mut host = place.host(FakeHost::builder());
    // The kernel would break the lease after 45 s; a call that waits for that is parked.
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
    holder.stdin.take().unwrap().write_all(b"\n").unwrap();
    holder.wait().unwrap();
    assert_eq!(host.fs().read_file("a.txt".into()).await.unwrap(), b"x");
}
